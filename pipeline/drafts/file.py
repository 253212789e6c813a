"""The file of kept drafts: bytes by key, in SQLite, for any number of concurrent processes on one machine.

It is a cache. Failures are logged once and otherwise ignored; only ``forget`` raises, since takedowns rely on it.
Writes hardly wait for other processes and never for the disk: a file that a power cut damaged is recreated. Keys are
our own hashes, so records can't contain paths.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import structlog

from core.errors import StoreError
from core.private import make_private_file, make_private_folder
from core.sqlite import empty_log, is_busy, marks, overwrite_deleted, pragma, primary_code, switch_to_wal, writing

log = structlog.get_logger()
T = TypeVar("T")

_APPLICATION: Final = 0x57574B44  # "WWKD": distinguishes the file from other databases
_SHAPE: Final = 2
"""``user_version`` of the file. Raise it if the tables change: a file with another version is recreated."""

_TABLES: Final = """
CREATE TABLE drafts (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    article TEXT NOT NULL,
    stream TEXT, -- the raw record's place, if the raw stream holds it
    partition INTEGER,
    "offset" INTEGER,
    event_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX by_article ON drafts (article);
CREATE INDEX by_place ON drafts (stream, partition, "offset") WHERE stream IS NOT NULL;
CREATE INDEX by_until ON drafts (until_ms);
CREATE INDEX by_event ON drafts (event_ms);
CREATE TABLE taken_down (article TEXT PRIMARY KEY) WITHOUT ROWID;
"""

BUSY_S: Final = 0.02
"""Longest wait for another process's write, after which the draft is not kept."""

_PATIENCE_S: Final = 15.0
_AGAIN_S: Final = 60.0
"""How long the file is not used after a failure."""

_WAL_BYTES: Final = 4 << 20
_LOOK_ROWS: Final = 32
_LARGEST: Final = 256
"""A draft larger than this fraction of the limit is not kept."""

_DELETED_AT_ONCE: Final = 4 * _LOOK_ROWS
_FREED_PAGES: Final = 2_000
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class RawPlace(NamedTuple):
    """The place of a record in the raw stream."""

    stream: str
    partition: int
    offset: int


class DraftFile:
    """A file of at most about ``most_bytes``. Thread-safe, for several processes at once. Created when first needed."""

    def __init__(self, path: Path, most_bytes: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path, self._most_bytes, self._monotonic = path, most_bytes, monotonic
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._not_before_s = 0.0
        self._said = False
        self._rows = self._bytes = 0
        """Bytes written since the file's size was last checked."""

    def find(self, key: bytes) -> bytes | None:
        """The bytes for a key; None if there are none, or they can't be read."""

        def work(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute("SELECT body FROM drafts WHERE key = ?", (key,)).fetchone()
            return None if row is None else bytes(row[0])

        return self._do(work, None)

    def keep(
        self, key: bytes, body: bytes, *, article: str, place: RawPlace | None, until_ms: int, event_ms: int = 0
    ) -> None:
        """Keep ``body`` until ``until_ms`` (ms since the epoch, UTC), unless the article was taken down.

        ``event_ms``: the record's event time, for ``tend``.
        """
        if len(body) * _LARGEST > self._most_bytes:
            return

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                'INSERT OR REPLACE INTO drafts (key, article, stream, partition, "offset", event_ms, until_ms, body) '
                "SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM taken_down WHERE article = ?)",
                (key, article, *(place or (None, None, None)), event_ms, until_ms, body, article),
            )
            self._rows += 1
            self._bytes += len(body)
            if self._rows >= _LOOK_ROWS or self._bytes * _LARGEST > self._most_bytes:
                self._rows = self._bytes = 0
                _shrink(connection, self._most_bytes)

        self._do(work, None)

    def drop(self, key: bytes) -> None:
        """Delete the bytes for a key."""
        self._do(lambda connection: connection.execute("DELETE FROM drafts WHERE key = ?", (key,)), None)

    def forget(self, articles: Iterable[str]) -> int:
        """Delete and overwrite all drafts of these articles, and keep none from now on; returns how many were deleted.

        Raises StoreError if the file exists and this fails.
        """
        wanted = sorted(set(articles))
        if not wanted or (self._most_bytes <= 0 and not self.path.exists()):
            return 0
        with self._lock:
            there = self.path.exists()
            try:
                return self._forget(wanted)
            except (sqlite3.Error, OSError) as error:
                self._let_go()
                if _is_damage(error):
                    self._begin_again()
                    return self._forget(wanted)
                if there:
                    raise StoreError(
                        f"{self.path}: kept drafts of an article can't be deleted ({error})",
                        hint="repeat the command, or delete the file: it is only a cache",
                    ) from error
                return 0

    def gone_from(self, stream: str, starts: Mapping[int, int]) -> int:
        """Delete drafts of records that a stream no longer has; returns how many. ``starts``: its first offsets."""

        def work(connection: sqlite3.Connection) -> int:
            gone = 'DELETE FROM drafts WHERE stream = ? AND partition = ? AND "offset" < ?'
            with writing(connection):
                return sum(connection.execute(gone, (stream, *start)).rowcount for start in starts.items())

        return self._do(work, 0)

    def tend(self, now_ms: int, *, texts_before_ms: int = 0) -> int:
        """Delete drafts that are too old or too many; returns how many were too old. ``now_ms``: the wall clock.

        ``texts_before_ms``: drafts of records with earlier event times are deleted.
        """

        def work(connection: sqlite3.Connection) -> int:
            old = "DELETE FROM drafts WHERE until_ms <= ? OR event_ms < ?"
            gone = connection.execute(old, (now_ms, texts_before_ms)).rowcount
            _shrink(connection, self._most_bytes)
            connection.execute(f"PRAGMA incremental_vacuum({_FREED_PAGES})").fetchall()
            empty_log(connection, BUSY_S)
            return gone

        return self._do(work, 0) if self.path.exists() else 0

    def count(self) -> int:
        """The number of kept drafts; 0 if it can't be read."""
        return self._do(lambda connection: int(connection.execute("SELECT count(*) FROM drafts").fetchone()[0]), 0)

    def close(self) -> None:
        """Close the connection; it is reopened if needed."""
        with self._lock:
            self._let_go()

    def _do(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        with self._lock:
            if self._monotonic() < self._not_before_s:
                return otherwise
            try:
                return work(self._open())
            except (sqlite3.Error, OSError) as error:
                if isinstance(error, sqlite3.Error) and is_busy(error):
                    return otherwise
                self._let_go()
                if _is_damage(error):
                    with suppress(OSError):
                        self._begin_again()
                self._failed(error)
                return otherwise

    def _failed(self, error: Exception) -> None:
        self._not_before_s = self._monotonic() + _AGAIN_S
        if not self._said:
            self._said = True
            log.warning(
                "drafts can't be kept; records are prepared without them", file=str(self.path), problem=str(error)
            )

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            # If the file is deleted or recreated, this is meant for all processes.
            if _inode(self.path) == self._inode:
                return self._connection
            self._let_go()
        make_private_folder(self.path.parent)
        make_private_file(self.path)
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            overwrite_deleted(connection)
            connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
            if marks(connection) != (_APPLICATION, _SHAPE):
                _make(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self.path)
        return connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _begin_again(self) -> None:
        log.warning("the file of kept drafts is damaged and is recreated", file=str(self.path))
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def _forget(self, wanted: list[str]) -> int:
        connection = self._open()
        connection.execute(f"PRAGMA busy_timeout={round(1000 * _PATIENCE_S)}")
        try:
            with writing(connection):
                known = {row[0] for row in connection.execute("SELECT article FROM taken_down")}
                fresh = [(one,) for one in wanted if one not in known]
                connection.executemany("INSERT INTO taken_down VALUES (?)", fresh)
                gone = sum(connection.execute("DELETE FROM drafts WHERE article = ?", one).rowcount for one in fresh)
            if gone:
                empty_log(connection, _PATIENCE_S)
            return gone
        finally:
            connection.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")


def _is_damage(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and primary_code(error) in _DAMAGED


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - for each record: pathlib's takes ten times as long
    except OSError:
        return 0


def _make(connection: sqlite3.Connection) -> None:
    """Create the tables, replacing those of another version. Another process may do the same at the same moment."""
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    switch_to_wal(connection, _PATIENCE_S)
    connection.execute(f"PRAGMA busy_timeout={round(1000 * _PATIENCE_S)}")
    with writing(connection):
        if marks(connection) != (_APPLICATION, _SHAPE):
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                connection.execute(f'DROP TABLE "{name}"')
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={_APPLICATION}")
            connection.execute(f"PRAGMA user_version={_SHAPE}")
    connection.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")


def _shrink(connection: sqlite3.Connection, most_bytes: int) -> None:
    """Delete the oldest drafts until the used pages fit the limit."""
    page = pragma(connection, "page_size")
    while True:
        if (pragma(connection, "page_count") - pragma(connection, "freelist_count")) * page <= most_bytes:
            return
        oldest = "DELETE FROM drafts WHERE id IN (SELECT id FROM drafts ORDER BY id LIMIT ?)"
        if not connection.execute(oldest, (_DELETED_AT_ONCE,)).rowcount:
            return
