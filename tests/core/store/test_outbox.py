"""The outbox: taken by one worker at a time, again if a worker died, in order if that is requested."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from core.records import Alert, Article, Outcome, decode
from core.store import Store, open_store
from core.store import tables as t
from core.store.leases import LEASE_MS
from core.store.outbox import ALERTS, ENRICHED, REJECTED, Outbox, TakenRow, id_of
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.rows import outbox_rows
from tests.pipeline.ledger.support import alert, commit, match, refused, told


def fill(store: Store, count: int, destination: str = "d") -> None:
    row = {"run": "live", "destination": destination, "status": "waiting"}
    with store.writing() as connection:
        connection.execute(t.outbox.insert(), [row | {"key": f"{n}", "payload": f"p{n}"} for n in range(count)])


def keys(rows: list[TakenRow]) -> list[int]:
    return [int(row.key) for row in rows]


def left(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(t.outbox)).scalar_one())


def test_the_records_of_a_bundle_are_in_its_order(store: Store, ledger: RunLedger) -> None:
    batch = [told(0, subscriptions=(match("ann"),)), refused(1), told(2, version=2)]
    commit(ledger, batch, [alert(batch[0])], publish=True)
    commit(ledger, [told(3)], publish=False)
    rows = Outbox(store, "w").take(10, now_ms=0)
    assert [(row.destination, row.key) for row in rows] == [
        (ENRICHED, f"live/{batch[0].key.article}"),
        (REJECTED, "live/stream/0/1"),
        (ENRICHED, f"live/{batch[0].key.article}"),
        (ALERTS, f"live/{alert(batch[0]).id}"),
    ]
    assert [id_of(row.key) for row in rows if row.destination == ENRICHED] == [batch[0].key.article] * 2
    assert decode(rows[0].payload.encode(), Article) == batch[0].article
    assert decode(rows[1].payload.encode(), Outcome) == batch[1].outcome
    assert decode(rows[3].payload.encode(), Alert) == alert(batch[0])


def test_two_runs_send_to_one_stream_under_different_keys() -> None:
    batch = [told(0, subscriptions=(match("ann"),)), refused(1)]
    live, replay = (outbox_rows(run, batch, [alert(batch[0])]) for run in ("live", "november"))
    assert [id_of(row.key) for row in live] == [id_of(row.key) for row in replay]
    assert not {row.key for row in live} & {row.key for row in replay}


def test_a_key_of_before_the_run_stood_in_it_is_an_id() -> None:
    assert (id_of("0" * 32), id_of(f"a/b/{'0' * 32}")) == ("0" * 32, "0" * 32)


def test_rows_are_taken_oldest_first_by_one_worker_and_struck_off(store: Store) -> None:
    fill(store, 5)
    one, other = Outbox(store, "one"), Outbox(store, "other")
    first = one.take(3, now_ms=0)
    assert (keys(first), keys(other.take(3, now_ms=0))) == ([0, 1, 2], [3, 4])
    assert Outbox(store, "third").take(3, now_ms=0) == []
    one.done(first)
    assert (left(store), one.waiting()) == (2, True)
    other.done(other.take(9, now_ms=0))
    assert (left(store), one.waiting(), one.take(9, now_ms=0)) == (0, False, [])
    one.done(first)
    one.give_back(first)
    assert left(store) == 0


def test_returned_rows_are_taken_first(store: Store) -> None:
    fill(store, 3)
    one, other = Outbox(store, "one"), Outbox(store, "other")
    one.give_back(one.take(2, now_ms=0))
    assert keys(other.take(9, now_ms=0)) == [0, 1, 2]


def test_rows_of_a_worker_that_died_elsewhere_are_free_after_its_lease(store: Store) -> None:
    fill(store, 2)
    dead = Outbox(store, "dead").take(2, now_ms=1_000)
    other = Outbox(store, "other")
    assert other.take(9, now_ms=999 + LEASE_MS) == []
    again = other.take(9, now_ms=1_000 + LEASE_MS)
    assert keys(again) == [0, 1]
    # It lives after all: what it gives back by now is another's.
    Outbox(store, "dead").give_back(dead)
    assert Outbox(store, "third").take(9, now_ms=1_001 + LEASE_MS) == []


def test_a_worker_that_came_back_continues_with_its_own_rows_at_once(store: Store) -> None:
    fill(store, 3)
    Outbox(store, "relay").take(2, now_ms=0)
    assert keys(Outbox(store, "relay").take(9, now_ms=1)) == [0, 1, 2]


def test_only_rows_for_the_destinations_asked_for_are_taken(store: Store) -> None:
    fill(store, 2, "people")
    fill(store, 1, "alerts")
    relay = Outbox(store, "relay")
    rows = relay.take(9, now_ms=0, destinations={"alerts", "enriched"})
    assert [row.destination for row in rows] == ["alerts"]
    relay.done(rows)
    assert (relay.waiting({"alerts"}), relay.waiting({"people"}), left(store)) == (False, True, 2)


def test_rows_of_a_run_come_in_order_whichever_process_claimed_them(store: Store) -> None:
    fill(store, 3, "alerts")
    fill(store, 1, "enriched")
    fill(store, 1, "people")
    Outbox(store, "dead").take(1, now_ms=0, destinations=["alerts"])
    relay = Outbox(store)
    assert relay.runs(["alerts", "enriched"]) == {"live": ["alerts", "enriched"]}
    assert [row.destination for row in relay.of_run("live", ["enriched"], 9)] == ["enriched"]
    assert (keys(relay.of_run("live", ["alerts"], 2)), relay.of_run("other", ["alerts"], 9)) == ([0, 1], [])
    relay.done(relay.of_run("live", ["alerts"], 9))
    assert (relay.runs(["alerts"]), relay.runs(["alerts", "enriched"])) == ({}, {"live": ["enriched"]})


def test_workers_that_take_at_the_same_time_get_different_rows(store: Store, store_url: str) -> None:
    fill(store, 60)
    begin = threading.Barrier(3)
    got: dict[str, list[int]] = {}

    def work(name: str) -> None:
        own = open_store(store_url)
        outbox = Outbox(own, name)
        begin.wait(30)
        rows: list[TakenRow] = []
        for _ in range(5):
            taken = outbox.take(4, now_ms=0)
            rows += taken
            outbox.done(taken)
        got[name] = keys(rows)
        own.close()

    threads = [threading.Thread(target=work, args=[f"w{number}"]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    everything = [number for numbers in got.values() for number in numbers]
    assert len(everything) == len(set(everything)) == 60 - left(store)
    assert all(numbers == sorted(numbers) for numbers in got.values())
