"""The gate of small windows: ten articles about one topic, as a new installation has them, with several events in each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from tests.quality.stories.stage import Teller, article, stories
from tests.quality.stories.test_events import ALL_FLOORS, CASES, HOUR

FLOORS = ALL_FLOORS["small_windows"]


@cache
def windows() -> tuple[dict[str, Any], ...]:
    loaded = tomllib.loads(Path(CASES / "story_windows.toml").read_text(encoding="utf-8"))
    return tuple(loaded["windows"])


def pairs(window: dict[str, Any]) -> Iterator[tuple[bool, bool]]:
    """Of every two articles whether they are about one event, and whether they are one story."""
    ordered = sorted(window["articles"], key=lambda each: float(each["hours"]))
    told = Teller().tell(
        article(
            f"https://s{place}.example/a",
            each["title"],
            each["text"],
            at_ms=round((each["hours"] + 20) * HOUR) + place,
            source=f"s{place}.example",
            language=each["language"],
        )
        for place, each in enumerate(ordered)
    )
    both = list(zip([each["event"] for each in ordered], stories(told), strict=True))
    return ((one[0] == two[0], one[1] == two[1]) for one, two in combinations(both, 2))


def test_events_of_one_topic_stay_apart_and_reports_of_one_event_meet() -> None:
    every = [pair for window in windows() for pair in pairs(window)]
    right, wrong, missed = every.count((True, True)), every.count((False, True)), every.count((True, False))
    print(f"\n{right} right, {wrong} wrong, {missed} missed")
    assert right / (right + wrong) >= FLOORS["precision"]
    assert right / (right + missed) >= FLOORS["recall"]


def test_the_windows_are_many() -> None:
    events = [len({each["event"] for each in one["articles"]}) for one in windows()]
    assert len(events) >= 22
    assert min(events) >= 4
    assert sum(number >= 5 for number in events) >= 12
    assert len({each["language"] for one in windows() for each in one["articles"]}) >= 20
