"""Leases: a dead process's rows are free at once on its machine, and anywhere once they run out; a living one's are renewed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store import Store, open_store
from core.store import tables as t
from core.store.leases import LEASE_MS, LONGEST_WORK_MS, LOOK_MS, Heartbeat, Leases
from tests.core.store.test_outbox import fill
from tests.laws import examples
from tests.waiting import until

NOW_MS = 1_000_000_000


def of(store: Store, owner: str, dead: Callable[[str], bool] = lambda _name: False) -> Leases:
    c = t.outbox.c
    return Leases(store, c.id, c.leased_by, c.lease_until_ms, owner=owner, dead=dead)


def take(store: Store, leases: Leases, keys: list[int], now_ms: int) -> list[int]:
    """Lease those of the rows that are free."""
    taken = []
    with store.writing() as connection:
        for key in keys:
            free = sa.or_(t.outbox.c.lease_until_ms.is_(None), ~leases.counts(now_ms))
            mine = t.outbox.update().where(t.outbox.c.id == key, free)
            until_ms = now_ms + leases.lease_ms
            if connection.execute(mine.values(leased_by=leases.owner, lease_until_ms=until_ms)).rowcount:
                taken.append(key)
    leases.taken(taken, now_ms)
    return taken


def test_leases_of_a_dead_process_on_this_machine_are_free_at_once(store: Store) -> None:
    fill(store, 3)
    take(store, of(store, "died"), [1], NOW_MS)
    take(store, of(store, "lives"), [2], NOW_MS)
    new = of(store, "new", lambda name: name == "died")
    assert new.free_dead(NOW_MS + 1) == 1
    assert take(store, new, [1, 2, 3], NOW_MS + 1) == [1, 3]


def test_the_dead_are_looked_for_once_a_second_at_most(store: Store) -> None:
    fill(store, 1)
    asked: list[str] = []
    take(store, of(store, "other"), [1], NOW_MS)
    new = of(store, "new", lambda name: bool(asked.append(name)))
    for ms in range(0, 2 * LOOK_MS, 100):
        new.free_dead(NOW_MS + ms)
    assert asked == ["other", "other"]


def test_a_slow_worker_keeps_its_row_until_it_counts_as_hung(store: Store) -> None:
    fill(store, 1)
    slow, other = of(store, "slow"), of(store, "other")
    take(store, slow, [1], NOW_MS)
    free_after = 0
    for ms in range(0, LONGEST_WORK_MS + 2 * LEASE_MS, LEASE_MS // 3):
        slow.renew(NOW_MS + ms)
        if take(store, other, [1], NOW_MS + ms):
            free_after = ms
            break
    assert LONGEST_WORK_MS < free_after <= LONGEST_WORK_MS + LEASE_MS + LEASE_MS // 3


def test_leases_taken_by_another_process_or_ended_are_not_renewed(store: Store) -> None:
    fill(store, 2)
    one, other = of(store, "one"), of(store, "other")
    take(store, one, [1, 2], NOW_MS)
    one.ended([2])
    assert take(store, other, [1, 2], NOW_MS + LEASE_MS) == [1, 2]
    assert one.renew(NOW_MS + LEASE_MS + 1) == 0


def test_the_heartbeat_renews_by_itself(store: Store) -> None:
    fill(store, 1)
    c = t.outbox.c
    leases = Leases(store, c.id, c.leased_by, c.lease_until_ms, owner="me", lease_ms=30)
    take(store, leases, [1], NOW_MS)

    def renewed() -> bool:
        with store.reading() as connection:
            return bool(connection.execute(sa.select(c.lease_until_ms)).scalar_one() == NOW_MS + 530)

    with Heartbeat([leases], lambda: NOW_MS + 500):
        until(renewed, "a beat")


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from(["take", "renew", "end", "die"]), st.integers(0, 2 * LEASE_MS)
        ),
        max_size=30,
    )
)
def test_no_row_is_two_living_processes_at_once_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, str, int]]
) -> None:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('leases')}/store.db")
    fill(store, 2)
    dead: set[str] = set()
    lives = dict.fromkeys("abc", 0)
    processes = {name: of(store, f"{name}0", dead.__contains__) for name in "abc"}
    held: dict[int, tuple[str, int]] = {}
    now_ms = NOW_MS
    for name, move, passed_ms in moves:
        now_ms += passed_ms
        process = processes[name]
        # A process that does not renew in time has lost its rows, whatever it believes.
        held = {key: one for key, one in held.items() if now_ms < one[1] and one[0] not in dead}
        match move:
            case "take":
                process.free_dead(now_ms)
                for key in take(store, process, [1, 2], now_ms):
                    assert key not in held, "another one has it"
                    held[key] = (process.owner, now_ms + LEASE_MS)
            case "renew":
                process.renew(now_ms)
                mine = {key: one for key, one in held.items() if one[0] == process.owner}
                held |= dict.fromkeys(mine, (process.owner, now_ms + LEASE_MS))
            case "end":
                process.ended([1, 2])
                with store.writing() as connection:
                    mine_now = t.outbox.update().where(t.outbox.c.leased_by == process.owner)
                    connection.execute(mine_now.values(lease_until_ms=0))
                held = {key: one for key, one in held.items() if one[0] != process.owner}
            case _:
                dead.add(process.owner)
                lives[name] += 1
                processes[name] = of(store, f"{name}{lives[name]}", dead.__contains__)
    for process in processes.values():
        dead.add(process.owner)
    last = of(store, "last", dead.__contains__)
    last.free_dead(now_ms)
    assert take(store, last, [1, 2], now_ms) == [1, 2], "all are dead: nothing is held any more"
    store.close()
