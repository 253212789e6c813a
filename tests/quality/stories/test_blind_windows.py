"""Windows of a few articles that were written without a look at the code: one event or another, copies or not.

Half of them (odd numbers) were looked at when the weights were fitted; the others were only measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from tests.quality.stories.stage import Teller, article, originals, stories
from tests.quality.stories.test_events import CASES


@cache
def windows() -> tuple[dict[str, Any], ...]:
    lines = (CASES / "story_windows_blind.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def pairs(groups: list[list[str]]) -> Iterator[tuple[str, str]]:
    for group in groups:
        yield from combinations(group, 2)


def faults(window: dict[str, Any]) -> list[str]:
    """What is decided otherwise than it should be, in alphabetical order."""
    told = sorted(window["articles"], key=lambda each: str(each["published"]))
    decided = Teller().tell(
        article(
            f"https://{each['outlet']}/{window['id']}/{each['id']}",
            each["title"],
            each["text"],
            at_ms=int(datetime.fromisoformat(each["published"]).timestamp() * 1_000) + place,
            source=each["outlet"],
            language=each["language"],
        )
        for place, each in enumerate(told)
    )
    names = [each["id"] for each in told]
    story = dict(zip(names, stories(decided), strict=True))
    original = dict(zip(names, originals(decided), strict=True))
    found = [f"split {one}{two}" for one, two in pairs(window["same"]) if story[one] != story[two]]
    found += [f"joined {one}{two}" for one, two in pairs(window["apart"]) if story[one] == story[two]]
    found += [f"no copy {one}{two}" for one, two in pairs(window["copies"]) if original[one] != original[two]]
    return sorted(found)


@pytest.mark.parametrize(
    "window",
    [
        pytest.param(
            window,
            id=f"{window['id']} {window['kind']}",
            marks=pytest.mark.xfail(reason=", ".join(window["wrong"]), strict=True) if "wrong" in window else (),
        )
        for window in windows()
    ],
)
def test_a_window(window: dict[str, Any]) -> None:
    assert faults(window) == []


def test_the_windows_are_many_and_mostly_right() -> None:
    every, wrong = windows(), [one for window in windows() for one in window.get("wrong", ())]
    together, apart = (sum(1 for window in every for _ in pairs(window[kind])) for kind in ("same", "apart"))
    assert len({each["language"] for window in every for each in window["articles"]}) >= 40
    assert sum(one.startswith("split") for one in wrong) <= together * 0.15
    assert sum(one.startswith("joined") for one in wrong) <= apart * 0.15
