"""What the store and the embedded stream have in common as files of SQLite."""

from __future__ import annotations

import sqlite3
import time

_PAUSE_S = 0.01


def primary_code(error: sqlite3.Error) -> int:
    """What kind of error it is. Extended codes keep the primary one in their low byte."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def switch_to_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Put the file into WAL mode. Raises sqlite3.OperationalError if another process holds it for longer than ``patience_s``.

    Changing the mode does not wait for locks as other statements do, so processes that make one file at the same moment
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
