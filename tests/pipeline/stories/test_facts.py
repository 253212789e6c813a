"""Figures, corrections and retractions in ten languages, from the tables of cases."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.stories.facts import facts_of, notices_of
from pipeline.stories.figures import figures_in
from pipeline.text.difference import difference

CASES = Path(__file__).parents[2] / "cases"
LANGUAGES = {"en", "fr", "de", "es", "ru", "uk", "tr", "ar", "fa", "zh"}
NOTICES: dict[str, dict[str, list[str]]] = tomllib.loads((CASES / "alert_notices.toml").read_text("utf-8"))
FIGURES: dict[str, dict[str, list[Any]]] = tomllib.loads((CASES / "alert_figures.toml").read_text("utf-8"))
NEWS: list[dict[str, Any]] = tomllib.loads((CASES / "alert_news_figures.toml").read_text("utf-8"))["case"]


def rows(table: dict[str, dict[str, list[Any]]], *kinds: str) -> list[Any]:
    return [
        pytest.param(language, kind, row, id=f"{language} {kind}: {row if isinstance(row, str) else row[0]}")
        for language, cases in table.items()
        for kind in kinds
        for row in cases.get(kind, ())
    ]


def keys(text: str, language: str) -> list[int]:
    return sorted(figure.key for figure in figures_in(text, language))


def test_all_ten_languages_have_cases() -> None:
    assert set(NOTICES) == LANGUAGES
    assert set(FIGURES) == LANGUAGES | {"pl", "cs", "bg"}
    for cases in NOTICES.values():
        assert len(cases["none"]) >= 4


@pytest.mark.parametrize(("language", "kind", "line"), rows(NOTICES, "retraction", "correction", "none"))
def test_a_note_to_readers(language: str, kind: str, line: str) -> None:
    around = "Before it stood a line.\n{}\nAnd one after it."
    found = [notice.kind for notice in notices_of("A title", around.format(line))]
    assert found == ([] if kind == "none" else [kind])


@pytest.mark.parametrize(
    ("language", "kind", "title"), rows(NOTICES, "retraction_title", "correction_title", "none_title")
)
def test_a_slug_in_the_title(language: str, kind: str, title: str) -> None:
    found = [notice.kind for notice in notices_of(title, "A text.")]
    assert found == ([] if kind == "none_title" else [kind.removesuffix("_title")])


@pytest.mark.parametrize(("language", "kind", "row"), rows(FIGURES, "figures"))
def test_the_figures_of_a_sentence_are_those_of_its_case(language: str, kind: str, row: list[str]) -> None:
    text, values = row
    # Each value by itself is the figure that it is in the sentence.
    wanted = sorted(key for value in values.split() for key in keys(value, "en"))
    assert wanted
    assert keys(text, language) == wanted


@pytest.mark.parametrize(("language", "kind", "row"), rows(FIGURES, "same"))
def test_ways_of_writing_one_figure(language: str, kind: str, row: list[str]) -> None:
    found = {tuple(keys(text, language)) for text in row}
    assert len(found) == 1
    assert len(found.pop()) == 1


@pytest.mark.parametrize(("language", "kind", "text"), rows(FIGURES, "none"))
def test_what_does_not_count_as_a_figure(language: str, kind: str, text: str) -> None:
    assert [text[one.start : one.end] for one in figures_in(text, language)] == []


@pytest.mark.parametrize("case", NEWS, ids=[f"{each['language']}: {each['title']}" for each in NEWS])
def test_figures_that_are_news(case: dict[str, Any]) -> None:
    language = case["language"]
    found = facts_of(case["title"], case["lead"], language=language).figures
    assert {one.key for one in found if one.news} == {key for number in case["news"] for key in keys(number, "en")}
    assert {one.key for one in found} == {key for part in (case["title"], case["lead"]) for key in keys(part, language)}


WORDS = "The council met in the old hall and spoke of roads, schools and the harbour. " * 12


@pytest.mark.parametrize(
    ("before", "after", "figures"),
    [
        ("The fire burned 1,204 houses.", "The fire burned 1,305 houses.", {"1,305"}),
        ("The fund holds $3.5 million.", "The fund holds $3.7 million.", {"$3.7 million"}),
        ("It began at 12:31 there.", "It began at 12:48 there.", set()),
        ("They lead by 2-1 at the break.", "They lead by 3-1 at the break.", set()),
        ("The line is 030 123 4567 now.", "The line is 030 123 4599 now.", set()),
        ("It was on 12 March that year.", "It was on 14 March that year.", set()),
        ("Seven people were killed there.", "Nine people were killed there.", {"Nine"}),
    ],
)
def test_an_edits_figures_far_down_are_whole(before: str, after: str, figures: set[str]) -> None:
    old, new = f"{WORDS}{before} {WORDS}", f"{WORDS}{after} {WORDS}"
    changes = difference(("T", old), ("T", new)).changes
    assert changes
    found = facts_of("T", new, language="en", changes=changes).figures
    assert {one.key for one in found} == {
        key for text in figures for key in keys(f"{text} people killed" if text == "Nine" else text, "en")
    }


@pytest.mark.parametrize(
    "line", ["Updated 12:31", "1,204 comments", "5 minutes ago", "Last updated: 12 March 2026, 14:02"]
)
def test_a_clock_at_the_top_of_a_page_is_not_a_figure(line: str) -> None:
    assert facts_of("T", f"{line}\n{WORDS}", language="en").figures == ()


@pytest.mark.parametrize(
    "unit", ["@", "a@", "1", ",", ".", "1.", "1,000,", "1年", "+1", "1 www.", "1 ", "(0123) ", "twelve ", "mil ", "a1"]
)
def test_no_pattern_goes_through_a_hostile_text_from_each_of_its_places(unit: str) -> None:
    # Where one does, this takes minutes.
    text = unit * (30_000 // len(unit))
    places = [(one.start, one.end) for language in ("en", "zh") for one in figures_in(text, language)]
    assert all(0 <= start < end <= len(text) for start, end in places)


def test_the_month_may_is_not_a_verb() -> None:
    for text in ("12 may have died in the blast", "Some 12 may be dead"):
        assert [text[one.start : one.end] for one in figures_in(text, "en")] == ["12"]
    assert not list(figures_in("They met on 12 May in Geneva", "en"))


@pytest.mark.parametrize(("place", "found"), [(0.0, 1), (0.5, 0), (1.0, 1)])
def test_in_a_text_of_megabytes_a_note_is_looked_for_above_and_below(place: float, found: int) -> None:
    lines = ["Sheep were counted on the quay."] * 60_000
    lines.insert(int(place * len(lines)), "Correction: there were goats.")
    assert len(notices_of("A title", "\n".join(lines))) == found
