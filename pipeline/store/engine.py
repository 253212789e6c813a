"""Opening a store by URL, and the two things in which SQLite and PostgreSQL differ: how to begin, how to upsert."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from pipeline.errors import StoreError, UsageError
from pipeline.store.upgrade import upgrade

BUSY_MS = 30_000


class Store:
    """A store that is open and of the current schema. Safe to use from several threads; every process opens its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the store. Raises StoreError."""
        with self._guarded(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes: committed at the end, rolled back on any error. Keep it short: SQLite has one writer.

        Raises StoreError where the store refuses (locked for longer than 30 s, full disk, server away).
        """
        with (
            self._guarded(),
            self.engine.execution_options(wirewatch_write=True).connect() as connection,
            connection.begin(),
        ):
            yield connection

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that can become an upsert (``on_conflict_do_…``) on this store's dialect."""
        if self.engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert the rows, or overwrite those of the same primary key. All rows have the same keys."""
        if not rows:
            return
        statement = self.insert(table)
        keys = [column.name for column in table.primary_key]
        rest = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest), rows)

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert the rows whose primary key is not there yet: the first write wins."""
        if rows:
            keys = [column.name for column in table.primary_key]
            connection.execute(self.insert(table).on_conflict_do_nothing(index_elements=keys), rows)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise StoreError(f"{self.url}: {_plain(error)}", hint=_hint(error)) from error
        except DBAPIError as error:
            raise StoreError(f"{self.url}: {_plain(error)}") from error


def open_store(url: str) -> Store:
    """The store at ``url`` (``sqlite:///path`` or ``postgresql://…``), made or brought to the current schema.

    Raises UsageError for a URL that names no store, StoreError where it can't be opened.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError(f"{url!r} is not a store", hint="use sqlite:///path/to/file.db or postgresql://…") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        try:
            Path(parsed.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{url}: {error.strerror or error}", hint="choose a folder that can be written") from error
    try:
        engine = sa.create_engine(parsed, **_options(parsed))
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(f"no driver for the store {parsed.render_as_string(hide_password=True)}: {error}") from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    store = Store(engine)
    with store.writing() as connection:
        upgrade(connection)
    return store


def _options(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_MS / 1000, "check_same_thread": False}}
    return {"pool_pre_ping": True}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # We begin transactions ourselves: the driver's own BEGIN is deferred, and a read that later writes can then fail
    # at once with "database is locked", whatever the time-out.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("wirewatch_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _plain(error: DBAPIError) -> str:
    return str(error.orig).strip().split("\n", 1)[0] if error.orig else str(error)


def _hint(error: OperationalError) -> str | None:
    text = str(error.orig).lower()
    if "full" in text:
        return "free some disk space; nothing was written"
    if "locked" in text:
        return "another process holds the store; try again"
    if "unable to open" in text or "readonly" in text:
        return "check that the folder exists and can be written"
    if "connection" in text:
        return "check that the database server runs and can be reached"
    return None
