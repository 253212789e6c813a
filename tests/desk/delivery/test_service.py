"""From the outbox to receivers: all of it arrives, whatever fails, and repeats can be told by their id."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.records import Alert, article_id, decode
from core.records.alert import Schedule
from core.store import Store, open_store
from core.store.leases import LEASE_MS
from core.store.takedowns import Takedown
from desk.delivery.plan import plan_all
from desk.delivery.service import PLAN_BATCH, PLAN_BATCHES, DeliveryService
from desk.delivery.store.channels import DeliveryRepository, Mute
from desk.delivery.store.queue import SendQueue
from tests.desk.delivery.support import (
    HOUR,
    NOON_MS,
    Clock,
    Receiver,
    alert,
    deliveries_in,
    hook,
    put,
    receiving,
    service,
    settle,
    statuses,
    subscribe,
    subscription,
)
from tests.waiting import until


def deliver(store: Store, clock: Clock, **fields: Any) -> None:
    work = service(store, clock, **fields)
    try:
        settle(work)
    finally:
        work.close()


def test_alerts_arrive_once_with_all_that_they_carry(any_store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(any_store, subscription())
    hook(any_store, receiver.url)
    put(any_store, alert(0), alert(1))
    deliver(any_store, clock)
    deliver(any_store, clock)
    assert receiver.titles() == ["Headline 0", "Headline 1"]
    first = receiver.got[0].json
    assert first["kind"] == "alert"
    assert first["id"] == receiver.got[0].id == receiver.got[0].headers["idempotency-key"]
    assert first["subscription"] == {"id": "s", "name": "Mines", "owner": "ann"}
    assert first["alerts"][0]["clause"] == "mine"
    assert first["alerts"][0]["snippets"] == [{"field": "text", "text": "the mine fell in at dawn", "spans": [[4, 8]]}]
    assert statuses(any_store) == {"sent": 2}
    (channel,) = DeliveryRepository(any_store).channels("ann")
    assert (channel.health, channel.problem, channel.last_ok_ms) == ("ok", None, NOON_MS)
    told = DeliveryRepository(any_store).deliveries_of([alert(0).id])[alert(0).id]
    assert [(one.channel, one.status, one.sent_ms) for one in told] == [("hook", "sent", NOON_MS)]


def test_a_receiver_that_fails_gets_it_later_under_the_same_id(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0))
    receiver.answers = [(503, {}), (500, {})]
    deliver(store, clock)
    (channel,) = DeliveryRepository(store).channels()
    assert (channel.health, channel.failures, channel.problem) == ("failing", 1, "the receiver answered 503")
    clock.pass_(seconds=2)
    deliver(store, clock)
    assert len(receiver.got) == 1
    clock.pass_(seconds=2)
    deliver(store, clock)
    clock.pass_(seconds=20)
    deliver(store, clock)
    assert len(receiver.got) == 3
    assert len({one.id for one in receiver.got}) == 1
    assert len({one.body for one in receiver.got}) == 1
    (channel,) = DeliveryRepository(store).channels()
    assert (channel.health, channel.failures, channel.problem) == ("ok", 0, None)
    assert statuses(store) == {"sent": 1}


def test_429_waits_as_long_as_the_receiver_asks(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0), alert(1))
    receiver.answers = [(429, {"retry-after": "120"})]
    deliver(store, clock)
    clock.pass_(seconds=119)
    deliver(store, clock)
    assert len(receiver.got) == 1
    clock.pass_(seconds=10)
    deliver(store, clock)
    assert sorted(receiver.titles()) == ["Headline 0", "Headline 0", "Headline 1"]


def test_a_message_that_is_refused_holds_up_no_other_and_stays_to_be_seen(
    store: Store, clock: Clock, receiver: Receiver
) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0), alert(1))
    receiver.answers = [(422, {})]
    deliver(store, clock)
    assert statuses(store) == {"failed": 1, "sent": 1}
    (failed,) = (one for one in deliveries_in(store) if one.status == "failed")
    assert failed.why == "the receiver refused this message (422)"
    assert DeliveryRepository(store).retry_channel("hook", now_ms=clock.now_ms) == 1
    deliver(store, clock)
    assert statuses(store) == {"sent": 2}


def test_a_message_that_the_receiver_fails_on_lets_others_pass(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0), alert(1))
    receiver.answers = [(500, {}), (500, {})]
    deliver(store, clock)
    clock.pass_(seconds=5)
    deliver(store, clock)
    clock.pass_(seconds=7.5)
    # Only now the second may try: the first waits longer, for itself.
    deliver(store, clock)
    assert receiver.titles()[:3] == ["Headline 0", "Headline 0", "Headline 1"]


def test_a_stalled_channel_does_not_hold_up_others(store: Store, clock: Clock) -> None:
    with receiving() as slow, receiving() as quick:
        slow.stall = threading.Event()
        subscribe(store, subscription(delivery=("slow", "quick"), schedule=Schedule(per_hour=0)))
        hook(store, slow.url, "slow")
        hook(store, quick.url, "quick")
        put(store, *(alert(number) for number in range(5)))
        work = service(store, clock, timeout_s=30.0)
        work.step()
        until(lambda: len(quick.got) == 5, "all on the quick channel", seconds=20)
        assert slow.got == []
        slow.stall.set()
        settle(work)
        work.close()
        assert len(slow.got) == 5


def test_a_receiver_that_never_answers_is_left_in_time(store: Store, clock: Clock, receiver: Receiver) -> None:
    receiver.stall = threading.Event()
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0))
    deliver(store, clock, timeout_s=0.2)
    (channel,) = DeliveryRepository(store).channels()
    assert (channel.health, channel.problem) == ("failing", "the receiver did not answer in time")
    receiver.stall.set()
    receiver.stall = None
    clock.pass_(minutes=1)
    deliver(store, clock)
    assert statuses(store) == {"sent": 1}


def test_a_night_is_one_digest_in_the_morning(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription(schedule=Schedule(quiet="22:00-07:00", zone="Europe/Berlin")))
    hook(store, receiver.url)
    clock.pass_(hours=10)
    for number in range(3):
        put(store, alert(number))
        deliver(store, clock)
        clock.pass_(hours=1)
    put(store, alert(9, level="urgent"))
    deliver(store, clock)
    assert receiver.titles() == ["Headline 9"]
    clock.now_ms = NOON_MS + 18 * HOUR - 1
    deliver(store, clock)
    assert len(receiver.got) == 1
    clock.pass_(seconds=1)
    deliver(store, clock)
    assert [got.json["kind"] for got in receiver.got] == ["alert", "digest"]
    assert receiver.titles()[1:] == ["Headline 0", "Headline 1", "Headline 2"]


def test_a_cap_holds_back_into_a_digest_and_drops_nothing(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription(schedule=Schedule(per_hour=3)))
    hook(store, receiver.url)
    put(store, *(alert(number) for number in range(450)))
    deliver(store, clock)
    assert len(receiver.got) == 3
    clock.pass_(hours=1)
    deliver(store, clock)
    # 447 in digests of 200 at most.
    assert [len(got.json["alerts"]) for got in receiver.got] == [1, 1, 1, 200, 200, 47]
    assert sorted(receiver.titles()) == sorted(f"Headline {number}" for number in range(450))


def test_a_flood_of_one_subscription_delays_no_other_on_its_channel(
    any_store: Store, clock: Clock, receiver: Receiver
) -> None:
    # Without a cap, as with a level that breaks through: all of them are messages of their own.
    free = Schedule(per_hour=0)
    subscribe(any_store, subscription("flooded", schedule=free), subscription("quiet", schedule=free))
    hook(any_store, receiver.url)
    put(any_store, *(alert(number, "flooded") for number in range(150)), alert(1_000, "quiet"))
    deliver(any_store, clock)
    assert len(receiver.got) == 151
    assert "Headline 1000" in receiver.titles()[:2]
    # Each subscription's own stay in their order.
    rest = [title for title in receiver.titles() if title != "Headline 1000"]
    assert rest == [f"Headline {number}" for number in range(150)]


def test_a_backlog_is_sent_while_it_is_planned(store: Store, clock: Clock, receiver: Receiver) -> None:
    most = PLAN_BATCH * PLAN_BATCHES
    subscribe(store, subscription(schedule=Schedule(per_hour=1)))
    hook(store, receiver.url)
    put(store, *(alert(number) for number in range(most + 1)))
    work = service(store, clock)
    done = work.step()
    assert (done.planned, done.started) == (most, 1), "the channel is started before all is planned"
    settle(work)
    work.close()
    assert len(deliveries_in(store)) == most + 1


def test_more_articles_on_one_story_are_grouped(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription(schedule=Schedule(gather_s=600)))
    hook(store, receiver.url)
    put(store, alert(0, story="x"))
    deliver(store, clock)
    clock.pass_(minutes=1)
    put(store, alert(1, story="x", reason="figures"), alert(2, story="x", reason="quotes"), alert(3))
    deliver(store, clock)
    assert receiver.titles() == ["Headline 0", "Headline 3"]
    clock.pass_(minutes=9)
    deliver(store, clock)
    assert [len(got.json["alerts"]) for got in receiver.got] == [1, 1, 2]


def test_mutes_hold_for_a_story_and_end(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription(schedule=Schedule(gather_s=0)))
    hook(store, receiver.url)
    book = DeliveryRepository(store)
    book.mute(Mute(kind="story", value="x", owner="ann", subscription="s", until_ms=NOON_MS + HOUR, muted_ms=NOON_MS))
    put(store, alert(0, story="x"), alert(1, story="y"))
    deliver(store, clock)
    clock.pass_(hours=1)
    put(store, alert(2, story="x", reason="figures"))
    deliver(store, clock)
    assert receiver.titles() == ["Headline 1", "Headline 2"]
    assert statuses(store) == {"muted": 1, "sent": 2}
    assert book.mutes(now_ms=clock.now_ms) == []


def test_a_kill_notice_never_overtakes_its_alert(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0))
    receiver.answers = [(500, {}), (500, {})]
    deliver(store, clock)
    put(store, alert(0, reason="retraction", level="urgent", withdrawn=("article0",), title="KILL"))
    for _ in range(8):
        clock.pass_(seconds=6)
        deliver(store, clock)
    kinds = [got.json["kind"] for got in receiver.got]
    assert kinds == ["alert", "alert", "alert", "kill"]
    assert statuses(store) == {"sent": 2}


def take_down(store: Store, url: str) -> None:
    from core.store import tables as h

    with store.writing() as connection:
        one = Takedown(article=article_id(url), url=url, reason="a court's order", by="ann", taken_at=alert().raised_at)
        row = {"article": one.article, "url": one.url, "reason": one.reason, "by": one.by, "taken_ms": NOON_MS}
        connection.execute(h.takedowns.insert(), [row | {"stamp": 1}])


def test_a_takedown_is_sent_to_those_who_had_the_article(store: Store, clock: Clock, receiver: Receiver) -> None:
    url = "https://outlet.example/0"
    subscribe(store, subscription(), subscription("held", schedule=Schedule(kind="daily")))
    hook(store, receiver.url)
    put(store, alert(0, article=article_id(url)), alert(0, "held", article=article_id(url)), alert(1))
    deliver(store, clock)
    take_down(store, url)
    deliver(store, clock)
    deliver(store, clock)
    clock.pass_(days=1)
    deliver(store, clock)
    assert [got.json["kind"] for got in receiver.got] == ["alert", "alert", "kill"]
    kill = receiver.got[2].json
    assert kill["subject"] == "[Mines] TAKEN DOWN: Headline 0"
    assert kill["alerts"][0]["news"] == [{"kind": "takedown", "text": "a court's order"}]
    assert kill["alerts"][0]["withdrawn"] == [article_id(url)]
    assert statuses(store) == {"sent": 3, "withdrawn": 1}
    # Its words are gone from what is kept of the deliveries.
    kept = [one for one in deliveries_in(store) if one.article == article_id(url)]
    assert len(kept) == 3
    assert all("fell in at dawn" not in one.record for one in kept)


def test_a_takedown_between_taking_an_alert_and_planning_it_holds(
    store: Store, clock: Clock, receiver: Receiver
) -> None:
    url = "https://outlet.example/0"
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0, article=article_id(url)), alert(1))
    queue = SendQueue(store, "slow")
    taken = queue.take_alerts(10, now_ms=clock())
    alerts = [decode(row.payload.encode(), Alert) for row in taken]
    known = queue.background(["s"], [one.story for one in alerts], now_ms=clock())
    planned = plan_all(alerts, known, clock())
    take_down(store, url)
    deliver(store, clock)
    queue.plan(taken, planned.deliveries, planned.withdrawn)
    deliver(store, clock)
    assert receiver.titles() == ["Headline 1"]
    assert statuses(store) == {"sent": 1}


def test_a_removed_channel_leaves_what_waited_to_be_seen(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription(schedule=Schedule(kind="daily")))
    hook(store, receiver.url)
    put(store, alert(0))
    deliver(store, clock)
    assert DeliveryRepository(store).remove_channel("hook")
    assert not DeliveryRepository(store).remove_channel("hook")
    put(store, alert(1))
    clock.pass_(days=1)
    deliver(store, clock)
    assert receiver.got == []
    assert statuses(store) == {"failed": 1, "withdrawn": 1}


def test_the_pace_of_a_channel_is_kept(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url, per_minute=6)
    put(store, *(alert(number) for number in range(3)))
    sent = []
    for _ in range(5):
        deliver(store, clock)
        sent.append(len(receiver.got))
        clock.pass_(seconds=5)
    assert sent == [1, 1, 2, 2, 3]


class Killed(BaseException):
    """The process ends here."""


STEPS = ("take_alerts", "plan", "gather", "claim", "messages", "settle")


def dying(work: DeliveryService, step: str, count: int, *, after: bool) -> None:
    """Let a process die at the ``count``-th call of a step of its queue: before it is done, or just after."""
    real, left = getattr(work._queue, step), [count]

    def call(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            raise Killed
        result = real(*args, **kwargs)
        if left[0] == 0:
            raise Killed
        return result

    setattr(work._queue, step, call)


def test_an_outlet_that_floods_leaves_room_for_the_others(any_store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(any_store, subscription(schedule=Schedule(per_hour=8)))
    hook(any_store, receiver.url)
    put(any_store, *(alert(number, source="flood.example") for number in range(30)))
    deliver(any_store, clock)
    put(any_store, alert(30, source="Flood.example"), alert(31, source="quiet.example"))
    deliver(any_store, clock)
    titles = [item["title"] for got in receiver.got for item in got.json["alerts"]]
    assert titles == [f"Headline {number}" for number in (0, 1, 2, 3, 4, 5, 31)]
    clock.pass_(hours=1)
    deliver(any_store, clock)
    assert statuses(any_store) == {"sent": 32}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_each_alert_arrives(
    any_store: Store, clock: Clock, receiver: Receiver, step: str, after: bool
) -> None:
    subscribe(any_store, subscription(schedule=Schedule(per_hour=4)))
    hook(any_store, receiver.url)
    put(any_store, *(alert(number) for number in range(8)))
    for life in range(3):
        work = service(any_store, clock, f"life {life}")
        dying(work, step, life + 1, after=after)
        for _ in range(6):
            try:
                work.step()
            except Killed:
                break
            for running in work._running.values():
                running.exception()
            clock.pass_(minutes=20)
        work.close()
        clock.pass_(minutes=5)
    clock.pass_(hours=2)
    deliver(any_store, clock, worker="last")
    assert statuses(any_store) == {"sent": 8}
    bodies = {got.id: got.body for got in receiver.got}
    seen = Counter(
        title
        for body in {one.id: one for one in receiver.got}.values()
        for title in [item["title"] for item in body.json["alerts"]]
    )
    assert seen == {f"Headline {number}": 1 for number in range(8)}
    # A repeat is the same in all.
    assert all(bodies[got.id] == got.body for got in receiver.got)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Each life takes its time: a failing history is worth more than the shortest one.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 6), st.booleans(), st.integers(0, 90)), max_size=5),
    st.lists(st.sampled_from([200, 500, 429, 503]), max_size=12),
)
def test_any_history_of_crashes_and_failures(
    tmp_path_factory: pytest.TempPathFactory, crashes: list[tuple[str, int, bool, int]], answers: list[int]
) -> None:
    folder: Path = tmp_path_factory.mktemp("history")
    store, clock = open_store(f"sqlite:///{folder}/store.db"), Clock()
    with receiving() as receiver:
        receiver.answers = [(status, {}) for status in answers]
        subscribe(store, subscription(schedule=Schedule(per_hour=3, gather_s=60)))
        hook(store, receiver.url)
        reasons = ["story"] * 3 + ["figures"] * 3
        put(store, *(alert(number, story=f"story{number % 3}", reason=reasons[number]) for number in range(6)))
        for life, (step, count, after, minutes) in enumerate(crashes):
            work = service(store, clock, f"life {life}")
            dying(work, step, count, after=after)
            for _ in range(4):
                try:
                    work.step()
                except Killed:
                    break
                for running in work._running.values():
                    running.exception()
            work.close()
            clock.pass_(minutes=minutes)
        for _ in range(30):
            clock.pass_(hours=1)
            deliver(store, clock, worker="last")
            if statuses(store) == {"sent": 6}:
                break
        assert statuses(store) == {"sent": 6}
        taken = {got.id: got for got in receiver.got}
        titles = [item["title"] for got in taken.values() for item in got.json["alerts"]]
        assert sorted(titles) == [f"Headline {number}" for number in range(6)]
    store.close()


def test_several_processes_share_the_work_and_send_nothing_twice(
    any_store: Store, clock: Clock, receiver: Receiver
) -> None:
    names = [f"c{number}" for number in range(6)]
    subscribe(any_store, subscription(delivery=tuple(names), schedule=Schedule(per_hour=0)))
    for name in names:
        hook(any_store, f"{receiver.url}/{name}", name)
    put(any_store, *(alert(number) for number in range(20)))
    works = [service(any_store, clock, f"process {number}") for number in range(3)]
    failures: list[BaseException] = []

    def run(work: DeliveryService) -> None:
        try:
            settle(work, 200)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for work in works:
        work.close()
    assert failures == []
    deliver(any_store, clock, worker="last")
    assert len(receiver.got) == len({got.id for got in receiver.got}) == 120
    assert statuses(any_store) == {"sent": 120}


def test_a_channel_whose_process_died_is_free_after_its_lease(store: Store, clock: Clock, receiver: Receiver) -> None:
    subscribe(store, subscription())
    hook(store, receiver.url)
    put(store, alert(0))
    work = service(store, clock, "dead")
    work.plan(clock.now_ms)
    assert [one.name for one in SendQueue(store, "dead").claim(now_ms=clock.now_ms)] == ["hook"]
    assert SendQueue(store, "other").claim(now_ms=clock.now_ms + LEASE_MS - 1) == []
    assert [one.name for one in SendQueue(store, "other").claim(now_ms=clock.now_ms + LEASE_MS)] == ["hook"]
    work.close()
