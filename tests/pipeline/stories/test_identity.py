"""What identifies an event, and when two texts contradict each other in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stories.contradiction import contradictions, shared_words
from pipeline.stories.features import LAYOUT, features, prepared, read_features
from pipeline.stories.identity import DAY, FIGURE, MONTH, NAME, WEEKDAY, WORD, identity_of
from pipeline.stories.new_names import new_names
from pipeline.stories.skeleton import spelled
from tests.laws import examples
from tests.quality.stories.templates import template_pairs

KINDS = {NAME: "name", FIGURE: "figure", WEEKDAY: "weekday", DAY: "day", MONTH: "month", WORD: "word"}


def marks(title: str, text: str, language: str | None) -> list[tuple[str, str]]:
    found = identity_of(prepared(title), prepared(text), language).marks
    return [(KINDS[mark.key >> 28], mark.word) for mark in found if mark.key >> 28 in KINDS]


def points(one: tuple[str, str], other: tuple[str, str], language: str | None = "en") -> int:
    first, second = (read_features(features(*told, language)) for told in (one, other))
    return int(contradictions(first, second.reshape(1).view(LAYOUT)).points[0])


# Language, title, text: the names, figures and days found.
FOUND = {
    "sentences": (
        "en",
        "Ferry aground",
        "On Monday the ferry Berkarar ran aground off Kuryk with 214 people. Captain Annayev was unhurt.",
        [("weekday", "Monday"), ("name", "Berkarar"), ("name", "Kuryk"), ("figure", "214"), ("name", "Annayev")],
    ),
    "a headline with capitals": (
        "en",
        "Ferry Runs Aground Off Kuryk",
        "The ferry ran aground near Kuryk in the evening and was pulled free by the tug in the night.",
        [("name", "Kuryk")],
    ),
    "a dateline": (
        "en",
        "",
        "OSLO, Nov 5 (Reuters) - The smelter in Aardal will shut in March.",
        [("name", "Aardal"), ("month", "March")],
    ),
    "numbers in words": (
        "de",
        "",
        "Nach zwölf Tagen sind in dem Ort vierzig Helfer im Einsatz.",
        [("figure", "zwölf"), ("name", "Tagen"), ("name", "Ort"), ("figure", "vierzig")],
    ),
    "a day of the month": (
        "ru",
        "",
        "В среду, 5 ноября, в Актау выпал снег.",
        [("weekday", "среду"), ("day", "5"), ("month", "ноября"), ("name", "Актау")],
    ),
    "Chinese": (
        "zh",
        "",
        "星期二，4日，隧道贯通。",
        [("weekday", "星期二"), ("day", "4日"), ("word", "隧道"), ("word", "贯通")],
    ),
    "Japanese": ("ja", "", "ケニアの大使は7日に着任した。", [("day", "7日"), ("name", "ケニア"), ("word", "の大")]),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_identifies_the_event(name: str) -> None:
    language, title, text, expected = FOUND[name]
    found = [one for one in marks(title, text, language) if one[0] != "word" or language in ("zh", "ja")]
    assert found[: len(expected)] == expected


TEXT = "The minister opened the {} bridge near {} on {} after {} of work, and the governor thanked {} for the help."
FILLED = ("new", "Varna", "Monday", "14 months", "Mohammed Akhmetov")


# What a copy may have instead: the same thing, told otherwise.
SAME = {
    "a number in words": (3, "fourteen months"),
    "another transliteration": (4, "Muhammad Ahmetov"),
    "a date for a weekday": (2, "3 November"),
    "one word more": (0, "long awaited new"),
}
OTHER = {
    "another place": {1: "Ruse"},
    "another person": {4: "Pavel Dimov"},
    "another day and number": {2: "Friday", 3: "9 months"},
}


def filled(change: dict[int, str]) -> tuple[str, str]:
    return "Bridge opened", TEXT.format(*(change.get(at, part) for at, part in enumerate(FILLED)))


@pytest.mark.parametrize("name", SAME)
def test_the_same_facts_in_other_words_contradict_nothing(name: str) -> None:
    at, instead = SAME[name]
    assert points(filled({}), filled({at: instead})) == 0


@pytest.mark.parametrize("name", OTHER)
def test_something_else_in_the_same_place_contradicts(name: str) -> None:
    assert points(filled({}), filled(OTHER[name])) >= 5


def test_more_text_contradicts_nothing() -> None:
    title, text = filled({})
    longer = f"{text} Later Ivan Petrov and Maria Koleva of Sofia spoke of 300 jobs."
    assert points((title, text), (title, longer)) == points((title, longer), (title, text)) == 0


@pytest.mark.parametrize("names", [
    "Mohammed Muhammad Mukhammed Mohamed", "Qamishli Kamishly Qamishly", "Zelensky Zelenskyy Zelenskiy Зеленский Зеленський",
    "Damascus Damaskus Дамаскус", "Gaddafi Qadhafi",
])  # fmt: skip
def test_spellings_of_a_name_are_one(names: str) -> None:
    assert len({spelled(name.casefold()) for name in names.split()}) == 1


@pytest.mark.parametrize(
    "names", ["Iran Iraq Oran", "Norway Portugal Sweden Austria", "Thrapstone Oundlebury", "Мали Мальта"]
)
def test_different_names_are_several(names: str) -> None:
    assert len({spelled(name.casefold()) for name in names.split()}) == len(names.split())


@given(st.text(max_size=60))
def test_a_skeleton_is_short(name: str) -> None:
    made = spelled(name.casefold())
    assert len(made) <= max(5, len(name.casefold()))
    assert spelled(name.casefold()) == made


def test_names_that_are_new() -> None:
    title, text = filled({})
    known = [read_features(features(title, text, "en"))["vocabulary"]]
    other = filled({1: "Stara Zagora", 2: "Friday"})
    new = new_names(identity_of(prepared(other[0]), prepared(other[1]), "en"), known)
    assert [(one.text, one.day) for one in new] == [("Stara Zagora", False), ("Friday", True)]
    assert new_names(identity_of(prepared(title), prepared(text), "en"), known) == []


# Their fingerprints take seconds: not while tests are collected.
PAIRS = st.deferred(lambda: st.sampled_from(template_pairs()))


@given(st.lists(PAIRS, min_size=1, max_size=5), PAIRS)
@settings(max_examples=examples(25), deadline=None)
def test_rows_are_compared_each_by_itself_and_both_ways(several: list[object], asked: object) -> None:
    own = read_features(asked.first.fingerprint)  # type: ignore[attr-defined]
    rows = np.stack([read_features(one.second.fingerprint) for one in several])  # type: ignore[attr-defined]
    together, shared = contradictions(own, rows), shared_words(own, rows)
    for at in range(len(rows)):
        alone = contradictions(own, rows[at : at + 1])
        back = contradictions(rows[at], own.reshape(1).view(LAYOUT))
        for part, single, other in zip(together, alone, back, strict=True):
            assert part[at] == single[0] == other[0]
        assert shared[at] == shared_words(rows[at], own.reshape(1).view(LAYOUT))[0]


@given(st.text(max_size=300), st.text(max_size=600), st.sampled_from([None, "en", "de", "ar", "zh", "ja", "tr"]))
@settings(deadline=None)
def test_a_text_does_not_contradict_itself(title: str, text: str, language: str | None) -> None:
    made = read_features(features(title, text, language))
    assert contradictions(made, made.reshape(1).view(LAYOUT)).points.tolist() == [0]
