"""What names of classes say is remembered between pages, up to a bound."""

from __future__ import annotations

import pytest
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
    monkeypatch.setattr(marks, "_MOST_KEPT", 3)
    first = read(marks_of(page()))
    assert first == [["0", "4", "6"] * 2, ["1"] * 2, ["2"] * 2, ["3"] * 2, ["4"] * 2]
    assert [read(marks_of(page())) for _ in range(3)] == [first] * 3
    kept = marks._judged["class"]
    assert 0 < len(kept) <= 3
    assert all(len(name) < 400 for name in kept)
