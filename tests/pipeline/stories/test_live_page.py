"""A live page (a version every two minutes) through the real stage and rule: news, and no flood."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from core.records import Alert
from pipeline.stories.story_memory import StoryFacts
from pipeline.stories.story_memory import edited as noted
from tests.pipeline.stories.world import Desk, article, edited, prose

MINUTE = 60_000
URL = "post/live"


def told(versions: list[str], *, every_ms: int = 2 * MINUTE) -> list[Alert]:
    desk = Desk()
    for number, text in enumerate(versions):
        desk.tell(article(URL, text, at_ms=number * every_ms, title="Live: the talks", subscriptions=["s"]))
    return desk.alerts


def live_page(entries: list[str]) -> list[str]:
    """Its versions: the newest entry on top, under the time of the day."""
    versions = []
    for number in range(1, len(entries) + 1):
        shown = [f"{12 + at // 30:02}:{at * 2 % 60:02}\n{entries[at]}" for at in reversed(range(number))]
        versions.append("\n".join(shown))
    return versions


def test_many_small_edits_raise_one_alert_and_two_that_say_that_the_article_is_being_rewritten() -> None:
    alerts = told(live_page([prose(seed, 90) for seed in range(40)]))
    assert [alert.reason for alert in alerts] == ["story", "edit", "edit"]


def test_news_of_a_live_page_come_every_ten_minutes() -> None:
    alerts = told(live_page([f"{100 + seed} people were killed. {prose(seed, 90)}" for seed in range(40)]))
    assert alerts[0].reason == "story"
    assert 6 <= len(alerts) <= 14
    assert {alert.reason for alert in alerts[1:]} == {"edit", "figures"}
    times = [alert.raised_at for alert in alerts]
    late = times[6:]
    assert min((b - a).total_seconds() for a, b in pairwise(late)) >= 600


def test_small_edits_and_a_running_clock_are_not_news() -> None:
    base = prose(1, 300)
    versions = [
        f"Updated {12 + number // 30:02}:{number * 2 % 60:02}\n{edited(base, 2 + number % 3)}" for number in range(40)
    ]
    assert [alert.reason for alert in told(versions)] == ["story"]


def test_a_correction_of_a_live_page_comes_at_once() -> None:
    versions = live_page([prose(seed, 90) for seed in range(30)])
    versions[25] = f"{versions[25]}\nCorrection: the talks began on Tuesday."
    alerts = told(versions)
    assert [(alert.reason, alert.raised_at.timestamp()) for alert in alerts if alert.reason == "correction"] == [
        ("correction", 25 * 2 * 60.0)
    ]


@pytest.mark.parametrize("every_ms", [10 * MINUTE, 60 * MINUTE])
def test_an_article_that_is_updated_now_and_then_is_reported_each_time(every_ms: int) -> None:
    versions = [f"{10 + seed} people were killed. {prose(1, 200)}" for seed in range(8)]
    assert [alert.reason for alert in told(versions, every_ms=every_ms)] == ["story", *["figures"] * 7]


def test_held_back_articles_are_announced_when_the_page_is_visible_again() -> None:
    versions = live_page([prose(seed, 90) for seed in range(12)])
    toll = "17 people were killed there."
    versions = [f"{toll}\n{text}" if number >= 8 else text for number, text in enumerate(versions)]
    figures = [alert for alert in told(versions) if alert.reason == "figures"]
    assert len(figures) == 1
    assert figures[0].news[0].text.startswith("17 people")


def test_the_pace_of_a_page_is_kept_as_json_and_known_as_it_was_before() -> None:
    facts = StoryFacts()
    for at in range(1, 10):
        facts, pace = noted(facts, "a", at * 2 * MINUTE)
    assert pace.often(18 * MINUTE)
    assert pace.held(18 * MINUTE)
    again = msgspec.json.decode(msgspec.json.encode(facts), type=StoryFacts)
    assert again == facts
    (before,) = facts.before(15 * MINUTE).pages.values()
    assert before.edits == (8 * MINUTE, 10 * MINUTE, 12 * MINUTE, 14 * MINUTE)
    assert before.taken_ms <= 14 * MINUTE
    assert facts.before(MINUTE).pages == {}
