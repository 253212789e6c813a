"""The event gate: hand-made reports of invented events, BCubed F1 with a floor; live blogs; the law of the order key."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from core.records import Article, OutcomeKind
from tests.quality.stories.scores import bcubed
from tests.quality.stories.stage import Teller, article, originals, stories

CASES = Path(__file__).parents[2] / "cases"
ALL_FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text(encoding="utf-8"))
FLOORS = ALL_FLOORS["events"]
LANGUAGES = ("en", "de", "ru", "ar")
SETS = {
    "hard": ("en", "fr", "ru", "zh", "fa"),
    "held": ("en", "es", "de", "tr", "uk", "ar", "zh", "fa"),
}
"""Harder sets. "held" was held back until the weights for stories across languages were fitted, which used it too."""

HOUR = 3_600_000


@cache
def events(language: str, which: str = "") -> Sequence[dict[str, Any]]:
    name = f"events_{which}_{language}.toml" if which else f"events_{language}.toml"
    loaded = tomllib.loads((CASES / name).read_text(encoding="utf-8"))
    assert loaded["language"] == language
    return sorted(loaded["articles"], key=lambda each: float(each["hours"]))


def articles(language: str, which: str = "") -> list[Article]:
    return [
        article(
            f"https://{language}{place}.example/a",
            each["title"],
            each["text"],
            at_ms=round(each["hours"] * HOUR) + place,
            source=f"{language}{place}.example",
            language=language,
        )
        for place, each in enumerate(events(language, which))
    ]


def gold(language: str, which: str = "") -> list[str]:
    return [f"{language} {each['event']}" for each in events(language, which)]


def test_the_cases_are_many() -> None:
    sizes = [gold(language).count(event) for language in LANGUAGES for event in set(gold(language))]
    assert sum(3 <= size <= 6 for size in sizes) >= 15
    assert sum(size == 1 for size in sizes) >= 5


def test_events_are_separated_and_grouped() -> None:
    every, found = [], []
    for language in LANGUAGES:
        told = Teller().tell(articles(language))
        assert {one.outcome.kind for one in told} == {OutcomeKind.PUBLISHED}
        print(f"\n{language}: {bcubed(gold(language), stories(told))}", end="")
        every += gold(language)
        found += stories(told)
    score = bcubed(every, found)
    alone = bcubed(every, range(len(every)))
    print(f"\nall: {score}\neach article a story of its own: {alone}")
    assert score.f1 >= FLOORS["f1"]
    assert score.precision >= FLOORS["precision"]


def test_the_harder_sets_are_many() -> None:
    labels = [(which, label) for which, languages in SETS.items() for one in languages for label in gold(one, which)]
    sizes = Counter(labels)
    assert sum(size >= 2 for size in sizes.values()) >= 40
    assert {label[:2] for _, label in labels} == {"en", "fr", "ru", "zh", "fa", "es", "de", "tr", "uk", "ar"}
    assert {path.name for path in CASES.glob("events_*.toml")} == {
        *(f"events_{language}.toml" for language in LANGUAGES),
        *(f"events_{which}_{language}.toml" for which, languages in SETS.items() for language in languages),
        "events_across.toml",
    }


@pytest.mark.parametrize("which", SETS)
def test_harder_events_are_separated_and_grouped(which: str) -> None:
    every, found = [], []
    for language in SETS[which]:
        told = Teller().tell(articles(language, which))
        assert {one.outcome.kind for one in told} == {OutcomeKind.PUBLISHED}
        print(f"\n{which} {language}: {bcubed(gold(language, which), stories(told))}", end="")
        every += gold(language, which)
        found += stories(told)
    score = bcubed(every, found)
    print(f"\n{which}, all: {score}\neach article a story of its own: {bcubed(every, range(len(every)))}")
    assert score.f1 >= ALL_FLOORS[f"events_{which}"]["f1"]
    assert score.precision >= ALL_FLOORS[f"events_{which}"]["precision"]


def test_languages_side_by_side_change_nothing_much() -> None:
    """All languages in one index: frequencies differ a little, languages never mix."""
    mixed = sorted((one for language in LANGUAGES for one in articles(language)), key=lambda one: one.key)
    labels = {
        one.id: label for language in LANGUAGES for one, label in zip(articles(language), gold(language), strict=True)
    }
    told = Teller().tell(mixed)
    score = bcubed([labels[one.id] for one in mixed], stories(told))
    assert score.f1 >= FLOORS["f1"]
    for one, story in zip(mixed, stories(told), strict=True):
        assert labels[story][:2] == one.language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_story_has_the_id_of_its_first_article(language: str) -> None:
    told = Teller().tell(articles(language))
    seen: set[str] = set()
    for one in told:
        assert one.article is not None
        assert one.article.story_id in seen | {one.article.id}
        seen.add(one.article.id)
    assert originals(told) == [one.article.id for one in told if one.article]


def test_a_text_in_no_known_language_begins_a_story() -> None:
    both = [
        article(f"https://{n}.example/a", each["title"], each["text"], at_ms=n, source="s")
        for n, each in enumerate(events("en")[:4])
    ]
    assert len(set(stories(Teller().tell(both)))) == 4


def test_events_lie_within_the_window() -> None:
    first, *_, last = [one for one, label in zip(articles("en"), gold("en"), strict=True) if label == "en ferry-lorne"]
    far = article(last.url, last.title, last.text, at_ms=first.key.time_ms + 72 * HOUR, source="s", language="en")
    assert len(set(stories(Teller().tell([first, far])))) == 2
