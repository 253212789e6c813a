"""Queries that are saved are seen in time, wherever the worker's wall clock is set meanwhile."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.records import Subscription
from core.store import Store, SubscriptionStore
from core.store.subscriptions import FRESH_MS, MARGIN_MS
from pipeline.transforms.match import Matcher
from tests.pipeline.transforms.support import NOON_MS, at

ANN = Subscription(id="ann", query="harbour")
HOUR_MS = 3_600_000


class Clocks:
    """Time passes for both; the wall clock, as the worker has it, is ``wrong_ms`` off."""

    def __init__(self) -> None:
        self.now_ms, self.wrong_ms = NOON_MS, 0

    def wall_ms(self) -> int:
        return self.now_ms + self.wrong_ms

    def monotonic(self) -> float:
        return self.now_ms / 1000


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def matcher(store: Store, clocks: Clocks) -> Matcher:
    return Matcher(SubscriptionStore(store), clocks.wall_ms, clocks.monotonic)


def met(matcher: Matcher, time_ms: int) -> list[int]:
    found = matcher.subscriptions_of(at(time_ms, text="The harbour was closed.", title="News"))
    return [one.version for one in found]


@pytest.mark.parametrize("stamped_ahead", [False, True])
def test_a_clock_that_was_ahead_for_a_moment_hides_nothing_that_is_saved_later(
    store: Store, clocks: Clocks, matcher: Matcher, stamped_ahead: bool
) -> None:
    # For an hour no new, edited or paused subscription was seen.
    clocks.wrong_ms = HOUR_MS
    assert met(matcher, NOON_MS + HOUR_MS if stamped_ahead else NOON_MS) == []
    clocks.wrong_ms = 0
    queries = SubscriptionStore(store)
    for version, change in enumerate((ANN, replace(ANN, query="closed"), replace(ANN, state="paused")), start=1):
        queries.save_subscriptions([change], now_ms=clocks.now_ms)
        clocks.now_ms += MARGIN_MS
        assert met(matcher, clocks.now_ms) == ([] if change.state == "paused" else [version])
        clocks.now_ms += 60_000


def test_a_clock_that_steps_back_with_the_event_times_hides_nothing(
    store: Store, clocks: Clocks, matcher: Matcher
) -> None:
    assert met(matcher, NOON_MS) == []
    # All clocks of the machine are set back: the saver's, the stream's and the worker's.
    back_ms = NOON_MS - HOUR_MS
    clocks.wrong_ms = -HOUR_MS
    SubscriptionStore(store).save_subscriptions([ANN], now_ms=back_ms)
    clocks.now_ms += MARGIN_MS
    assert met(matcher, back_ms + MARGIN_MS) == [1]


@pytest.mark.parametrize("wrong_ms", [-HOUR_MS, -5_000, 5_000, HOUR_MS])
def test_a_worker_whose_clock_is_wrong_all_the_time_sees_what_is_saved_in_time(
    store: Store, clocks: Clocks, matcher: Matcher, wrong_ms: int
) -> None:
    clocks.wrong_ms = wrong_ms
    found = []
    for step in range(0, 10_000, 100):
        clocks.now_ms = NOON_MS + step
        if step == 4_000:
            SubscriptionStore(store).save_subscriptions([ANN], now_ms=clocks.now_ms)
        if met(matcher, clocks.now_ms):
            found.append(step)
    assert found == list(range(4_000 + MARGIN_MS, 10_000, 100))


def test_articles_of_the_past_cost_one_look_a_second(
    store: Store, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    queries = SubscriptionStore(store)
    stamp = queries.stamp
    monkeypatch.setattr(queries, "stamp", lambda: looks.append(clocks.now_ms) or stamp())
    matcher = Matcher(queries, clocks.wall_ms, clocks.monotonic)
    for step in range(0, 5 * FRESH_MS, 10):
        clocks.now_ms = NOON_MS + step
        met(matcher, NOON_MS - HOUR_MS + step)
    assert looks == [NOON_MS + second * FRESH_MS for second in range(1, 5)]
