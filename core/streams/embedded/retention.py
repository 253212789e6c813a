"""What the embedded stream forgets: old records deleted in short transactions, and their space given back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from core.streams.embedded.file import pragma, translated, writing

_DELETE_ROWS = 500
_FREED_PAGES = 500  # 2 MB at a time, since writers wait meanwhile


class SqliteRetention:
    """Deletes the oldest records of one stream, over the stream's own connection.

    ``heads`` gives start offset, next offset and last time of each partition, and raises where the stream is gone.
    Not for two threads at once.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        label: str,
        stream: int,
        partitions: Sequence[int],
        heads: Callable[[], Mapping[int, tuple[int, int, int]]],
    ) -> None:
        self._connection = connection
        self._label = label
        self._stream = stream
        self._partitions = partitions
        self._heads = heads

    def delete_before(self, timestamp_ms: int) -> int:
        """As in ``SqliteStream``."""
        deleted = 0
        for partition in self._partitions:
            with translated(self._label):
                end = self._heads()[partition][1]
                row = self._connection.execute(
                    'SELECT "offset" FROM records WHERE stream = ? AND partition = ? AND timestamp_ms >= ? '
                    'ORDER BY "offset" LIMIT 1',
                    (self._stream, partition, timestamp_ms),
                ).fetchone()
            deleted += self._delete_below(partition, end if row is None else int(row[0]))
        return deleted

    def delete_beyond(self, keep_bytes: int) -> int:
        """As in ``SqliteStream``."""
        share, deleted = keep_bytes // len(self._partitions), 0
        for partition in self._partitions:
            with translated(self._label):
                kept, first = 0, self._heads()[partition][1]
                for offset, size in self._connection.execute(
                    'SELECT "offset", length(value) + length(key) FROM records '
                    'WHERE stream = ? AND partition = ? ORDER BY "offset" DESC',
                    (self._stream, partition),
                ):
                    kept += size
                    if kept > share:
                        break
                    first = offset
            deleted += self._delete_below(partition, first)
        return deleted

    def _delete_below(self, partition: int, offset: int) -> int:
        deleted = 0
        while True:
            with translated(self._label), writing(self._connection):
                start = self._heads()[partition][0]
                upto = min(offset, start + _DELETE_ROWS)
                if upto <= start:
                    break
                deleted += self._connection.execute(
                    'DELETE FROM records WHERE stream = ? AND partition = ? AND "offset" < ?',
                    (self._stream, partition, upto),
                ).rowcount
                self._connection.execute(
                    "UPDATE heads SET start_offset = ? WHERE stream = ? AND partition = ?",
                    (upto, self._stream, partition),
                )
        self._give_space_back()
        return deleted

    def _give_space_back(self) -> None:
        """Shrink the file while more than a quarter of it is free; the rest waits for the next records."""
        with translated(self._label):
            while pragma(self._connection, "freelist_count") > pragma(self._connection, "page_count") // 4:
                # Each step of this statement frees one page, and only executescript steps to its end.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_FREED_PAGES})")
