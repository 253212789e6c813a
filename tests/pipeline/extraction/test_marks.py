"""What names of classes say is remembered between pages, up to a bound."""

from __future__ import annotations

import re
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.html import HtmlElement, fromstring

from pipeline.extraction import marks
from pipeline.extraction.marks import Marks, marks_of

NAMES = ("byline", "entry-date", "cookie-banner", "breadcrumbs", "author-bio", "plain", f"byline {'x' * 400}")


def page() -> HtmlElement:
    boxes = "".join(f'<div class="{name}">{number}</div>' for number, name in enumerate(NAMES))
    return fromstring(f"<html><body>{boxes}{boxes}</body></html>")


def read(found: Marks) -> list[list[str]]:
    several = (found.authors, found.dates, found.consent, found.breadcrumbs, found.notes)
    return [[element.text or "" for element in elements] for elements in several]


def test_what_is_remembered_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "_judged", {"class": {}})
    monkeypatch.setattr(marks, "_judged_words", {})
    monkeypatch.setattr(marks, "_MOST_KEPT", 3)
    monkeypatch.setattr(marks, "_MOST_WORDS_KEPT", 2)
    first = read(marks_of(page()))
    assert first == [["0", "4", "6"] * 2, ["1"] * 2, ["2"] * 2, ["3"] * 2, ["4"] * 2]
    assert [read(marks_of(page())) for _ in range(3)] == [first] * 3
    kept = marks._judged["class"]
    assert 0 < len(kept) <= 3
    assert all(len(name) < 400 for name in kept)
    assert 0 < len(marks._judged_words) <= 2
    assert all(len(name) < 400 for name in marks._judged_words)


PATTERNS = (
    "_ANY_NAME",
    "_AUTHOR_NAME",
    "_DATE_NAME",
    "_CONSENT_NAME",
    "_ABOUT_THE_AUTHOR",
    "_SIGN_UP_NAME",
    "_BREADCRUMB",
)
PARTS = [
    "by",
    "author",
    "bio",
    "-",
    "_",
    "cmp",
    "box",
    "cookie",
    "consent",
    "entry",
    "meta",
    "about",
    "the",
    "news",
    "letter",
]
PARTS += ["sign", "up", "subscribe", "r", "bread", "crumb", "x", "İ", "privacy", "banner", "sp_message", "qc"]
NAME = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join)
SPACE = st.text(st.sampled_from(" \t\n\x1c\xa0\u3000"), min_size=1, max_size=2)


@given(st.lists(st.tuples(NAME, SPACE), min_size=1, max_size=4))
def test_a_value_means_what_its_names_mean_one_by_one(names: list[tuple[str, str]]) -> None:
    value = "".join(chain.from_iterable(names)).lower()
    for name in PATTERNS:
        pattern: re.Pattern[str] = getattr(marks, name)
        assert bool(pattern.search(value)) == any(map(pattern.search, value.split())), name
