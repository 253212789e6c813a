"""A stretch of a raw stream's past, in the order in which its run processed it.

See docs/architecture.md, "Replay equals live".

Records that were late in that run come at the places that it gave them, which ``late`` holds. They keep their own keys, so
topics and subscriptions are those of their own times and the ordered stage gives them the same places again. Records whose
rejection in that run holds (``refused``: by a limit of time or memory, or since they were retried) are refused again,
without being tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec.structs import replace

from core.records import OrderKey, Position
from core.streams import Stream
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.slices import SliceLimits
from pipeline.elements import Envelope, RefusedRecord
from pipeline.order import Merge, Numbered
from pipeline.order.merge import article_of

Find = Callable[[Envelope], Envelope | None]
"""For a record without its bytes but with their digest: the same with its kept draft, or None if there is none."""
Late = Mapping[tuple[int, int], OrderKey]
Limited = Mapping[tuple[int, int], RefusedRecord]
# A change of leader may set append times back by this much.
SLACK_MS = 60_000
PROBE_MS = 2_000


def find_nothing(_envelope: Envelope) -> Envelope | None:
    """A ``Find`` for which nothing is kept."""
    return None


class History(Protocol):
    """A past to replay, from front to back."""

    def take(self, limits: SliceLimits, find: Find = find_nothing) -> list[Envelope]:
        """The next records in order, numbered from 0 without gaps; empty: no more for now, see ``ended``.

        Records for which ``find`` has a draft come with that instead of their bytes.
        """

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""

    @property
    def total(self) -> int | None:
        """The approximate number of records from the starting point; None if unknown."""


class StreamHistory:
    """The records of a stream whose places lie in ``from_ms`` (in) to ``to_ms`` (out), event times, for the run ``run``.

    ``after_ms``: continue from there, as a resumed replay does; the ledger recognises records that come again. ``lost``
    counts offsets that retention deleted during the read. Single-threaded; the caller closes the stream. Raises
    StreamUnavailable, after which nothing is lost.
    """

    def __init__(
        self,
        stream: Stream,
        run: str,
        *,
        from_ms: int,
        to_ms: int,
        late: Late,
        clock_ms: Callable[[], int],
        after_ms: int | None = None,
        refused: Limited | None = None,
    ) -> None:
        self._stream, self._run, self._from_ms, self._to_ms = stream, run, from_ms, to_ms
        self._refused = refused or {}
        begin_ms = max(from_ms, after_ms or 0)
        self._late = {where: key for where, key in late.items() if begin_ms <= key.time_ms}
        self._ahead = sorted(((key.time_ms, *where) for where, key in self._late.items()), reverse=True)
        partitions = list(stream.partitions())
        starts = stream.start_offsets(partitions)
        self.begins_late = _begins_late(stream, starts, from_ms, to_ms)
        offsets = {partition: offset_at(stream, partition, begin_ms - SLACK_MS) for partition in partitions}
        for partition, offset in self._late:
            if partition in offsets:
                offsets[partition] = max(starts[partition], min(offsets[partition], offset))
        ends = {partition: offset_at(stream, partition, to_ms) for partition in partitions}
        self.total: int | None = sum(
            max(0, ends[partition] - offset_at(stream, partition, begin_ms)) for partition in partitions
        )
        self._merge = Merge(offsets, effective=self._effective)
        self._reader = MergingReader(stream, self._merge, clock_ms=clock_ms, on_lost=self._on_lost, doubts=False)
        self._number, self.lost, self.ended = 0, 0, False

    def take(self, limits: SliceLimits, find: Find = find_nothing) -> list[Envelope]:
        """As in ``History``."""
        taken: list[Envelope] = []
        size = 0
        while not self.ended and len(taken) < limits.records and size < limits.bytes:
            self._read_ahead()
            found = self._reader.next(wait_ms=0 if taken else 250)
            if found is None:
                # It is empty; nothing before the end can come any more.
                self.ended = self._merge.safe_ms() >= self._to_ms
                break
            if found.key.time_ms >= self._to_ms:
                self.ended = True
            elif found.key.time_ms >= self._from_ms:
                taken.append(self._envelope(found, find))
                size += taken[-1].size
        return taken

    def _envelope(self, found: Numbered, find: Find) -> Envelope:
        record = found.record
        key = found.key
        # Misdated records, which were processed as of their reading, keep their stored place; late ones are late again.
        if (record.partition, record.offset) in self._late and record.timestamp_ms <= key.time_ms:
            key = OrderKey(record.timestamp_ms, article_of(record), record.digest)
        number, self._number = self._number, self._number + 1
        position = Position(run=self._run, stream=self._stream.uuid, partition=record.partition, offset=record.offset)
        refused = self._refused.get((record.partition, record.offset))
        bare = Envelope(
            number=number,
            position=position,
            key=key,
            value=b"",
            item=refused.item if refused else "",
            problem=refused.problem if refused else None,
            digest=record.digest,
        )
        return find(bare) or replace(bare, value=record.value)

    def _effective(self, partition: int, offset: int) -> OrderKey | None:
        return self._late.get((partition, offset))

    def _read_ahead(self) -> None:
        """Read up to every late record that may be next: the merge can't know that it is later in the log than its place."""
        while self._ahead and (head_ms := self._merge.head_ms) is not None and self._ahead[-1][0] <= head_ms:
            _, partition, offset = self._ahead[-1]
            reached = self._merge.next_offsets().get(partition, offset + 1)
            records = self._stream.read({partition: reached}, wait_ms=PROBE_MS) if reached <= offset else ()
            if records:
                self._merge.offer(records)
            else:
                self._ahead.pop()

    def _on_lost(self, _partition: int, first: int, last: int) -> None:
        self.lost += last - first + 1


def offset_at(stream: Stream, partition: int, time_ms: int) -> int:
    """The first offset of a record at or after ``time_ms``, or the end if there is none. Assumes that times rise.

    A binary search: some twenty reads of one record, whatever the stream's size.
    """
    low, high = stream.start_offsets([partition])[partition], stream.end_offsets([partition])[partition]
    while low < high:
        middle = (low + high) // 2
        records = stream.read({partition: middle}, max_bytes=1, wait_ms=PROBE_MS)
        if not records or records[0].timestamp_ms >= time_ms:
            high = middle
        else:
            low = records[0].offset + 1
    return low


def _begins_late(stream: Stream, starts: Mapping[int, int], from_ms: int, to_ms: int) -> int | None:
    """The event time of the first remaining record of a stream, if that is after ``from_ms`` and earlier ones are gone."""
    gone = {partition: offset for partition, offset in starts.items() if offset > 0}
    first = [
        records[0].timestamp_ms
        for partition, offset in gone.items()
        if (records := stream.read({partition: offset}, max_bytes=1, wait_ms=PROBE_MS))
    ]
    # Retention by time cuts all partitions at the same time; the earliest remaining record is closest to it.
    begins = min(first, default=to_ms)
    return begins if gone and begins > from_ms else None
