"""Pairs of articles: true copies, versions, one event in other words or another language, developments; and their alerts."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

import pytest
from msgspec.structs import replace

from core.records import Alert, Article, SubscriptionMatch
from tests.pipeline.stories.world import Desk
from tests.quality.stories.stage import article, originals, stories
from tests.quality.stories.templates import CASES, HOUR

WANTED = (SubscriptionMatch("s", 1),)
BOTH_ORDERS = ("copy", "one")


@cache
def pairs() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = tomllib.loads((CASES / "story_pairs.toml").read_text("utf-8"))["pairs"]
    return loaded


def orders(pair: dict[str, Any]) -> list[str]:
    return ["ab", "ba"] if pair["want"] in BOTH_ORDERS else ["ab"]


def articles(pair: dict[str, Any], order: str) -> list[Article]:
    """The two articles, the later one ``hours`` later; a version has the address of the first."""
    languages = {"a": pair["language"], "b": pair.get("language_b", pair["language"])}
    outlets = {"a": "one", "b": "one" if pair["want"] == "version" else "two"}
    return [
        article(
            f"https://{outlets[each]}.example/{outlets[each]}",
            pair[each]["title"],
            pair[each]["text"],
            at_ms=1 + place * pair["hours"] * HOUR,
            source=f"{outlets[each]}.example",
            language=languages[each],
        )
        for place, each in enumerate(order)
    ]


def told(pair: dict[str, Any], order: str) -> tuple[bool, bool, list[Alert]]:
    """Whether they are one story and whether they are copies, and the alerts of a subscription that both match."""
    desk = Desk()
    ends = [desk.tell(replace(one, subscriptions=WANTED)) for one in articles(pair, order)]
    return len(set(stories(ends))) == 1, len(set(originals(ends))) == 1, desk.alerts


def right(pair: dict[str, Any], order: str) -> bool:
    story, copy, alerts = told(pair, order)
    match pair["want"]:
        case "copy":
            return story and copy and len(alerts) == 1
        case "version":
            return story and copy
        case "one":
            return story and len(alerts) == 1
        case _:
            news = " ".join(one.text for alert in alerts[1:] for one in alert.news)
            return len(alerts) == 2 and (not story or any(name in news for name in pair["new"]))


@pytest.mark.parametrize(
    ("pair", "order"),
    [
        pytest.param(
            pair,
            order,
            id=f"{pair['want']} {pair['language']} {pair['kind']} {order}",
            marks=pytest.mark.xfail(reason=pair["wrong"][order], strict=True) if order in pair.get("wrong", {}) else (),
        )
        for pair in pairs()
        for order in orders(pair)
    ],
)
def test_a_pair_becomes_what_a_desk_expects(pair: dict[str, Any], order: str) -> None:
    assert right(pair, order)


def test_the_pairs_are_many() -> None:
    assert len(pairs()) >= 28
    assert len({pair["language"] for pair in pairs()}) >= 15
