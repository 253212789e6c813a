"""What the SQLite files of the store, the embedded stream and the kept drafts have in common."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_PAUSE_S = 0.01


def primary_code(error: sqlite3.Error) -> int:
    """The primary code of an error. Extended codes have it in their low byte."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds a lock, so that a retry may succeed."""
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def switch_to_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Put the file into WAL mode. Raises sqlite3.OperationalError if another process holds it for longer than ``patience_s``.

    Changing the mode does not wait for locks as other statements do, so processes that create a file at the same moment
    would fail with "database is locked".
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def part_of(path: Path) -> Path:
    """The name of ``path``, which may be a pattern, while the file is incomplete."""
    return path.with_name(f"{path.name}.part")


def is_being_written(part: Path) -> bool:
    """Whether a process still writes this incomplete file. False for one that a killed process left, or a missing one."""
    try:
        with closing(sqlite3.connect(f"{part.resolve().as_uri()}?mode=rw", uri=True, timeout=0)) as database:
            database.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        # One that was cut off in the middle may be no database at all.
        return is_busy(error)
    return False


def overwrite_deleted(connection: sqlite3.Connection) -> None:
    """Have rows that this connection deletes or replaces overwritten with zeros: their bytes stay in the file otherwise.

    They also stay in the write-ahead log (``empty_log``), and SQLite leaves copies of a few in the unused part of pages
    between which it moved rows: only VACUUM removes those.
    """
    connection.execute("PRAGMA secure_delete=ON").fetchall()


def empty_log(connection: sqlite3.Connection, patience_s: float) -> bool:
    """Move the write-ahead log into the file and cut it off, since it has what was deleted in the meantime.

    Returns False if another process needed it for longer than ``patience_s``: try again later. Not within a transaction.
    """
    before = pragma(connection, "busy_timeout")
    connection.execute(f"PRAGMA busy_timeout={round(1000 * patience_s)}").fetchall()
    try:
        busy: tuple[int, int, int] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout={before}").fetchall()
    return not busy[0]


def file_bytes(connection: sqlite3.Connection) -> int:
    """The size of the file, without its log."""
    return pragma(connection, "page_count") * pragma(connection, "page_size")


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """The value of a numeric PRAGMA."""
    row: tuple[int] = connection.execute(f"PRAGMA {name}").fetchone()
    return row[0]


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that holds the file's write lock from its beginning; rolled back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def marks(connection: sqlite3.Connection) -> tuple[int, int]:
    """``application_id`` and ``user_version`` of the file: the program it belongs to, and the version of its tables."""
    return pragma(connection, "application_id"), pragma(connection, "user_version")
