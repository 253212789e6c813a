"""The title out of several claims."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extraction.candidates import Candidate
from pipeline.extraction.titles import FROM_TEXT_CHARS, MAX_CHARS, title_from_text
from pipeline.extraction.titles import choose_title as choose

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "text_titles.toml").read_text(encoding="utf-8"))["case"]


def choose_title(hint: str | None, headlines: Sequence[str], document: str, sites: Sequence[str], url: str) -> str:
    origins = ("json_ld_unnamed", "open_graph", "heading", "heading_elsewhere")
    claims = [Candidate(text, origins[min(place, 3)]) for place, text in enumerate(headlines)]
    return choose(hint, [*claims, Candidate(document, "window")], sites, url).value


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_title_that_a_case_says_is_chosen(case: dict[str, Any]) -> None:
    title = choose_title(
        case.get("hint"),
        case.get("headlines", ()),
        case.get("document_title", ""),
        case.get("site_names", ()),
        case.get("url", "https://news.example/a"),
    )
    assert title == case["title"]


@given(st.text(), st.lists(st.text(), max_size=3), st.text(), st.lists(st.text(), max_size=2), st.text())
@settings(deadline=None)
def test_any_claims_give_one_line(hint: str, headlines: list[str], document: str, sites: list[str], url: str) -> None:
    title = choose_title(hint, headlines, document, sites, url)
    assert len(title.splitlines()) <= 1
    assert len(title) <= MAX_CHARS


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"], ids=repr
)
def test_a_claim_of_several_lines_becomes_one(end: str) -> None:
    claim, url = f"Talks{end}resume", "https://news.example/a"
    assert choose_title(claim, (), "", (), url) == "Talks resume"
    assert choose_title(None, [claim], "", (), url) == "Talks resume"
    assert choose_title(None, (), claim, (), url) == "Talks resume"


def test_title_from_text() -> None:
    assert title_from_text("Talks resume\n\nThe envoys met on Monday.") == "Talks resume"
    first = "The envoys met on Monday in a hotel by the lake, as Gen. Example had promised the press the day before."
    assert title_from_text(f"{first} They will meet again on Friday, when the others have come back.") == first
    long = title_from_text("word " * 100)
    assert len(long) <= FROM_TEXT_CHARS
    assert long.endswith("word…")
