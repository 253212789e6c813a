"""The gate of events in several languages: invented reports beside hard neighbours. Nothing is fitted on them."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from tests.quality.stories.scores import Score, bcubed
from tests.quality.stories.stage import Teller, article, stories
from tests.quality.stories.test_events import ALL_FLOORS, CASES, HOUR
from wirewatch.demo import load_samples

FLOORS = ALL_FLOORS["events_across"]


@cache
def cases() -> tuple[dict[str, Any], ...]:
    loaded = tomllib.loads(Path(CASES / "events_across.toml").read_text(encoding="utf-8"))
    return tuple(sorted(loaded["articles"], key=lambda each: float(each["hours"])))


@cache
def found() -> tuple[str, ...]:
    told = Teller().tell(
        article(
            f"https://{each['language']}{place}.example/a",
            each["title"],
            each["text"],
            at_ms=round(each["hours"] * HOUR) + place,
            source=f"{each['language']}{place}.example",
            language=each["language"],
        )
        for place, each in enumerate(cases())
    )
    return tuple(stories(told))


def across() -> Score:
    """Over all pairs of articles in two languages."""
    gold = [(each["event"], each["language"]) for each in cases()]
    pairs = [
        (one[0] == two[0], first == second)
        for (one, first), (two, second) in combinations(list(zip(gold, found(), strict=True)), 2)
        if one[1] != two[1]
    ]
    both = pairs.count((True, True))
    return Score(both / sum(joined for _, joined in pairs), both / sum(wanted for wanted, _ in pairs))


def test_the_cases_are_many() -> None:
    languages = defaultdict(set)
    for each in cases():
        languages[each["event"]].add(each["language"])
    several = {event: spoken for event, spoken in languages.items() if len(spoken) > 1}
    assert len(several) >= 25
    assert max(map(len, several.values())) == 5
    assert {"fa", "uk", "ar", "tr", "zh", "he"} <= set.union(*several.values())
    assert len(languages) - len(several) >= 12


def test_one_event_is_one_story_in_every_language() -> None:
    score, whole = across(), bcubed([each["event"] for each in cases()], found())
    print(f"\npairs across languages: {score}\nall: {whole}")
    assert score.f1 >= FLOORS["across_f1"]
    assert score.precision >= FLOORS["across_precision"]
    assert whole.f1 >= FLOORS["f1"]


def test_hard_neighbours_stay_apart() -> None:
    sizes = [
        (each["event"], sum(story == other for other in found())) for each, story in zip(cases(), found(), strict=True)
    ]
    merged = [event for event, size in sizes if "-" in event and size > 1]
    assert len(merged) <= FLOORS["hard_merged"], merged


def test_in_the_demo_an_exchange_of_prisoners_is_not_the_truce_at_sea() -> None:
    told = Teller().tell(
        article(
            f"https://{each.outlet}.example/{each.id}",
            each.text_at(each.published).title,
            "\n".join((each.text_at(each.published).lead, *each.text_at(each.published).paragraphs)),
            at_ms=round(each.published * 1_000) + place,
            source=each.outlet,
            language=each.language,
        )
        for place, each in enumerate(sorted(load_samples().articles, key=lambda each: each.published))
    )
    story = {one.article.url.rsplit("/", 1)[1]: one.article.story_id for one in told if one.article}
    assert story["birchgate-exchange-round"] != story["lanterns-shipping-truce"]
    assert story["birchgate-shipping-truce-copy"] == story["lanterns-shipping-truce"]
