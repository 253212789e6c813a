"""The file of the embedded stream: its URL, tables, transactions and errors."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from core.errors import StreamError, StreamUnavailable, UsageError
from core.private import make_private_file, make_private_folder
from core.sqlite import marks, overwrite_deleted, primary_code, switch_to_wal, writing
from core.streams.base import parse_options, positive

_APPLICATION: Final = 0x57575354  # "WWST": distinguishes the file from other databases
_VERSION: Final = 1
_OPTIONS: Final = ("max_value_bytes", "timeout_s")

_TABLES: Final = """
CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given again, so an instance notices that its stream was created again
    name TEXT NOT NULL UNIQUE,
    uuid TEXT NOT NULL,
    partitions INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE TABLE heads (
    stream INTEGER NOT NULL REFERENCES streams ON DELETE CASCADE,
    partition INTEGER NOT NULL,
    start_offset INTEGER NOT NULL DEFAULT 0,
    next_offset INTEGER NOT NULL DEFAULT 0,
    last_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (stream, partition)
) WITHOUT ROWID;
CREATE TABLE records (
    stream INTEGER NOT NULL REFERENCES streams ON DELETE CASCADE,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    size INTEGER NOT NULL, -- of the value before compression, in bytes
    codec INTEGER NOT NULL, -- 0: as it is, 1: zstd
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers BLOB, -- as JSON; NULL: none
    PRIMARY KEY (stream, partition, "offset")
);
CREATE TABLE commits (
    stream INTEGER NOT NULL REFERENCES streams ON DELETE CASCADE,
    "group" TEXT NOT NULL,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY (stream, "group", partition)
) WITHOUT ROWID;
"""

# Apart from ``records``, so that the version before can still use the file. It deletes no digests; the next deletion does.
_DIGESTS: Final = """
CREATE TABLE IF NOT EXISTS digests (
    stream INTEGER NOT NULL REFERENCES streams ON DELETE CASCADE,
    partition INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    digest BLOB NOT NULL, -- of the value before compression: the bytes of its raw_hash
    PRIMARY KEY (stream, partition, "offset")
) WITHOUT ROWID
"""

# Created when first needed, so that older files can be used.
_WRITERS: Final = """
CREATE TABLE IF NOT EXISTS writers (
    stream INTEGER NOT NULL REFERENCES streams ON DELETE CASCADE,
    name TEXT NOT NULL,
    token TEXT NOT NULL, -- of the instance that may append under this name
    PRIMARY KEY (stream, name)
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Location:
    """A file, with options. ``timeout_s``: how long a call waits for locks of other processes."""

    path: Path
    url: str
    max_value_bytes: int = 16 << 20
    timeout_s: float = 15.0

    @classmethod
    def parse(cls, url: str) -> Self:
        """From ``sqlite:///relative/path`` or ``sqlite:////absolute/path``, then ``?options``. Raises UsageError."""
        place, _, query = url.removeprefix("sqlite://").partition("?")
        if not place.startswith("/") or not place[1:] or "\0" in place or place.endswith("/"):
            raise UsageError(
                f"{url!r} does not name a file", hint="use sqlite:///relative/path.db or sqlite:////absolute/path.db"
            )
        options = parse_options(query, _OPTIONS, "sqlite")
        return cls(
            Path(place[1:]),
            f"sqlite://{place}",
            int(positive(options, "max_value_bytes", cls.max_value_bytes)),
            positive(options, "timeout_s", cls.timeout_s),
        )


def connect(location: Location, *, make: bool) -> sqlite3.Connection:
    """Connect to the file. ``make``: create the file and its folder if they are missing.

    Raises StreamUnavailable if it can't be opened, StreamError if it is missing or another kind of file.
    """
    if make:
        try:
            make_private_folder(location.path.parent)
            make_private_file(location.path)
        except OSError as error:
            raise StreamUnavailable(
                location.url,
                f"the folder can't be created: {error.strerror}",
                hint="choose a path that you can write to",
            ) from error
    elif not location.path.exists():
        raise StreamError(location.url, "there is no such file", hint="wirewatch streams create creates it")
    with translated(location.url):
        mode = "rwc" if make else "rw"
        connection = sqlite3.connect(
            f"{location.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=location.timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA synchronous=FULL")
            overwrite_deleted(connection)
            _prepare(connection, location, make=make)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, location: Location, *, make: bool) -> None:
    application, version = marks(connection)
    if make and not application:
        if not _has_tables(connection):
            _become_wal(connection, time.monotonic() + location.timeout_s)
            with writing(connection):
                # Another process may have been first.
                if not _has_tables(connection):
                    for statement in _TABLES.split(";\n"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id={_APPLICATION}")
                    connection.execute(f"PRAGMA user_version={_VERSION}")
        # Read again even if the tables existed: they may have been created after the marks were read.
        application, version = marks(connection)
    if application != _APPLICATION:
        raise StreamError(
            location.url,
            "this database is not a stream",
            hint="a stream needs a separate file: choose another path",
        )
    if version != _VERSION:
        raise StreamError(
            location.url,
            f"the file has version {version}, but this program supports only {_VERSION}",
            hint="use the version of Wirewatch that wrote it",
        )
    _add_headers(connection)
    if not _has_digests(connection):
        with writing(connection):
            connection.execute(_DIGESTS)


def _add_headers(connection: sqlite3.Connection) -> None:
    """Add the column for headers to an older file without it."""
    if not _has_headers(connection):
        with writing(connection):
            # Another process may have been first.
            if not _has_headers(connection):
                connection.execute("ALTER TABLE records ADD COLUMN headers BLOB")


def _has_headers(connection: sqlite3.Connection) -> bool:
    return any(row[1] == "headers" for row in connection.execute("PRAGMA table_info(records)"))


def _has_digests(connection: sqlite3.Connection) -> bool:
    known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'digests'"
    return connection.execute(known).fetchone() is not None


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None


def _become_wal(connection: sqlite3.Connection, deadline: float) -> None:
    # Free pages can be returned later only if the file was created with this setting.
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    switch_to_wal(connection, deadline - time.monotonic())


def add_stream(connection: sqlite3.Connection, name: str, partitions: int, clock: Callable[[], int]) -> None:
    """Add an empty stream unless there is one with that name. Call it inside ``writing``, which holds the lock."""
    if connection.execute("SELECT 1 FROM streams WHERE name = ?", (name,)).fetchone() is not None:
        return
    cursor = connection.execute(
        "INSERT INTO streams (name, uuid, partitions, created_ms) VALUES (?, ?, ?, ?)",
        (name, str(uuid.uuid4()), partitions, clock()),
    )
    connection.executemany(
        "INSERT INTO heads (stream, partition) VALUES (?, ?)",
        [(cursor.lastrowid, partition) for partition in range(partitions)],
    )


def take_writer(connection: sqlite3.Connection, stream: int, name: str, token: str) -> None:
    """Give a writer's name to the instance with this token. Call it inside ``writing``."""
    connection.execute(_WRITERS)
    connection.execute("INSERT OR REPLACE INTO writers VALUES (?, ?, ?)", (stream, name, token))


def has_writer(connection: sqlite3.Connection, stream: int, name: str, token: str) -> bool:
    """Whether the instance with this token still owns the name."""
    found = connection.execute("SELECT token FROM writers WHERE stream = ? AND name = ?", (stream, name)).fetchone()
    return found is not None and found[0] == token


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """One consistent view of the file."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def translated(label: str) -> Iterator[None]:
    """Raise SQLite's errors as StreamError; ``label`` names the stream."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise StreamError(
            label, str(error).rstrip("."), hint="the stream was closed, or is used by two threads at once"
        ) from error
    except sqlite3.Error as error:
        raise _ours(label, error) from error


def _ours(label: str, error: sqlite3.Error) -> StreamError:
    match primary_code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StreamUnavailable(
                label, "another process holds the lock", hint="try again; see what else uses the file"
            )
        case sqlite3.SQLITE_FULL:
            return StreamUnavailable(
                label, "the disk is full; nothing was appended", hint="free some space and try again"
            )
        case sqlite3.SQLITE_IOERR:
            return StreamUnavailable(label, f"the disk failed ({error})", hint="check free space and the disk's health")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StreamUnavailable(
                label,
                f"the file can't be opened for writing ({error})",
                hint="check its path, and the permissions of the file and its folder",
            )
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return StreamError(
                label,
                f"the file is damaged or not a database ({error})",
                hint="move it away, or restore it from a backup",
            )
        case _:
            return StreamError(label, f"SQLite failed ({error})")
