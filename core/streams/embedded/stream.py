"""The embedded stream: logs in a separate SQLite file, for a laptop or a single machine without a broker.

Any number of processes can read and write at once: the file is in WAL mode, each append is one short
``BEGIN IMMEDIATE`` transaction, and values are compressed before it begins. When an append returns, its records are on
the disk (``synchronous=FULL``); if the process is killed during an append, nothing of it is stored.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import Self

import msgspec
import zstandard

from core.errors import OffsetOutOfRange, StreamError, WriterFenced
from core.sqlite import empty_log, pragma, writing
from core.streams.base import (
    Appended,
    Headers,
    NewRecord,
    Packed,
    Stream,
    StreamRecord,
    check_sizes,
    partition_of,
)
from core.streams.embedded import file as sqlite_file
from core.streams.embedded.file import Location, translated
from core.streams.plans import StreamFacts, StreamPlan

_RECORDS = """
SELECT "offset", timestamp_ms, size, codec, key, value, headers, digest
FROM records LEFT JOIN digests USING (stream, partition, "offset")
WHERE stream = ? AND partition = ? AND "offset" >= ? ORDER BY "offset"
"""
_PLAIN, _ZSTD = 0, 1
_LEVEL = 3
_POLL_S = 0.02
_DELETE_ROWS = 500
_LOG_PATIENCE_S = 1.0
_FREED_PAGES = 500  # 2 MB at a time, since writers wait meanwhile


class SqliteStream:
    """A named log in an SQLite file; see ``Stream`` for the contract of its methods.

    Append times are max(clock, last time of the partition), taken inside the lock, so they never decrease. Explicit
    times are stored unchanged. An instance may be passed from thread to thread, but not used by two at once.
    """

    def __init__(self, location: Location, name: str, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._location = location
        self._name = name
        self._connection = connection
        self._clock = clock
        self._label = f"{location.url} ({name})"
        self._closed = False
        self._writer = self._token = ""
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()
        with translated(self._label):
            row = connection.execute("SELECT id, uuid, partitions FROM streams WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise StreamError(self._label, "there is no such stream", hint="wirewatch streams create creates it")
        self._id, self._uuid, self._partitions = int(row[0]), str(row[1]), range(int(row[2]))
        self._inode = self._inode_now()

    @classmethod
    def open(cls, url: str, name: str, *, clock: Callable[[], int]) -> SqliteStream:
        """Open an existing stream; ``clock`` returns milliseconds since the epoch. Raises what ``open_stream`` raises."""
        location = Location.parse(url)
        return cls._over(location, name, sqlite_file.connect(location, make=False), clock)

    @classmethod
    def create(cls, url: str, name: str, partitions: int, *, clock: Callable[[], int]) -> SqliteStream:
        """Open a stream, creating file and stream if they are missing. Raises what ``create_stream`` raises."""
        location = Location.parse(url)
        connection = sqlite_file.connect(location, make=True)
        try:
            with translated(location.url), writing(connection):
                sqlite_file.add_stream(connection, name, partitions, clock)
        except BaseException:
            connection.close()
            raise
        return cls._over(location, name, connection, clock)

    @classmethod
    def _over(cls, location: Location, name: str, connection: sqlite3.Connection, clock: Callable[[], int]) -> Self:
        try:
            return cls(location, name, connection, clock)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def facts(cls, url: str, name: str) -> StreamFacts | None:
        """The number of partitions of a stream; None if there is no such file or stream. Changes nothing."""
        location = Location.parse(url)
        if not location.path.exists():
            return None
        with closing(sqlite_file.connect(location, make=False)) as connection, translated(location.url):
            row = connection.execute("SELECT partitions FROM streams WHERE name = ?", (name,)).fetchone()
        return None if row is None else StreamFacts(name, int(row[0]))

    @classmethod
    def delete(cls, url: str, name: str) -> None:
        """Delete a stream with its records and commits. Other streams in the file stay."""
        location = Location.parse(url)
        if not location.path.exists():
            return
        connection = sqlite_file.connect(location, make=False)
        try:
            with translated(location.url), writing(connection):
                # Its rows in the other tables are deleted too (ON DELETE CASCADE).
                connection.execute("DELETE FROM streams WHERE name = ?", (name,))
        finally:
            connection.close()

    @property
    def url(self) -> str:
        """``sqlite:///path``, without options."""
        return self._location.url

    @property
    def name(self) -> str:
        """The stream's name."""
        return self._name

    @property
    def uuid(self) -> str:
        """Random, stored when the stream was created."""
        return self._uuid

    @property
    def max_value_bytes(self) -> int:
        """The URL's ``max_value_bytes``, otherwise 16 MiB; for the value before compression."""
        return self._location.max_value_bytes

    def partitions(self) -> Sequence[int]:
        """As in ``Stream``; their number never changes. Raises StreamError if the stream was deleted."""
        with translated(self._label):
            self._check_alive()
        return self._partitions

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """As in ``Stream``; all or nothing: either every record is stored, or none."""
        check_sizes(self._label, records, self.max_value_bytes)
        prepared = []
        for record in records:
            partition = partition_of(record.key, self._partitions) if record.partition is None else record.partition
            self._check_partition(partition)
            packed = self._compressor.compress(record.value)
            codec, stored = (_ZSTD, packed) if len(packed) < len(record.value) else (_PLAIN, bytes(record.value))
            headers = msgspec.json.encode(record.headers) if record.headers else None
            prepared.append(
                (
                    partition,
                    record.timestamp_ms,
                    bytes(record.key),
                    len(record.value),
                    codec,
                    stored,
                    headers,
                    record.digest,
                )
            )
        if not prepared:
            return ()
        appended: list[Appended] = []
        with translated(self._label), writing(self._connection):
            heads = self._heads()
            # In the appending transaction, so no other process can take the name in between.
            if self._writer and not sqlite_file.has_writer(self._connection, self._id, self._writer, self._token):
                raise WriterFenced(self._label, self._writer)
            now = self._clock()
            rows, digests = [], []
            for partition, claimed_ms, key, size, codec, stored, headers, digest in prepared:
                _, offset, last_ms = heads[partition]
                timestamp = max(now, last_ms) if claimed_ms is None else claimed_ms
                heads[partition] = (heads[partition][0], offset + 1, max(last_ms, timestamp))
                appended.append(Appended(partition, offset, timestamp))
                rows.append((self._id, partition, offset, timestamp, size, codec, key, stored, headers))
                if digest:
                    digests.append((self._id, partition, offset, bytes.fromhex(digest)))
            self._connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            if digests:
                self._connection.executemany("INSERT INTO digests VALUES (?, ?, ?, ?)", digests)
            self._connection.executemany(
                "UPDATE heads SET next_offset = ?, last_ms = ? WHERE stream = ? AND partition = ?",
                [
                    (heads[partition][1], heads[partition][2], self._id, partition)
                    for partition in {row[0] for row in prepared}
                ],
            )
        return appended

    def fence(self, writer: str) -> None:
        """As in ``Stream``."""
        token = secrets.token_hex(8)
        with translated(self._label), writing(self._connection):
            self._check_alive()
            sqlite_file.take_writer(self._connection, self._id, writer, token)
        self._writer, self._token = writer, token

    def read(self, offsets: Mapping[int, int], *, max_bytes: int = 8 << 20, wait_ms: int = 0) -> Sequence[StreamRecord]:
        """As in ``Stream``; ``max_bytes`` is divided evenly, so a full partition doesn't starve the others."""
        for partition in offsets:
            self._check_partition(partition)
        deadline = time.monotonic() + wait_ms / 1000
        with translated(self._label):
            while True:
                # Taken before reading, so that records that arrive in between count as a change.
                seen = pragma(self._connection, "data_version")
                found = self._read_once(offsets, max_bytes)
                if found or not offsets:
                    return found
                while pragma(self._connection, "data_version") == seen:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return ()
                    time.sleep(min(left, _POLL_S))

    def start_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """As in ``Stream``."""
        with translated(self._label):
            heads = self._heads()
        return {partition: heads[self._check_partition(partition)][0] for partition in partitions}

    def end_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """As in ``Stream``."""
        with translated(self._label):
            heads = self._heads()
        return {partition: heads[self._check_partition(partition)][1] for partition in partitions}

    def epoch_ends(self, epochs: Mapping[int, int]) -> Mapping[int, int]:  # noqa: ARG002
        """As in ``Stream``; there are no epochs, so it is always empty."""
        return {}

    def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        """As in ``Stream``."""
        rows = [(self._id, group, self._check_partition(partition), offset) for partition, offset in offsets.items()]
        with translated(self._label), writing(self._connection):
            self._check_alive()
            self._connection.executemany("INSERT OR REPLACE INTO commits VALUES (?, ?, ?, ?)", rows)

    def committed(self, group: str) -> Mapping[int, int]:
        """As in ``Stream``."""
        with translated(self._label):
            self._check_alive()
            rows = self._connection.execute(
                'SELECT partition, "offset" FROM commits WHERE stream = ? AND "group" = ? ORDER BY partition',
                (self._id, group),
            ).fetchall()
        return dict(rows)

    def delete_before(self, timestamp_ms: int) -> int:
        """Delete each partition's records up to the first one with ``timestamp_ms`` or later; returns how many were deleted.

        It uses short transactions, oldest records first: writers get their turn in between, and it can be stopped at any point.
        """
        deleted = 0
        for partition in self._partitions:
            with translated(self._label):
                end = self._heads()[partition][1]
                row = self._connection.execute(
                    'SELECT "offset" FROM records WHERE stream = ? AND partition = ? AND timestamp_ms >= ? '
                    'ORDER BY "offset" LIMIT 1',
                    (self._id, partition, timestamp_ms),
                ).fetchone()
            deleted += self._delete_below(partition, end if row is None else int(row[0]))
        return deleted

    def delete_beyond(self, keep_bytes: int) -> int:
        """Delete each partition's oldest records until the rest is at most its even share of ``keep_bytes``.

        Sizes are those of compressed values. Otherwise like ``delete_before``.
        """
        share, deleted = keep_bytes // len(self._partitions), 0
        for partition in self._partitions:
            with translated(self._label):
                kept, first = 0, self._heads()[partition][1]
                for offset, size in self._connection.execute(
                    'SELECT "offset", length(value) + length(key) FROM records '
                    'WHERE stream = ? AND partition = ? ORDER BY "offset" DESC',
                    (self._id, partition),
                ):
                    kept += size
                    if kept > share:
                        break
                    first = offset
            deleted += self._delete_below(partition, first)
        return deleted

    def close(self) -> None:
        """As in ``Stream``."""
        if not self._closed:
            self._closed = True
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_partition(self, partition: int) -> int:
        if partition not in self._partitions:
            raise StreamError(
                self._label, f"there is no partition {partition}", hint=f"there are 0 to {len(self._partitions) - 1}"
            )
        return partition

    def _check_alive(self) -> None:
        self._heads()

    def _heads(self) -> dict[int, tuple[int, int, int]]:
        """Start offset, next offset and last time of each partition. Raises StreamError if the stream is gone."""
        # SQLite continues to write to a removed file, invisibly to other processes.
        if self._inode_now() != self._inode:
            raise StreamError(self._label, "the file was removed or replaced", hint="open the stream again")
        rows = self._connection.execute(
            "SELECT partition, start_offset, next_offset, last_ms FROM heads WHERE stream = ?", (self._id,)
        ).fetchall()
        if not rows:
            raise StreamError(
                self._label, "the stream was deleted", hint="open it again; it may have been created again"
            )
        return {partition: (start, end, last_ms) for partition, start, end, last_ms in rows}

    def _inode_now(self) -> int | None:
        try:
            return self._location.path.stat().st_ino
        except OSError:
            return None

    def _delete_below(self, partition: int, offset: int) -> int:
        deleted = 0
        while True:
            with translated(self._label), writing(self._connection):
                start = self._heads()[partition][0]
                upto = min(offset, start + _DELETE_ROWS)
                if upto <= start:
                    break
                below = (self._id, partition, upto)
                deleted += self._connection.execute(
                    'DELETE FROM records WHERE stream = ? AND partition = ? AND "offset" < ?', below
                ).rowcount
                self._connection.execute(
                    'DELETE FROM digests WHERE stream = ? AND partition = ? AND "offset" < ?', below
                )
                self._connection.execute(
                    "UPDATE heads SET start_offset = ? WHERE stream = ? AND partition = ?",
                    (upto, self._id, partition),
                )
        self._give_space_back()
        return deleted

    def _give_space_back(self) -> None:
        """Empty the log. Shrink the file while more than a quarter of it is free; the rest is for the next records."""
        with translated(self._label):
            connection = self._connection
            while pragma(connection, "freelist_count") > pragma(connection, "page_count") // 4:
                # Each step of this statement frees one page, and only executescript runs all steps.
                connection.executescript(f"PRAGMA incremental_vacuum({_FREED_PAGES})")
            empty_log(connection, _LOG_PATIENCE_S)

    def _read_once(self, offsets: Mapping[int, int], max_bytes: int) -> list[StreamRecord]:
        found: list[StreamRecord] = []
        left = max_bytes
        with sqlite_file.reading(self._connection):
            heads = self._heads()
            for partition, offset in offsets.items():
                start, end, _ = heads[partition]
                if not start <= offset <= end:
                    raise OffsetOutOfRange(self._label, partition, offset, start, end)
            for done, (partition, offset) in enumerate(offsets.items()):
                share = left // (len(offsets) - done)
                taken = 0
                for row in self._connection.execute(_RECORDS, (self._id, partition, offset)):
                    at, timestamp_ms, size, codec, key, stored, headers, digest = row
                    if taken + size + len(key) > share and (taken or found):
                        break
                    taken += size + len(key)
                    value = stored if codec == _PLAIN else Packed(size, self._unpacking(partition, at, size, stored))
                    found.append(
                        StreamRecord(
                            partition,
                            at,
                            timestamp_ms,
                            key,
                            value,
                            headers=msgspec.json.decode(headers, type=Headers) if headers else (),
                            digest=digest.hex() if digest else "",
                        )
                    )
                left = max(0, left - taken)
        return found

    def _unpacking(self, partition: int, offset: int, size: int, stored: bytes) -> Callable[[], bytes]:
        """A function that returns a stored value."""

        def unpack() -> bytes:
            try:
                return self._decompressor.decompress(stored, max_output_size=size)
            except zstandard.ZstdError as error:
                raise StreamError(
                    self._label,
                    f"the value at offset {offset} of partition {partition} is damaged",
                    hint="check the disk; restore the file from a backup",
                ) from error

        return unpack


def retain(stream: Stream, plan: StreamPlan, now_ms: int, unread: Mapping[int, int]) -> int:
    """Delete records past an embedded stream's retention; returns how many. Kafka does this by itself.

    By time, it deletes only records below ``unread`` (partition → offset). By bytes it deletes the oldest, read or not,
    like Kafka's retention: a full disk would stop everything, and unread records get the outcome lost.
    """
    if not isinstance(stream, SqliteStream):
        return 0
    starts = stream.start_offsets(list(unread))
    before_ms = now_ms - plan.retention_ms
    for partition, offset in unread.items():
        first = stream.read({partition: max(offset, starts[partition])}, max_bytes=1)
        before_ms = min([before_ms, *(record.timestamp_ms for record in first)])
    deleted = stream.delete_before(before_ms)
    return deleted + (stream.delete_beyond(plan.retention_bytes) if plan.retention_bytes else 0)
