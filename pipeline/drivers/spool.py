"""A bounded input on disk, sorted by order key: however large and unsorted it is, memory holds one slice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import zstandard

from core.records import OrderKey, Position, RawArticle, article_id, encode, raw_hash, to_ms
from pipeline.drivers.slices import SliceLimits
from pipeline.transforms.elements import Envelope, Problem

_SCHEMA = """
CREATE TABLE items (ordinal INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, article TEXT NOT NULL, hash TEXT NOT NULL,
                    item TEXT NOT NULL, problem TEXT, value BLOB NOT NULL);
CREATE INDEX by_order ON items (time_ms, article, hash, ordinal);
"""
STREAM = "input"


class Spool:
    """Takes items in any order, gives them as slices in the order of their keys. A scratch file: not for keeping.

    An item's position is its place in the input. Items that could not be read have no time and come first.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._run = run
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;" + _SCHEMA)
        self._packer, self._unpacker = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()
        self._rows: Iterator[Envelope] | None = None
        self.count = 0

    def add(self, raw: RawArticle, item: str) -> None:
        """Add a raw article; its event time is when it was fetched."""
        value = encode(raw)
        self._insert(to_ms(raw.fetched_at), article_id(raw.url), value, item, None)

    def add_problem(self, item: str, reason: str) -> None:
        """Add an item that could not be read: it ends as rejected, like any other."""
        self._insert(0, "", item.encode(), item, reason)

    def _insert(self, time_ms: int, article: str, value: bytes, item: str, problem: str | None) -> None:
        digest = raw_hash(value)
        row = (self.count, time_ms, article, digest, item, problem, self._packer.compress(value))
        self._database.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        self.count += 1

    def take(self, limits: SliceLimits, *, wait_ms: int = 0) -> list[Envelope]:  # noqa: ARG002 - all of it is there
        """The next slice; empty once all was taken. After the first call nothing more may be added."""
        if self._rows is None:
            self._rows = self._sorted()
        taken: list[Envelope] = []
        size = 0
        while len(taken) < limits.records and size < limits.bytes:
            envelope = next(self._rows, None)
            if envelope is None:
                break
            taken.append(envelope)
            size += len(envelope.value)
        return taken

    def _sorted(self) -> Iterator[Envelope]:
        query = "SELECT * FROM items ORDER BY time_ms, article, hash, ordinal"
        last: OrderKey | None = None
        for number, (ordinal, time_ms, article, digest, item, problem, packed) in enumerate(
            self._database.execute(query)
        ):
            twin = last is not None and (last.time_ms, last.article, last.raw_hash) == (time_ms, article, digest)
            key = last = OrderKey(time_ms, article, digest, last.occurrence + 1 if twin and last else 0)
            yield Envelope(
                number=number,
                position=Position(run=self._run, stream=STREAM, partition=0, offset=ordinal),
                key=key,
                value=b"" if problem else self._unpacker.decompress(packed),
                item=item,
                problem=Problem("read", problem) if problem else None,
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
