"""What is asked on a timer, at a start or for each bundle does not grow with the ledger.

SQLite counts the steps of its virtual machine, so that no clock is needed. What PostgreSQL does, its plan says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.store import Store, StoreReader, open_store
from core.store import tables as t
from core.store.canary import canary_state
from core.store.counts import read_counts
from core.store.outbox import Outbox
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.ledger.support import lost, told
from tests.pipeline.transforms.support import NOON_MS

STREAM = told(0).outcome.stream
SMALL, LARGE = 400, 40_000
STEPS = 50
"""The progress handler is called each time the virtual machine has done so many steps."""

_FILL = (
    """INSERT INTO outcomes (run, stream, partition, first_offset, last_offset, kind, item, article, version, place, late, seq)
       SELECT 'live', :stream, 0, n, n, 'published', 'https://outlet.example/' || n, printf('%032d', n), 1,
              printf('%015d', :noon - 600000000 + n * 1000) || ':' || printf('%032d', n) || ':h:0:0', 0, n / 20 + 1 FROM g""",
    """INSERT INTO versions (run, article, version, version_hash, text_hash, place, event_ms, story, source, fingerprint,
                              backfill, title, text, topics, fetched_ms, seq)
       SELECT 'live', printf('%032d', n), 1, 'v' || n, 't' || n,
              printf('%015d', :noon - 600000000 + n * 1000) || ':' || printf('%032d', n) || ':h:0:0',
              :noon - 600000000 + n * 1000, printf('%032d', n), 'outlet.example', x'00', 0, 'A title', 'A text', '[]', :noon,
              n / 20 + 1
       FROM g""",
    """INSERT INTO commits (run, seq, stored_ms, epoch, handled) SELECT 'live', n + 1, :noon, 1, n FROM g""",
    """INSERT INTO alerts (run, id, subscription, story, article, place, record, seq)
       SELECT 'live', 'alert-' || n, 'ports', printf('%032d', n), printf('%032d', n), printf('%015d', n), '{}', n / 20 + 1
       FROM g""",
    """UPDATE runs SET seq = (SELECT max(seq) FROM commits)""",
)


def filled(folder: Path, size: int) -> Store:
    """A store with so many outcomes, versions, commits and alerts, of which nothing waits."""
    store = open_store(f"sqlite:///{folder}/{size}.db")
    RunLedger(store, "live", "me").take(kind="live", now_ms=NOON_MS)
    series = f"WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n < {size - 1}) "  # noqa: S608 - a number of ours
    with store.writing() as connection:
        for statement in _FILL:
            insert, _, select = statement.partition("SELECT")
            prefixed = statement if insert.startswith("UPDATE") else f"{insert} {series} SELECT {select}"
            connection.execute(sa.text(prefixed), {"stream": STREAM, "noon": NOON_MS} if ":noon" in prefixed else {})
    return store


class Counter:
    """Counts the steps of all connections of a store."""

    def __init__(self, store: Store) -> None:
        self.steps = 0
        store.engine.dispose()
        sa.event.listen(store.engine, "connect", self._watch)

    def _watch(self, connection: Any, _record: object) -> None:
        connection.set_progress_handler(self._step, STEPS)

    def _step(self) -> int:
        self.steps += STEPS
        return 0

    def of(self, work: Callable[[], object]) -> int:
        """The steps that ``work`` takes, once everything was opened."""
        self.steps = 0
        work()
        return self.steps


def contiguous(store: Store, ledger: RunLedger, size: int) -> None:
    assert ledger.offsets(STREAM).contiguous({0: size}) == {0: (size, [])}
    assert ledger.offsets(STREAM).contiguous({0: size - 3}) == {0: (size, [])}


def strike(store: Store, ledger: RunLedger, size: int) -> None:
    assert ledger.offsets(STREAM).strike_beyond({0: size}) == 0


def record_lost(store: Store, ledger: RunLedger, size: int) -> None:
    ledger.offsets(STREAM).record_lost([lost(size - 5, size + 4)])
    assert ledger.offsets(STREAM).contiguous({0: size}) == {0: (size + 5, [])}


def state_of_now(ledger: RunLedger) -> Any:
    return ledger.begin([], [], since_seq=1 << 40, since_ms=0).state


def bundle(store: Store, ledger: RunLedger, size: int) -> None:
    one = told(size + 100)
    seq = state_of_now(ledger).seq
    # An index that holds all but the last transaction, and a window that reaches behind the oldest version.
    context = ledger.begin([], [one.article.id if one.article else ""], since_seq=seq - 1, since_ms=NOON_MS - 10**9)
    assert context.state.seq == seq
    ledger.commit(context.state, [one], [], last_key=one.key, publish=True)
    assert [row.key for row in Outbox(store, "relay").take(10, now_ms=NOON_MS)]


def small_reads(store: Store, ledger: RunLedger, size: int) -> None:
    assert ledger.handled(1) == size - 1
    assert ledger.offsets(STREAM).newest_handled(0, size - 1) is not None
    assert ledger.offsets(STREAM).saved() == {}
    assert not Outbox(store, "relay").waiting()
    with store.reading() as connection:
        read_counts(connection, "live")
    canary_state(store, "live", now_ms=NOON_MS, interval_s=300, channels=False)
    seq = state_of_now(ledger).seq
    assert StoreReader(store, "live").since(seq)[0] == seq
    assert StoreReader(store, "live").since(seq - 1)[0] == seq


@pytest.mark.parametrize("work", [contiguous, strike, record_lost, bundle, small_reads])
def test_the_work_does_not_grow_with_the_ledger(work: Callable[[Store, RunLedger, int], None], tmp_path: Path) -> None:
    steps = []
    for size in (SMALL, LARGE):
        store = filled(tmp_path, size)
        try:
            counter, ledger = Counter(store), RunLedger(store, "live", "me")
            state_of_now(ledger)
            steps.append(counter.of(lambda: work(store, ledger, size)))  # noqa: B023 - called at once
        finally:
            store.close()
    # Deeper trees take some steps more; a scan of the ledger would take a hundred times as many.
    assert steps[1] <= 3 * steps[0] + 2_000, steps


@pytest.mark.postgres
def test_postgres_finds_the_end_of_a_partition_by_its_primary_key(postgres: str) -> None:
    store = open_store(postgres)
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    fill = """INSERT INTO outcomes (run, stream, partition, first_offset, last_offset, kind, item, late, seq)
              SELECT 'live', :stream, n % 4, n / 4, n / 4, 'published', 'https://outlet.example/' || n, false, n / 20
              FROM generate_series(0, 39999) n"""
    with store.writing() as connection:
        connection.execute(sa.text(fill), {"stream": STREAM})
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE outcomes"))
    asked: list[str] = []
    with store.engine.connect() as connection:
        query = sa.select(t.outcomes.c.first_offset).where(ledger.offsets(STREAM).reaching(connection, 1, 10_000))
        plain = query.compile(store.engine, compile_kwargs={"literal_binds": True})
        asked += connection.execute(sa.text(f"EXPLAIN (COSTS OFF) {plain}")).scalars()
    plan = "\n".join(asked)
    assert "Seq Scan" not in plan, plan
    assert any("Index Cond" in line and "first_offset >= " in line for line in asked), plan
    store.close()
