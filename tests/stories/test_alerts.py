"""Who is alerted when."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline.records import alert_id, article_id, from_ms
from pipeline.stories import raise_alerts
from tests.stories.world import Desk, article, prose

ONE, TWO, THREE = prose(1), prose(2), prose(3)
A, B, C = "post/1", "herald/1", "globe/1"


@dataclass
class Item:
    url: str
    text: str
    subscriptions: str = ""
    backfill: bool = False


# Name: items in order; the alerts, as subscription and article.
CASES: dict[str, tuple[list[Item], list[tuple[str, str]]]] = {
    "one for each subscription": ([Item(A, ONE, "st")], [("s", A), ("t", A)]),
    "no match, no alert": ([Item(A, ONE)], []),
    "the same again": ([Item(A, ONE, "s"), Item(A, ONE, "s")], [("s", A)]),
    "a new version for the same subscription": ([Item(A, ONE, "s"), Item(A, TWO, "s")], [("s", A)]),
    "a new version that a second one meets": ([Item(A, ONE, "s"), Item(A, TWO, "st")], [("s", A), ("t", A)]),
    "a version that goes and comes back": ([Item(A, ONE, "s"), Item(A, TWO), Item(A, ONE, "s")], [("s", A)]),
    "a copy": ([Item(A, ONE, "s"), Item(B, ONE, "s")], [("s", A)]),
    "a copy that only its own outlet's subscription meets": (
        [Item(A, ONE, "s"), Item(B, ONE, "sb"), Item(C, ONE, "sbc")],
        [("s", A), ("b", B), ("c", C)],
    ),
    "another story": ([Item(A, ONE, "s"), Item(B, TWO, "s")], [("s", A), ("s", B)]),
    "backfill alerts nobody": ([Item(A, ONE, "s", backfill=True)], []),
    "news after backfill alerts once": (
        [Item(A, ONE, "s", backfill=True), Item(B, ONE, "s"), Item(C, ONE, "s")],
        [("s", B)],
    ),
    "a new version of a backfilled article": (
        [Item(A, ONE, "s", backfill=True), Item(A, TWO, "s"), Item(A, THREE, "s")],
        [("s", A)],
    ),
    "a backfilled article fetched again, unchanged, is no news": (
        [Item(A, ONE, "s", backfill=True), Item(A, ONE, "s")],
        [],
    ),
    "backfill into a story that was alerted": ([Item(A, ONE, "s"), Item(B, ONE, "st", backfill=True)], [("s", A)]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [False, True], ids=["one by one", "as one batch"])
def test_case(case: str, batch: bool) -> None:
    items, alerts = CASES[case]
    articles = [
        article(one.url, one.text, at_ms=number, subscriptions=list(one.subscriptions), backfill=one.backfill)
        for number, one in enumerate(items)
    ]
    desk = Desk()
    for part in [articles] if batch else [[one] for one in articles]:
        desk.tell_all(part)
    assert desk.alerted() == [(subscription, f"https://{url}") for subscription, url in alerts]


def test_an_alert_tells_of_its_article() -> None:
    desk = Desk()
    desk.tell(article(A, ONE, at_ms=1, subscriptions=["s"]))
    late = desk.tell(article(B, TWO, at_ms=0, title="Late", subscriptions=["s"]))
    alert = desk.alerts[1]
    story = article_id(f"https://{B}")
    assert alert.id == alert_id("s", story, "story")
    assert (alert.run, alert.story, alert.article, alert.subscription_version) == ("r", story, story, 1)
    assert (alert.title, alert.source, alert.url) == ("Late", "herald", f"https://{B}")
    # The time of its place, not its own.
    assert alert.raised_at == from_ms(late.key.time_ms) == from_ms(1)


def test_an_article_without_a_story_alerts_nobody() -> None:
    one = article(A, ONE, subscriptions=["s"])
    assert raise_alerts(one, one.key, set()) == []
