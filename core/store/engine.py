"""Opening a store by URL, its schema, and the two differences between SQLite and PostgreSQL: transactions and upserts."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from core.errors import StoreError, StoreUnavailable, UsageError
from core.private import make_private_file, make_private_folder
from core.sqlite import empty_log, file_bytes, is_busy, overwrite_deleted, switch_to_wal
from core.store.upgrade import bring_up_to_date

BUSY_MS = 30_000
_LOG_PATIENCE_S = 1.0
VACUUMED_BYTES = 256 << 20
"""Up to this size, an embedded store is rewritten while services run: writers wait for a second or two."""
# SQLite takes at most 32,766 parameters in a statement, older ones 999.
CHUNK = 400
# The connection to a server that vanishes (power loss, failover) is given up after a minute, not after the system's two
# hours. The last option is for the server: if this side vanishes, its locks are released as soon.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "options": "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3",
}
_SECRETS = ("password", "sslpassword", "passfile")
_HINT_URL = "use sqlite:///path/to/file.db or postgresql://user@host/database"

T = TypeVar("T")


def chunks(values: Sequence[T]) -> Iterable[Sequence[T]]:
    """The values in chunks that fit into one statement."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


class Store:
    """An open store with the current schema. Thread-safe; every process opens its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @property
    def url(self) -> str:
        """The store's URL without a password."""
        return _shown(self.engine.url)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A read-only transaction with a consistent view of the store. Raises StoreError."""
        options: dict[str, Any] = {}
        if self.engine.dialect.name == "postgresql":
            # At the default level, each statement sees a newer state.
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with (
            self._guarded(),
            self.engine.execution_options(**options).connect() as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes: committed at the end, rolled back on any error. Keep it short: SQLite has one writer.

        Raises StoreError if the store is locked for more than 30 s, the disk is full or the server can't be reached.
        """
        with (
            self._guarded(),
            self.engine.execution_options(wirewatch_write=True).connect() as connection,
            connection.begin(),
        ):
            yield connection

    def serialise(self, connection: sa.Connection, what: str) -> None:
        """Hold a lock named ``what`` until the transaction ends, so that transactions with this name run one after the other.

        For decisions based on rows that were read and can't be locked. SQLite has only one writer anyway.
        """
        if self.engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_lock_number(what))))

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT in this store's dialect that can become an upsert (``on_conflict_do_…``)."""
        if self.engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert the rows, or overwrite those with the same primary key. All rows must have the same keys."""
        if not rows:
            return
        statement = self.insert(table)
        keys = [column.name for column in table.primary_key]
        rest = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest), rows)

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert only rows whose primary key is not stored yet: the first write wins."""
        if rows:
            keys = [column.name for column in table.primary_key]
            connection.execute(self.insert(table).on_conflict_do_nothing(index_elements=keys), rows)

    def bring_up_to_date(self) -> None:
        """Apply missing migrations; see ``core.store.upgrade``."""
        with self._guarded():
            bring_up_to_date(self.engine, self.url)

    def empty_log(self) -> bool:
        """Empty an embedded store's write-ahead log, which still has what was deleted. A server tends its own.

        Returns False if another process still reads from it: try again later. Raises StoreError.
        """
        return self._maintain(lambda connection: empty_log(connection, _LOG_PATIENCE_S))

    def vacuum(self) -> bool:
        """Rewrite an embedded store, since parts of deleted rows remain beside rows that SQLite moved between pages.

        Returns False if another process still reads its log: ``empty_log`` later is enough. A server tends its own.
        Raises StoreError, also if it is larger than ``VACUUMED_BYTES``.
        """

        def work(connection: sqlite3.Connection) -> bool:
            if file_bytes(connection) > VACUUMED_BYTES:
                raise StoreError(
                    f"{self.url}: too large to be rewritten while services run",
                    hint="stop the services and run VACUUM (docs/operations.md, Start, stop)",
                )
            connection.execute("VACUUM")
            return empty_log(connection, _LOG_PATIENCE_S)

        return self._maintain(work)

    def _maintain(self, work: Callable[[sqlite3.Connection], bool]) -> bool:
        """``work`` on SQLite's own connection, outside of a transaction; True for a server."""
        if self.engine.dialect.name != "sqlite":
            return True
        with self._guarded(), self.engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            try:
                return work(raw)
            except sqlite3.Error as error:
                # As SQLAlchemy would, for ``_guarded``.
                raise DBAPIError(None, None, error) from error

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            plain = _plain(error)
            kind = StoreUnavailable if _is_away(error) else StoreError
            raise kind(f"{self.url}: {plain}", hint=_hint(plain)) from error


def open_store(url: str) -> Store:
    """Open the store at ``url`` (``sqlite:///path`` or ``postgresql://…``); creates it, or migrates it to the current schema.

    Raises UsageError for a URL that is not that of a store, StoreError if it can't be opened or its schema is unknown
    to this version.
    """
    parsed = _parsed(url)
    try:
        if (path := store_file(url)) is not None:
            make_private_folder(path.parent)
            make_private_file(path)
            parsed = parsed.set(database=str(path))
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{_shown(parsed)}: {why}", hint="choose a writable folder") from error
    try:
        engine = sa.create_engine(parsed, **_options(parsed))
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(f"{_shown(parsed)} is not a store", hint=_HINT_URL) from error
    except ModuleNotFoundError as error:
        hint = "install wirewatch[postgres]" if parsed.get_backend_name() == "postgresql" else _HINT_URL
        raise UsageError(f"no driver for the store {_shown(parsed)}: {error}", hint=hint) from error
    if engine.dialect.name not in ("sqlite", "postgresql"):
        raise UsageError(f"{_shown(parsed)} is not a store", hint=_HINT_URL)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    store = Store(engine)
    try:
        store.bring_up_to_date()
    except BaseException:
        store.close()
        raise
    return store


def store_file(url: str) -> Path | None:
    """The file of an embedded store, even if it does not exist; None for a database server or a store in memory.

    Raises UsageError for an invalid URL, RuntimeError if the home folder is unknown.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database).expanduser()


def _parsed(url: str) -> sa.URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text may contain a password anywhere, and so may the cause.
        raise UsageError("the store's URL is invalid", hint=_HINT_URL) from None
    if parsed.drivername in ("postgres", "postgresql"):
        # Without a driver in the URL, SQLAlchemy's choice depends on its release.
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _shown(url: sa.URL) -> str:
    secrets = {name: "***" for name in _SECRETS if name in url.query}
    return url.update_query_dict(secrets).render_as_string(hide_password=True)


def _lock_number(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), signed=True)


def _options(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_MS / 1000, "check_same_thread": False}}
    options: dict[str, Any] = {"pool_pre_ping": True}
    options["connect_args"] = {name: value for name, value in _PATIENCE.items() if name not in url.query}
    return options


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # We begin transactions ourselves: the driver's BEGIN is deferred, so a transaction that reads first and then writes
    # can fail at once with "database is locked", whatever the timeout.
    connection.isolation_level = None
    switch_to_wal(connection, BUSY_MS / 1000)
    overwrite_deleted(connection)
    for pragma in ("synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("wirewatch_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _plain(error: SQLAlchemyError) -> str:
    text = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
    return text.strip().split("\n", 1)[0]


_PASSING_STATES = ("08", "57P01", "57P02", "57P03", "53300")
"""PostgreSQL's codes for a lost connection, for a server that stops or starts, and for one that accepts no more clients."""
_PASSING_WORDS = ("starting up", "shutting down", "recovery", "too many", "not yet accepting")


def _is_away(error: SQLAlchemyError) -> bool:
    """Whether the database can't be reached now, so that a retry may succeed."""
    orig = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(orig, sqlite3.Error):
        return is_busy(orig)
    if not isinstance(error, OperationalError):
        return False
    state = getattr(orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_PASSING_STATES)
    # A failed connection has no code; the server's own message, if any, begins with FATAL.
    text = _plain(error).lower()
    refused = "fatal" in text or "certificate" in text or "ssl" in text
    return not refused or any(words in text for words in _PASSING_WORDS)


_HINTS = (
    (("disk is full", "no space left"), "free some disk space; nothing was written"),
    (("lock timeout",), "a long transaction, such as a dump's, locks a table: try again when it is over"),
    (("locked",), "another process has locked the store; try again"),
    (("unable to open", "readonly", "read-only"), "check that the folder exists and is writable"),
    (
        ("not a database", "malformed"),
        "the file is not a store, or is damaged; choose another, or restore it from a backup",
    ),
    (("authentication failed", "no password supplied"), "check user and password in the store's URL"),
    (("does not exist",), "create it on the server first"),
    (("connection", "connect"), "check that the database server is running and can be reached"),
)


def _hint(plain: str) -> str | None:
    text = plain.lower()
    return next((hint for words, hint in _HINTS if any(word in text for word in words)), None)
