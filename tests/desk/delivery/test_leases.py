"""Which process may send on a channel if clocks were set back while one held it."""

from __future__ import annotations

import pytest

from core.store import Store
from core.store.leases import LEASE_MS
from desk.delivery.store.queue import SendQueue
from tests.desk.delivery.support import (
    HOUR,
    Clock,
    Receiver,
    alert,
    hook,
    put,
    service,
    settle,
    subscribe,
    subscription,
)


def waiting_message(store: Store, clock: Clock) -> None:
    subscribe(store, subscription())
    hook(store, "http://127.0.0.1:9/in")
    put(store, alert(0))
    work = service(store, clock, "planner")
    work.plan(clock.now_ms)
    work.close()


def claimed(store: Store, worker: str, now_ms: int) -> list[str]:
    return [one.name for one in SendQueue(store, worker).claim(now_ms=now_ms)]


def test_a_channel_claimed_while_the_clock_was_ahead_is_free_once_it_is_set_right(
    any_store: Store, clock: Clock
) -> None:
    # It stood still for an hour and a minute.
    waiting_message(any_store, clock)
    assert claimed(any_store, "dead", clock.now_ms + HOUR) == ["hook"]
    assert claimed(any_store, "new", clock.now_ms) == ["hook"]


@pytest.mark.parametrize("ahead_ms", [0, 1, LEASE_MS])
def test_a_process_whose_clock_is_somewhat_ahead_keeps_its_channel(
    any_store: Store, clock: Clock, ahead_ms: int
) -> None:
    waiting_message(any_store, clock)
    assert claimed(any_store, "ahead", clock.now_ms + ahead_ms) == ["hook"]
    assert claimed(any_store, "other", clock.now_ms) == []
    assert claimed(any_store, "other", clock.now_ms + ahead_ms + LEASE_MS) == ["hook"]


def test_killed_with_the_clock_ahead_the_alert_arrives_when_it_is_right_again(
    store: Store, clock: Clock, receiver: Receiver
) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0))
    # Both leases are taken in the future, and no process returns them: the rows of the outbox and the channel.
    dead = SendQueue(store, "dead")
    assert len(dead.take_alerts(10, now_ms=clock.now_ms + HOUR)) == 1
    new = service(store, clock, "new")
    new.plan(clock.now_ms)
    assert [one.name for one in dead.claim(now_ms=clock.now_ms + HOUR)] == ["hook"]
    settle(new)
    new.close()
    assert receiver.titles() == ["Headline 0"]
