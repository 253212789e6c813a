"""A filled store of the version before is brought up to date while its services go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from psycopg.conninfo import make_conninfo

from core.errors import StoreError
from core.store import Store, online, open_store, upgrade
from core.store.metadata import metadata
from tests.statements import before_statements

pytestmark = pytest.mark.usefixtures("real_migrations")

ROWS = 20_000
OLD = "baseline"
_SERIES = {
    "postgresql": "SELECT n FROM generate_series(0, :rows - 1) n",
    "sqlite": "WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g WHERE n < :rows - 1) SELECT n FROM g",
}
_FILL = (
    """INSERT INTO outcomes (run, stream, partition, first_offset, last_offset, kind, item, late, seq)
       SELECT 'live', 'stream', 0, n, n, 'published', 'https://outlet.example/', n % 100 = 0, n FROM ({series}) s""",
    """INSERT INTO outbox (run, destination, key, payload, status)
       SELECT 'live', 'alerts', 'live/a', '{{}}', 'waiting' FROM ({series}) s""",
    """INSERT INTO takedowns (article, stamp, url, reason, "by", taken_ms)
       SELECT 'a' || n, n % 3, 'https://outlet.example/', 'a court', '', 0 FROM ({series}) s""",
    """INSERT INTO contiguous_offsets (run, stream, partition, next_offset) VALUES ('live', 'stream', 0, 7)""",
    """INSERT INTO channels (name, kind, owner, config, per_minute, active, added_ms, health, failures, not_before_ms,
       lease_until_ms) VALUES ('ops', 'mail', 'ann', '{{}}', 60, true, 0, 'ok', 0, 0, 0)""",
)
INDEXES = ("ix_outbox_destination_run_id", "ix_outbox_key", "ix_outcomes_late", "ix_takedowns_stamp")


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def filled(url: str) -> None:
    """A store of the revision before, with rows."""
    engine = engine_of(url)
    upgrade.bring_up_to_date(engine, url, to=OLD)
    with engine.begin() as connection:
        for statement in _FILL:
            text = sa.text(statement.format(series=_SERIES[engine.dialect.name]))
            connection.execute(text, {"rows": ROWS} if "rows" in text.compile().params else {})
    engine.dispose()


def counts(store: Store) -> dict[str, int]:
    with store.reading() as connection:
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[name])).scalar_one()
            for name in ("outcomes", "outbox", "takedowns", "contiguous_offsets")
        }


def test_a_filled_store_keeps_its_rows(store_url: str) -> None:
    filled(store_url)
    store = open_store(store_url)
    assert counts(store) == {"outcomes": ROWS, "outbox": ROWS, "takedowns": ROWS, "contiguous_offsets": 1}
    with store.reading() as connection:
        assert connection.execute(sa.text("SELECT next_offset, pruned_below FROM contiguous_offsets")).one() == (7, 0)
        assert connection.execute(sa.text("SELECT name, person FROM channels")).one() == ("ops", None)
        assert set(INDEXES) <= {
            one["name"]
            for table in ("outbox", "outcomes", "takedowns")
            for one in sa.inspect(connection).get_indexes(table)
        }
    store.close()


class Services:
    """Readers and writers of the version before, each on a connection that is given up if it waits long for a lock."""

    LONGEST = "10s"

    def __init__(self, conninfo: str) -> None:
        self._conninfo, self._stop = conninfo, threading.Event()
        self.written, self.read = 0, 0

    def write(self) -> None:
        with self._connected() as connection:
            while not self._stop.is_set():
                number = ROWS + self.written
                with connection.transaction():
                    connection.execute(
                        """INSERT INTO outcomes (run, stream, partition, first_offset, last_offset, kind, item, late, seq)
                           VALUES ('live', 'stream', 0, %s, %s, 'published', '', false, 0)""",
                        (number, number),
                    )
                    connection.execute(
                        """INSERT INTO contiguous_offsets (run, stream, partition, next_offset)
                           VALUES ('live', 'stream', 0, %s) ON CONFLICT (run, stream, partition)
                           DO UPDATE SET next_offset = excluded.next_offset""",
                        (number,),
                    )
                    connection.execute("UPDATE channels SET failures = failures + 1 WHERE name = 'ops'")
                    connection.execute(
                        """INSERT INTO outbox (run, destination, key, payload, status)
                           VALUES ('live', 'alerts', 'live/a', '{}', 'waiting')"""
                    )
                self.written += 1

    def reads(self) -> None:
        with self._connected() as connection:
            while not self._stop.is_set():
                with connection.transaction():
                    connection.execute("SELECT count(*) FROM outbox").fetchone()
                    connection.execute("SELECT next_offset FROM contiguous_offsets").fetchall()
                    connection.execute("SELECT health FROM channels").fetchall()
                self.read += 1

    def stop(self) -> None:
        self._stop.set()

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(f"SET lock_timeout = '{self.LONGEST}'")
            yield connection


def conninfo_of(url: str) -> str:
    parsed = sa.engine.make_url(url)
    return make_conninfo(user=parsed.username, dbname=parsed.database, host=str(parsed.query["host"]))


@pytest.mark.postgres
def test_services_of_the_version_before_continue(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "LOCK_WAIT_MS", 100)
    monkeypatch.setattr(online, "PAUSE_S", 0.05)
    filled(postgres)
    services, dumping, dumped = Services(conninfo_of(postgres)), threading.Event(), threading.Event()
    tries: list[str] = []

    def tried(_connection: sa.Connection, statement: str, _parameters: Any) -> None:
        if "ALTER TABLE contiguous_offsets" in statement:
            tries.append(statement)
            if len(tries) == 3:
                dumped.set()

    def dump() -> None:
        """Hold all tables, as pg_dump does, until the migration has been refused a few times."""
        with psycopg.connect(conninfo_of(postgres)) as connection:
            connection.execute("LOCK TABLE contiguous_offsets, outbox IN ACCESS SHARE MODE")
            dumping.set()
            assert dumped.wait(60)

    with before_statements(sa.Engine, tried), ThreadPoolExecutor(5) as threads:
        running = [threads.submit(work) for work in (services.write, services.reads, services.reads)]
        held = threads.submit(dump)
        assert dumping.wait(60)
        # Two services of the new version start at once.
        stores = list(threads.map(lambda _: open_store(postgres), range(2)))
        held.result()
        before = services.written, services.read
        _until(lambda: services.written > before[0] and services.read > before[1], running)
        services.stop()
        for each in running:
            each.result()
    assert len(tries) >= 3
    assert counts(stores[0]) == {
        "outcomes": ROWS + services.written,
        "outbox": ROWS + services.written,
        "takedowns": ROWS,
        "contiguous_offsets": 1,
    }
    with stores[1].reading() as connection:
        assert connection.execute(sa.text("SELECT failures FROM channels")).scalar() == services.written
        valid = sa.text("SELECT relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indisvalid")
        assert set(INDEXES) <= set(connection.execute(valid).scalars())
    for store in stores:
        store.close()


def _until(true: Callable[[], bool], running: list[Future[None]]) -> None:
    pause = threading.Event()
    while not true() and not any(one.done() for one in running):
        pause.wait(0.01)


@pytest.mark.postgres
def test_an_index_that_was_left_half_built_is_built_again(postgres: str) -> None:
    filled(postgres)
    with psycopg.connect(conninfo_of(postgres), autocommit=True) as connection, pytest.raises(psycopg.Error):
        # As a build that was killed: there, and of no use.
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_takedowns_stamp ON takedowns (stamp)")
    store = open_store(postgres)
    with store.reading() as connection:
        found = {one["name"]: one for one in sa.inspect(connection).get_indexes("takedowns")}
        valid = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_takedowns_stamp'::regclass")
        assert connection.execute(valid).scalar() is True
    assert not found["ix_takedowns_stamp"]["unique"]
    store.close()


def test_a_migration_that_was_interrupted_is_run_again(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(store_url)
    build, built = online.add_index, list[str]()

    def killed(name: str, *rest: Any, **more: Any) -> None:
        if built:
            raise StoreError("killed")
        built.append(name)
        build(name, *rest, **more)

    monkeypatch.setattr(online, "add_index", killed)
    with pytest.raises(StoreError, match="killed"):
        open_store(store_url)
    monkeypatch.undo()
    store = open_store(store_url)
    assert counts(store)["outcomes"] == ROWS
    store.close()


@pytest.mark.postgres
def test_a_table_that_is_never_free_ends_it_with_a_reason(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "LOCK_WAIT_MS", 50)
    monkeypatch.setattr(online, "GIVE_UP_S", 0.0)
    filled(postgres)
    with psycopg.connect(conninfo_of(postgres)) as connection:
        connection.execute("LOCK TABLE contiguous_offsets IN ACCESS SHARE MODE")
        with pytest.raises(StoreError, match="lock timeout") as caught:
            open_store(postgres)
    assert "long transaction" in (caught.value.hint or "")
    open_store(postgres).close()


@pytest.mark.postgres
def test_a_process_that_waits_for_another_migration_does_not_delay_it(postgres: str) -> None:
    filled(postgres)
    asked: list[str] = []
    twice = threading.Event()

    def asks(_connection: sa.Connection, statement: str, _parameters: Any) -> None:
        if "pg_try_advisory_lock" in statement:
            asked.append(statement)
            if len(asked) == 2:
                twice.set()

    with (
        before_statements(sa.Engine, asks),
        psycopg.connect(conninfo_of(postgres), autocommit=True) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        other.execute("SELECT pg_advisory_lock(%s)", (upgrade._LOCK,))
        opening = threads.submit(open_store, postgres)
        assert twice.wait(60)
        # It asks again and again, and has no snapshot in between, for which a build beside it would wait.
        other.execute("CREATE INDEX CONCURRENTLY ix_beside ON takedowns (url)")
        assert not opening.done()
        other.execute("DROP INDEX ix_beside")
        other.execute("SELECT pg_advisory_unlock(%s)", (upgrade._LOCK,))
        opening.result(60).close()


def test_data_is_moved_in_batches(store_url: str, tmp_path: Path) -> None:
    filled(store_url)
    store = open_store(store_url)
    sizes: list[int] = []

    def some(connection: sa.Connection) -> int:
        changed = connection.execute(
            sa.text(
                """UPDATE outcomes SET kind = 'unchanged' WHERE first_offset IN
                   (SELECT first_offset FROM outcomes WHERE kind = 'published' LIMIT 7000)"""
            )
        ).rowcount
        sizes.append(changed)
        return changed

    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            assert online.in_batches(some, pause_s=0) == ROWS
        connection.commit()
    assert sizes == [7_000, 7_000, 6_000, 0]
    with store.reading() as connection:
        assert connection.execute(sa.text("SELECT DISTINCT kind FROM outcomes")).scalars().all() == ["unchanged"]
    store.close()
