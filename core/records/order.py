"""Where a raw record lies, and where it stands in its run's order (docs/architecture.md, "Order by numbers")."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """One raw record of one run. ``stream`` is the stream's UUID, so a stream made anew is another one."""

    run: str
    stream: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.run}/{self.stream}/{self.partition}/{self.offset}"


class OrderKey(msgspec.Struct, frozen=True, order=True):
    """Total order of a run's raw records, independent of partitions and of who reads them.

    ``occurrence`` tells identical twins apart (same time, article and bytes). ``late`` is 0 for a record that came in
    time; one that came after a later record had been handled stands directly behind that record, as its ``late``-th
    follower.
    """

    time_ms: int
    article: str
    raw_hash: str
    occurrence: int = 0
    late: int = 0

    def follower(self) -> OrderKey:
        """The key directly behind this one: for a record that came too late for its own place."""
        return OrderKey(self.time_ms, self.article, self.raw_hash, self.occurrence, self.late + 1)

    def sortable(self) -> str:
        """A string that sorts (by code point) as the key does; for an index of the store. Times from 0 to year 5138."""
        return f"{self.time_ms:015d}:{self.article}:{self.raw_hash}:{self.occurrence:06d}:{self.late:06d}"

    @classmethod
    def parse(cls, text: str) -> OrderKey:
        """The key of a ``sortable()`` string. Raises ValueError."""
        time_ms, article, digest, occurrence, late = text.split(":")
        return cls(int(time_ms), article, digest, int(occurrence), int(late))
