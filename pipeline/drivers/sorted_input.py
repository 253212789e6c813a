"""Archives as a history: their records on disk, sorted by place. However large and unsorted they are, memory holds one slice.

The file is built beside and renamed, so that it is whole or not there; a replay that is resumed finds it and reads no archive
again. Values are kept compressed: a compressed file has no places that one could go back to.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import zstandard

from core.records import OrderKey, Position
from pipeline.drivers.slices import SliceLimits
from pipeline.transforms.elements import Envelope, Problem

STREAM = "archive"
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


class Where(NamedTuple):
    """Where a raw record lay in the stream that it was archived from."""

    stream: str
    partition: int
    offset: int


class IndexWriter:
    """Takes the records of archives in any order. ``late``: stored places of a run's late records, by where they lay."""

    def __init__(self, path: Path, *, late: Mapping[Where, OrderKey]) -> None:
        self._path, self._part, self.late = path, path.with_name(f"{path.name}.part"), late
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part.unlink(missing_ok=True)
        self._database = sqlite3.connect(self._part, isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;" + _SCHEMA)
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
        """Add a record, or one with a ``problem`` (stage, reason). False: this place of the stream is here already."""
        place = where or Where(STREAM, 0, self.count)
        late = self.late.get(where) if where else None
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
        """Everything was added: the index is whole from here on, with some figures to remember."""
        # It also ends the transaction.
        self._database.executescript(_INDEXES)
        self._database.executemany("INSERT INTO facts VALUES (?, ?)", (facts | self.figures()).items())
        self._database.close()
        self._part.replace(self._path)

    def figures(self) -> dict[str, int]:
        """How many records there are, how many were there twice, how many could not be read."""
        return {"records": self.count, "repeated": self.repeated, "problems": self.problems}

    def give_up(self) -> None:
        """Leave nothing behind."""
        self._database.close()
        self._part.unlink(missing_ok=True)


class IndexHistory:
    """The records of an index whose places lie in ``from_ms`` (in) to ``to_ms`` (out), and those with no time at all.

    ``after_ms``: go on from there; what comes again is for the ledger to know.
    """

    def __init__(self, path: Path, run: str, *, from_ms: int, to_ms: int, after_ms: int | None = None) -> None:
        self._run = run
        self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        self._unpacker = zstandard.ZstdDecompressor()
        self.facts: dict[str, int] = dict(self._database.execute("SELECT name, value FROM facts"))
        self._low, self._high = max(from_ms, after_ms or 0), to_ms
        self._without_time = after_ms is None
        count = "SELECT count(*) FROM items WHERE time_ms >= ? AND time_ms < ? OR time_ms = 0"
        self.total: int | None = self._database.execute(count, (self._low, self._high)).fetchone()[0]
        self._rows = self._numbered()
        self.ended = False

    def take(self, limits: SliceLimits) -> list[Envelope]:
        """As in ``History``."""
        taken: list[Envelope] = []
        size = 0
        while len(taken) < limits.records and size < limits.bytes:
            envelope = next(self._rows, None)
            if envelope is None:
                self.ended = True
                break
            taken.append(envelope)
            size += len(envelope.value)
        return taken

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _numbered(self) -> Iterator[Envelope]:
        merged = heapq.merge(self._natural(), self._placed(), key=lambda found: found[0])
        for number, (_, envelope) in enumerate(merged):
            yield Envelope(
                number=number,
                position=envelope.position,
                key=envelope.key,
                value=self._unpacker.decompress(envelope.value) if envelope.value else b"",
                item=envelope.item,
                problem=envelope.problem,
            )

    def _natural(self) -> Iterator[tuple[OrderKey, Envelope]]:
        span = "placed IS NULL AND time_ms >= ? AND time_ms < ?"
        query = f"SELECT * FROM items WHERE {span} ORDER BY time_ms, article, hash, ordinal"  # noqa: S608 - all ours
        last: OrderKey | None = None
        ranges = [(0, 1)] if self._without_time else []
        for low, high in [*ranges, (max(self._low, 1), self._high)]:
            for row in self._database.execute(query, (low, high)):
                key = OrderKey(row[1], row[2], row[3])
                if last is not None and (last.time_ms, last.article, last.raw_hash) == (row[1], row[2], row[3]):
                    key = OrderKey(row[1], row[2], row[3], last.occurrence + 1)
                last = key
                yield key, self._envelope(row, key)

    def _placed(self) -> Iterator[tuple[OrderKey, Envelope]]:
        """Late records, at their stored places, under their own keys: see ``pipeline.drivers.history``."""
        query = "SELECT * FROM items WHERE placed >= ? AND placed < ? ORDER BY placed"
        for row in self._database.execute(query, (f"{self._low:015d}", f"{self._high:015d}")):
            yield OrderKey.parse(row[4]), self._envelope(row, OrderKey(row[1], row[2], row[3]))

    def _envelope(self, row: tuple[object, ...], key: OrderKey) -> Envelope:
        _, _, _, _, _, stream, partition, offset, item, stage, reason, value = row
        return Envelope(
            number=0,
            position=Position(
                run=self._run, stream=str(stream), partition=int(str(partition)), offset=int(str(offset))
            ),
            key=key,
            value=value if isinstance(value, bytes) else b"",
            item=str(item),
            problem=Problem(str(stage), str(reason)) if stage else None,
        )
