"""Boilerplate goes as whole lines, and only as such."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline.text.boilerplate import drop_boilerplate, is_boilerplate
from pipeline.text.characters import normal_text

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "text_boilerplate.toml").read_text(encoding="utf-8"))[
    "case"
]
LINES = [(line, kind == "drop") for case in CASES for kind in ("drop", "keep") for line in case.get(kind, ())]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[line[:40] for line, _ in LINES])
def test_a_line_is_boilerplate_if_its_case_says_so(line: str, expected: bool) -> None:
    assert is_boilerplate(normal_text(line)) is expected


@pytest.mark.parametrize("line", [line for line, dropped in LINES if dropped], ids=lambda line: line[:40])
def test_never_inside_a_paragraph(line: str) -> None:
    paragraph = normal_text(f"The envoy left the hall at noon and said no more than this: {line} and then he was gone.")
    assert drop_boilerplate(paragraph) == paragraph


def test_blank_lines_around_a_dropped_line_become_one() -> None:
    assert drop_boilerplate("First.\n\nAdvertisement\n\nSecond.\nThird.") == "First.\n\nSecond.\nThird."


def test_the_rest_of_a_wrapped_paragraph_stays() -> None:
    wrapped = "The company earned less last year, as it was hit by a fall in\nadvertising\n\nShare this article"
    assert drop_boilerplate(wrapped, wrapped=True) == wrapped.removesuffix("\n\nShare this article")
    assert drop_boilerplate("The company earned less.\nAdvertising", wrapped=True) == "The company earned less."
