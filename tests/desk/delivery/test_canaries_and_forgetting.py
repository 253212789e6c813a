"""What delivery does beside delivering: marks canaries, counts how long alerts took, forgets what was sent long ago."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
import sqlalchemy as sa

from core.errors import StoreError
from core.records.alert import Schedule
from core.store import Store
from core.store import tables as t
from core.store.canary import CanaryHealth, CanaryRepository, CanaryState, canary_state
from core.store.counts import latencies, read_counts
from core.store.tables import canaries
from desk.delivery.service import FORGET_EVERY_MS, CanaryMarks
from desk.delivery.store import queue as queue_module
from desk.delivery.store import tables as d
from desk.delivery.store.channels import DeliveryRepository, any_active
from desk.delivery.store.queue import forget_sent
from tests.desk.delivery.support import (
    HOUR,
    NOON_MS,
    Clock,
    Receiver,
    alert,
    hook,
    put,
    service,
    settle,
    statuses,
    subscribe,
    subscription,
)

DAY = 24 * HOUR
INTERVAL_S = 300.0


def canary(store: Store, clock: Clock, name: str) -> None:
    """One that came as far as the outbox, and through the relay."""
    row = {"run": "live", "id": name, "token": name, "made_ms": clock(), "appended_ms": clock(), "handled_ms": clock()}
    with store.writing() as connection:
        connection.execute(canaries.insert(), [row | {"outcome": "published", "alert": "a", "relayed_ms": clock()}])


def state(store: Store, clock: Clock) -> CanaryState:
    return canary_state(store, "live", now_ms=clock(), interval_s=INTERVAL_S, channels=any_active(store))


def test_a_stopped_delivery_is_reported_until_it_continues(any_store: Store, clock: Clock) -> None:
    """Canaries come every five minutes; the service works for an hour, stands for ten days, and comes back."""
    work = service(any_store, clock, canaries=CanaryRepository(any_store, "live"))
    for number in range(12):
        canary(any_store, clock, f"c{number}")
        settle(work)
        clock.pass_(minutes=5)
    ok = state(any_store, clock)
    assert (ok.health, ok.silent_stage, set(ok.took_s) >= {"delivered"}) == (CanaryHealth.OK, None, True)
    last = max(row.delivered_ms for row in all_of(any_store))
    for number in range(12, 15):
        canary(any_store, clock, f"c{number}")
        clock.pass_(minutes=5)
    silent = state(any_store, clock)
    assert (silent.health, silent.silent_stage) == (CanaryHealth.SILENT, "delivery")
    assert silent.age_s == (clock() - last) / 1000
    assert "no delivery service has processed it" in silent.summary
    # A day later none of the canaries that are looked at was delivered: that must not make delivery optional.
    clock.pass_(days=2)
    canary(any_store, clock, "later")
    assert state(any_store, clock).silent_stage == "delivery"
    settle(work)
    assert state(any_store, clock).health is CanaryHealth.OK
    work.close()


def all_of(store: Store) -> list[sa.Row[tuple[object, ...]]]:
    with store.reading() as connection:
        return list(connection.execute(sa.select(canaries)).all())


def test_without_a_channel_and_a_service_delivery_is_not_part_of_the_path(store: Store, clock: Clock) -> None:
    canary(store, clock, "c")
    clock.pass_(minutes=1)
    assert state(store, clock).health is CanaryHealth.OK
    hook(store, "http://127.0.0.1:1/")
    clock.pass_(minutes=20)
    canary(store, clock, "d")
    assert state(store, clock).silent_stage != "delivery"  # the run is not there: nothing began
    with store.writing() as connection:
        row = {"name": "live", "owner": "me", "kind": "live", "created_ms": NOON_MS, "epoch": 1, "seq": 1}
        connection.execute(t.runs.insert(), [row])
    assert state(store, clock).silent_stage == "delivery"
    DeliveryRepository(store).remove_channel("hook")
    assert state(store, clock).health is CanaryHealth.OK


def test_neither_end_hides_the_silence_of_the_other(store: Store, clock: Clock) -> None:
    canary(store, clock, "through")
    work = service(store, clock, canaries=CanaryRepository(store, "live"))
    settle(work)
    clock.pass_(minutes=20)
    canary(store, clock, "not relayed")
    with store.writing() as connection:
        connection.execute(canaries.update().where(canaries.c.id == "not relayed").values(relayed_ms=None))
    settle(work)
    found = state(store, clock)
    assert (found.health, found.silent_stage) == (CanaryHealth.SILENT, "relay")
    work.close()


def test_a_canary_is_marked_after_the_outbox_that_held_it_and_is_not_delivered(
    store: Store, clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    work = service(store, clock, canaries=CanaryRepository(store, "live"))
    canary(store, clock, "c")

    def broken(*_arguments: object, **_more: object) -> int:
        raise StoreError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(work, "plan", broken)
        with pytest.raises(StoreError):
            work.step()
    assert [row.delivered_ms for row in all_of(store)] == [None]
    clock.pass_(seconds=6)
    settle(work)
    work.close()
    assert [row.delivered_ms for row in all_of(store)] == [clock()]
    assert (receiver.got, statuses(store)) == ([], {})


def test_one_that_came_while_the_outbox_was_gone_through_waits_for_the_next_time(store: Store, clock: Clock) -> None:
    done: list[Callable[[], None]] = []

    def submit(work: Callable[[], None]) -> Future[None]:
        done.append(work)
        return Future()

    marks = CanaryMarks(CanaryRepository(store, "live"), clock, submit)
    canary(store, clock, "before")
    marks.before(clock())
    canary(store, clock, "during")
    marks.after()
    marks.after()
    assert len(done) == 1
    done[0]()
    assert {row.id: row.delivered_ms for row in all_of(store)} == {"before": NOON_MS, "during": None}
    # The threads hang: no more is handed to them, and nothing is marked.
    clock.pass_(minutes=10)
    marks.before(clock())
    marks.after()
    assert len(done) == 1


def test_threads_that_all_hang_deliver_no_canary(store: Store, clock: Clock) -> None:
    work = service(store, clock, canaries=CanaryRepository(store, "live"))
    free = threading.Event()
    for _ in range(work._pool._max_workers):
        work._pool.submit(free.wait, 60)
    canary(store, clock, "c")
    try:
        for _ in range(5):
            clock.pass_(seconds=6)
            work.step()
        assert [row.delivered_ms for row in all_of(store)] == [None]
    finally:
        free.set()
        work.close()
    assert [row.delivered_ms for row in all_of(store)] == [clock()]


def stored(store: Store, number: int, stored_ms: int, subscription: str = "s") -> None:
    """An alert as the pipeline's transaction leaves it."""
    one = alert(number, subscription)
    row = {"run": "live", "id": one.id, "subscription": subscription, "story": one.story, "article": one.article}
    commit = {"run": "live", "seq": number + 1, "stored_ms": stored_ms, "epoch": 1, "handled": 0}
    with store.writing() as connection:
        connection.execute(t.alerts.insert(), [row | {"place": "0", "record": "", "seq": number + 1}])
        connection.execute(t.commits.insert(), [commit])
    put(store, one)


def test_how_long_alerts_took_from_the_store_is_counted_but_for_those_that_were_held(
    any_store: Store, clock: Clock, receiver: Receiver
) -> None:
    subscribe(any_store, subscription(), subscription("daily", schedule=Schedule(kind="daily")))
    hook(any_store, receiver.url)
    stored(any_store, 0, NOON_MS - 800)
    stored(any_store, 1, NOON_MS - 2_500)
    stored(any_store, 2, NOON_MS - 100, "daily")
    put(any_store, alert(3))  # of a run whose store is elsewhere by now
    work = service(any_store, clock)
    settle(work)
    clock.pass_(days=2)
    settle(work)
    settle(work)
    work.close()
    assert statuses(any_store) == {"sent": 4}
    with any_store.reading() as connection:
        found = {one.stage: one for one in latencies(read_counts(connection, "live"))}
    took = found["store_to_delivery"]
    assert (took.buckets[-1][1], took.sum_s) == (2, 3.3)
    assert dict(took.buckets)[1] == 1


def sent_at(store: Store, clock: Clock, number: int, **fields: object) -> None:
    put(store, alert(number, **fields))  # type: ignore[arg-type]
    work = service(store, clock)
    settle(work)
    work.close()


def deliveries(store: Store) -> dict[str, str]:
    with store.reading() as connection:
        return {row.article: row.status for row in connection.execute(sa.select(d.deliveries))}


def test_only_messages_sent_long_ago_are_forgotten(any_store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(any_store, subscription(), subscription("digest", schedule=Schedule(kind="daily")))
    hook(any_store, receiver.url)
    sent_at(any_store, clock, 0)
    sent_at(any_store, clock, 1)
    receiver.answers = [(400, {})]
    sent_at(any_store, clock, 2)  # refused for good
    put(any_store, alert(3, "digest"))
    work = service(any_store, clock)
    settle(work)
    clock.pass_(days=100)
    # Nobody worked meanwhile: the digest is still held, though it was due long ago.
    assert forget_sent(any_store, before_ms=clock() - 90 * DAY, limit=10) == 4
    assert deliveries(any_store) == {"article2": "failed", "article3": "held"}
    settle(work)
    assert forget_sent(any_store, before_ms=clock() - 90 * DAY, limit=10) == 0
    assert deliveries(any_store) == {"article2": "failed", "article3": "sent"}
    work.close()


def test_a_story_that_continues_keeps_what_its_alerts_said(any_store: Store, clock: Clock, receiver: Receiver) -> None:
    """Or a retraction would not find whom it was told, and a repeat in the outbox would be sent again."""
    subscribe(any_store, subscription())
    hook(any_store, receiver.url)
    sent_at(any_store, clock, 0, story="goes on", reason="update", parameter="0")
    clock.pass_(days=100)
    sent_at(any_store, clock, 1, story="goes on", reason="update", parameter="1")
    assert forget_sent(any_store, before_ms=clock() - 90 * DAY, limit=10) == 0
    sent_at(any_store, clock, 0, story="goes on", reason="update", parameter="0")  # the same alert once more
    assert len(receiver.got) == 2
    clock.pass_(days=91)
    assert forget_sent(any_store, before_ms=clock() - 90 * DAY, limit=10) == 4
    assert (deliveries(any_store), forget_sent(any_store, before_ms=clock(), limit=10)) == ({}, 0)


def test_the_service_prunes_in_batches_once_an_hour_and_never_if_all_is_kept(
    store: Store, clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def forget(store: Store, *, before_ms: int, limit: int) -> int:
        asked.append(before_ms)
        return queue_module.forget_sent(store, before_ms=before_ms, limit=min(limit, 2))

    monkeypatch.setattr("desk.delivery.service.forget_sent", forget)
    subscribe(store, subscription())
    hook(store, receiver.url)
    for number in range(5):
        sent_at(store, clock, number)
    clock.pass_(days=91)
    keeps_all, work = service(store, clock), service(store, clock, keep_ms=90 * DAY)
    keeps_all.step()
    assert asked == []
    for left in (3, 1, 0, 0, 0):
        work.step()
        assert len(deliveries(store)) == left
    assert asked == [NOON_MS + DAY] * 4, "two, two, one, and the one that found nothing"
    clock.now_ms += FORGET_EVERY_MS
    work.step()
    assert len(asked) == 5
    keeps_all.close()
    work.close()
