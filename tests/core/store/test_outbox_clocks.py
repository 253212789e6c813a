"""Rows that were taken under a clock that was set back since are not held by the dead."""

from __future__ import annotations

import pytest

from core.store import Store
from core.store.leases import LEASE_MS
from core.store.outbox import Outbox
from tests.core.store.test_outbox import fill, keys

NOW_MS, HOUR_MS = 1_000_000_000, 3_600_000


def test_rows_taken_while_the_clock_was_ahead_are_free_once_it_is_set_right(store: Store) -> None:
    # They were held for an hour and a minute.
    fill(store, 3)
    dead, new = Outbox(store, "dead"), Outbox(store, "new")
    assert keys(dead.take(2, now_ms=NOW_MS + HOUR_MS)) == [0, 1]
    assert keys(new.take(9, now_ms=NOW_MS)) == [0, 1, 2]


@pytest.mark.parametrize("behind_ms", [1, LEASE_MS])
def test_a_worker_whose_clock_is_somewhat_ahead_keeps_its_rows(store: Store, behind_ms: int) -> None:
    fill(store, 3)
    assert keys(Outbox(store, "ahead").take(2, now_ms=NOW_MS + behind_ms)) == [0, 1]
    assert keys(Outbox(store, "other").take(9, now_ms=NOW_MS)) == [2]


def test_rows_taken_before_a_small_step_back_are_free_in_two_leases_at_the_latest(store: Store) -> None:
    fill(store, 1)
    Outbox(store, "dead").take(1, now_ms=NOW_MS + LEASE_MS)
    new = Outbox(store, "new")
    assert new.take(1, now_ms=NOW_MS + 2 * LEASE_MS - 1) == []
    assert keys(new.take(1, now_ms=NOW_MS + 2 * LEASE_MS)) == [0]
