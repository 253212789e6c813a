"""Raw records on disk, sorted by place: only one slice is in memory, however large and unsorted the input is.

A file is written under a temporary name and renamed once complete, so a resumed replay finds it complete and reads no
archive again. Values are kept compressed, because a compressed archive has no offsets to seek back to.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import zstandard
from msgspec.structs import replace

from core.private import make_private_folder
from core.records import OrderKey, Position, RawArticle, article_id, encode, raw_hash, to_ms
from core.sqlite import part_of
from pipeline.drivers.history import Find, find_nothing
from pipeline.drivers.slices import SliceLimits
from pipeline.elements import Envelope, RefusedRecord, Rejection

ARCHIVE, INPUT = "archive", "input"
_SCHEMA = """
CREATE TABLE items (ordinal INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, article TEXT NOT NULL, hash TEXT NOT NULL,
                    placed TEXT, stream TEXT NOT NULL, partition INTEGER NOT NULL, place INTEGER NOT NULL,
                    item TEXT NOT NULL, stage TEXT, reason TEXT, value BLOB NOT NULL,
                    UNIQUE (stream, partition, place));
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
_INDEXES = """
CREATE INDEX by_order ON items (time_ms, article, hash, ordinal) WHERE placed IS NULL;
CREATE INDEX by_place ON items (placed) WHERE placed IS NOT NULL;
"""
_EVER_MS = 1 << 62
_PAGE_BYTES = 16_384
"""A record of 65 KB is written and read in half the time of SQLite's usual 4 KB; the file is 4 % larger."""


class Where(NamedTuple):
    """The place of a raw record in the stream that it was archived from."""

    stream: str
    partition: int
    offset: int


class SortedWriter:
    """Takes raw records in any order. ``late``: stored places of a run's late records, by their place in the stream.

    ``refused``: records of that run that a limit rejected, with their outcomes. ``stream`` is the stream name given to
    records without a place, which get offsets in the order of adding, from 0.
    """

    def __init__(
        self,
        path: Path,
        *,
        late: Mapping[Where, OrderKey],
        refused: Mapping[Where, RefusedRecord] | None = None,
        stream: str = ARCHIVE,
    ) -> None:
        self._refused = refused or {}
        self._path, self._part, self.late = path, part_of(path), late
        self._stream = stream
        make_private_folder(path.parent)
        self._part.unlink(missing_ok=True)
        self._database = sqlite3.connect(self._part, isolation_level=None)
        # Its lock, held until the file is closed, distinguishes it from one that a killed process left.
        self._database.executescript(
            f"PRAGMA page_size={_PAGE_BYTES}; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            f"PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; {_SCHEMA}"
        )
        self._packer = zstandard.ZstdCompressor(level=1)
        self.count = self.repeated = self.problems = 0

    def add(
        self,
        value: bytes,
        *,
        time_ms: int,
        article: str,
        digest: str,
        item: str,
        where: Where | None = None,
        problem: tuple[str, str] | None = None,
    ) -> bool:
        """Add a record, or one with a ``problem`` (stage, reason). False if this place of the stream was added before."""
        place = where or Where(self._stream, 0, self.count)
        late = self.late.get(where) if where else None
        refused = self._refused.get(where) if where else None
        if refused is not None and problem is None:
            item, problem = refused.item, (refused.problem.stage, refused.problem.reason)
        row = (time_ms, article, digest, late.sortable() if late else None, *place, item, *(problem or (None, None)))
        inserted = self._database.execute(
            "INSERT OR IGNORE INTO items VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, self._packer.compress(value)),
        ).rowcount
        if inserted <= 0:
            self.repeated += 1
            return False
        self.count += 1
        self.problems += problem is not None and problem[0] == "read"
        return True

    def finish(self, **facts: int) -> None:
        """Complete the file, with some figures to store. Nothing may be added afterwards."""
        # It also ends the transaction.
        self._database.executescript(_INDEXES)
        self._database.executemany("INSERT INTO facts VALUES (?, ?)", (facts | self.figures()).items())
        # Before the lock is released.
        self._part.replace(self._path)
        self._database.close()

    def figures(self) -> dict[str, int]:
        """Numbers of records, of repeated ones, and of unreadable ones."""
        return {"records": self.count, "repeated": self.repeated, "problems": self.problems}

    def give_up(self) -> None:
        """Remove the incomplete file; does nothing after ``finish``."""
        self._database.close()
        self._part.unlink(missing_ok=True)


class SortedHistory:
    """The records of a finished file whose places lie in ``from_ms`` (in) to ``to_ms`` (out), and those without a time.

    A span of None is open at that end. ``after_ms``: continue from there; the ledger recognises records that come again.
    A late record comes at its stored place, under its own key (see ``pipeline.drivers.history``). Single-threaded.
    """

    def __init__(
        self,
        path: Path,
        run: str,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        after_ms: int | None = None,
    ) -> None:
        self._run = run
        self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        self._unpacker = zstandard.ZstdDecompressor()
        self.facts: dict[str, int] = dict(self._database.execute("SELECT name, value FROM facts"))
        # Without a span, times before 1970 count too.
        self._low = -_EVER_MS if from_ms is None else max(from_ms, after_ms or 0)
        self._high = _EVER_MS if to_ms is None else to_ms
        self._without_time = after_ms is None
        count = "SELECT count(*) FROM items WHERE time_ms >= ? AND time_ms < ? OR time_ms = 0"
        self.total: int | None = self._database.execute(count, (self._low, self._high)).fetchone()[0]
        self._rows = self._numbered()
        self.ended = False

    def take(
        self,
        limits: SliceLimits,
        find: Find = find_nothing,
        *,
        wait_ms: int = 0,  # noqa: ARG002 - all of it is there
    ) -> list[Envelope]:
        """As ``History.take``."""
        taken: list[Envelope] = []
        size = 0
        while len(taken) < limits.records and size < limits.bytes:
            row = next(self._rows, None)
            if row is None:
                self.ended = True
                break
            bare, packed = row
            taken.append(find(bare) or replace(bare, value=self._unpacker.decompress(packed)))
            size += taken[-1].size
        return taken

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _numbered(self) -> Iterator[tuple[Envelope, bytes]]:
        """The records without their bytes, and those compressed."""
        merged = heapq.merge(self._natural(), self._placed(), key=lambda found: found[0])
        for number, (_, key, row) in enumerate(merged):
            digest, placed, stream, partition, offset, item, stage, reason, value = row[3:]
            bare = Envelope(
                number=number,
                position=Position(run=self._run, stream=stream, partition=partition, offset=offset),
                key=key,
                value=b"",
                item=item,
                problem=Rejection(stage, reason) if stage else None,
                # A record at a stored place may bear the digest of the one that it follows.
                digest="" if stage or placed else digest,
            )
            yield bare, value

    def _natural(self) -> Iterator[tuple[OrderKey, OrderKey, tuple[Any, ...]]]:
        span = "placed IS NULL AND time_ms >= ? AND time_ms < ?"
        query = f"SELECT * FROM items WHERE {span} ORDER BY time_ms, article, hash, ordinal"  # noqa: S608 - all ours
        last: OrderKey | None = None
        ranges = [(self._low, self._high)]
        if self._low >= 0:
            ranges = [*([(0, 1)] if self._without_time else []), (max(self._low, 1), self._high)]
        for low, high in ranges:
            for row in self._database.execute(query, (low, high)):
                key = OrderKey(row[1], row[2], row[3])
                if last is not None and (last.time_ms, last.article, last.raw_hash) == (row[1], row[2], row[3]):
                    key = OrderKey(row[1], row[2], row[3], last.occurrence + 1)
                last = key
                yield key, key, row

    def _placed(self) -> Iterator[tuple[OrderKey, OrderKey, tuple[Any, ...]]]:
        """Late records, at their stored places, with their own keys."""
        query = "SELECT * FROM items WHERE placed >= ? AND placed < ? ORDER BY placed"
        for row in self._database.execute(query, (f"{max(self._low, 0):015d}", f"{self._high:015d}")):
            yield OrderKey.parse(row[4]), OrderKey(row[1], row[2], row[3]), row


class SortedInput:
    """A bounded input in a scratch file: items are added in any order and taken as slices in key order.

    An item's offset is its place in the input. Items that could not be read have no time and come first.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._path, self._run = path, run
        self._writer = SortedWriter(path, late={}, stream=INPUT)
        self._reader: SortedHistory | None = None

    @property
    def count(self) -> int:
        """How many items were added."""
        return self._writer.count

    def add(self, raw: RawArticle, item: str) -> None:
        """Add a raw article; its event time is when it was fetched."""
        value, time_ms, article = encode(raw), to_ms(raw.fetched_at), article_id(raw.url)
        self._writer.add(value, time_ms=time_ms, article=article, digest=raw_hash(value), item=item)

    def add_problem(self, item: str, reason: str) -> None:
        """Add an item that could not be read: its outcome is a rejection."""
        digest = raw_hash(item.encode())
        self._writer.add(b"", time_ms=0, article="", digest=digest, item=item, problem=("read", reason))

    def take(self, limits: SliceLimits, *, wait_ms: int = 0) -> list[Envelope]:
        """The next slice; empty once all was taken. After the first call nothing more may be added."""
        if self._reader is None:
            self._writer.finish()
            self._reader = SortedHistory(self._path, self._run)
        return self._reader.take(limits, wait_ms=wait_ms)

    def close(self) -> None:
        """Close the file."""
        if self._reader is None:
            self._writer.give_up()
        else:
            self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
