"""Reads all partitions of a stream as one numbered sequence: the merge, fed from a stream.

See docs/architecture.md, "Streams".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import structlog

from core.clock import Every
from core.errors import LogCut, OffsetOutOfRange
from core.streams.base import Stream, StreamRecord
from pipeline.order import Merge, Numbered
from pipeline.order.merge import Misdated

log = structlog.get_logger()
# How long after a moment a record with this time may still appear in a stream, from appends in progress. Longer with
# replicas.
SKEW_MS = {"kafka": 300, "sqlite": 150}
PARTITIONS_EVERY_MS = 10_000
FETCH_BYTES = 8 << 20
# Most records of one time that a partition may hold.
HELD_BYTES = 4 * FETCH_BYTES
# A record's time this far ahead counts as wrong: the clock that stamped it is wrong, or ours.
AHEAD_MS = 60_000
SAY_EVERY_MS = 600_000

Lost = Callable[[int, int, int], None]
NewEpoch = Callable[[int, int], None]
Appeared = Callable[[Collection[int]], Mapping[int, int]]


def skew_ms(url: str) -> int:
    """The skew in ms for a stream's URL: once its clock has passed a time by this much, no record of that time can come."""
    return SKEW_MS.get(url.partition(":")[0], max(SKEW_MS.values()))


class _Hollow(NamedTuple):
    """At ``since_ms`` the partition ended at ``end``, and reading from ``offset`` below it returned nothing."""

    offset: int
    end: int
    since_ms: int


class _SteadyClock:
    """A clock that absorbs steps back: while the caller's clock is below its highest reading, time continues from there.

    Streams do the same (``core.streams.base``), and otherwise a reader would hold every record until the clock caught
    up. After that, the clock is used again, even if it is below what was returned meanwhile.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._last_ms = self._peak_ms = clock_ms()
        self._steady_ms = self._peak_ms

    def __call__(self) -> int:
        now_ms = self._clock_ms()
        if now_ms >= self._peak_ms:
            self._peak_ms = self._steady_ms = now_ms
        else:
            self._steady_ms += max(0, now_ms - self._last_ms)
        self._last_ms = now_ms
        return self._steady_ms


class MergingReader:
    """Reads records into a merge and returns them in order. Single-threaded; the caller closes the stream.

    ``clock_ms`` must be the clock that stamps the records, within the skew. ``on_lost`` is called with (partition,
    first, last) if retention deleted records before they were read, once for each range without an outcome; reading
    continues after them. Records stamped far ahead of the clock would otherwise be held until that time, in the worst
    case for years: they are processed as of now, at late places, which the ledger keeps for replays. A replay takes
    them from there and trusts all other times (``doubts`` False). ``on_appeared`` is called with partitions that are
    new and returns the offsets to read them from (at least theirs); without it they are read from the log's start.
    ``on_epoch`` is called with (partition, leader epoch) before the first record of a new epoch is returned. If one of
    them raises, it is called again at the next read.

    When a new leader epoch begins, and regularly without one, it checks that everything that was read is still there: a
    truncated log raises LogCut before any replacement of the lost records is returned (KIP-320).
    """

    def __init__(
        self,
        stream: Stream,
        merge: Merge,
        *,
        clock_ms: Callable[[], int],
        skew: int | None = None,
        on_lost: Lost | None = None,
        on_appeared: Appeared | None = None,
        on_epoch: NewEpoch | None = None,
        doubts: bool = True,
    ) -> None:
        self.stream, self.merge = stream, merge
        self._now_ms, self._on_lost = _SteadyClock(clock_ms), on_lost
        self._on_epoch = on_epoch
        self._appeared = on_appeared or (lambda new: stream.start_offsets(list(new)))
        self._skew_ms = skew_ms(stream.url) if skew is None else skew
        self._partitions_at_ms: int | None = None
        self._hollow: dict[int, _Hollow] = {}
        self._unread: set[int] = set(merge.partitions)
        self._doubts, self._say = doubts, Every(SAY_EVERY_MS)

    @property
    def at_end(self) -> bool:
        """Whether it holds no record and, at the last read, every partition had ended: nothing is left to return."""
        return self.merge.head_ms is None and not self._unread

    def next(self, *, wait_ms: int = 0) -> Numbered | None:
        """The next record in order; None if none can be returned yet. Raises StreamUnavailable, after which nothing is lost.

        ``wait_ms``: how long it waits for records to arrive; existing ones are returned at once. If it may wait at all,
        it waits up to the skew longer for a record that is only held back by the clock.
        """
        found = self.merge.pop()
        if found is not None:
            return found
        longest_ms = wait_ms + self._skew_ms + 1 if wait_ms else 0
        began_ms = self._now_ms()
        learned = True
        while found is None and learned:
            # One fetch may return records of one partition only; the loop reads the others as long as there is anything.
            clear_at_ms = self._clear_at_ms()
            until_ms = began_ms + wait_ms if clear_at_ms is None else min(clear_at_ms, began_ms + longest_ms)
            learned = self.fill(wait_ms=min(max(0, until_ms - self._now_ms()), longest_ms))
            found = self.merge.pop()
        return found

    def fill(self, *, wait_ms: int = 0) -> bool:
        """Read what the merge needs, and find out which partitions have ended. Raises StreamUnavailable.

        True if it may be worth repeating at once: something was read, or an end was seen for the first time.
        """
        self._look_for_partitions()
        self.merge.settle(HELD_BYTES)
        blocking = self.merge.blocking()
        if not blocking:
            return False
        self._unread.update(blocking)
        learned = self._read(blocking, wait_ms)
        empty = not learned
        blocking = self.merge.blocking()
        if blocking:
            # Read the clock before the end offsets: a record that arrives in between then has a later time.
            now_ms = self._now_ms()
            ends = self.stream.end_offsets(blocking)
            offsets = self.merge.next_offsets()
            for partition in blocking:
                offset, end = offsets[partition], ends[partition]
                if offset >= end:
                    self._ended(partition, now_ms)
                elif empty and self._seen_hollow(partition, offset, end, now_ms):
                    if now_ms - self._hollow[partition].since_ms >= self._skew_ms:
                        self._ended(partition, now_ms)
                elif empty:
                    learned = True
        return learned

    def _ended(self, partition: int, now_ms: int) -> None:
        self.merge.ended(partition, now_ms - self._skew_ms)
        self._unread.discard(partition)

    def _seen_hollow(self, partition: int, offset: int, end: int, now_ms: int) -> bool:
        """Whether the partition ended at ``end`` before the last read, which returned nothing from ``offset`` on.

        If so, only offsets without a record are between them, such as a transaction's markers, because everything below an
        end can be read. A slow fetch looks the same, so the caller requires it to be seen for as long as the skew.
        """
        known = self._hollow.get(partition)
        if known is not None and known[:2] == (offset, end) and known.since_ms <= now_ms:
            return True
        self._hollow[partition] = _Hollow(offset, end, now_ms)
        return False

    def _clear_at_ms(self) -> int | None:
        """When the next record can be returned if nothing else arrives; None if none is held."""
        head_ms = self.merge.head_ms
        if head_ms is None:
            return None
        seen = [self._hollow[partition].since_ms for partition in self.merge.blocking() if partition in self._hollow]
        return max([head_ms + 1, *seen]) + self._skew_ms

    def _read(self, partitions: list[int], wait_ms: int) -> bool:
        """Read once; returns whether there was any result."""
        # Only partitions that hold back the others are read, so at most one fetch per partition is held.
        offsets = self.merge.next_offsets()
        try:
            records = self.stream.read({p: offsets[p] for p in partitions}, max_bytes=FETCH_BYTES, wait_ms=wait_ms)
        except OffsetOutOfRange as error:
            if isinstance(error, LogCut) or error.offset >= error.start:
                raise
            if self._on_lost:
                for first, last in self.merge.missing(error.partition, error.start):
                    self._on_lost(error.partition, first, last)
            self.merge.skip_to(error.partition, error.start)
            return True
        self._look_at_epochs(records)
        now_ms = self._now_ms()
        wrong = self.merge.offer(records, Misdated(now_ms + AHEAD_MS, now_ms) if self._doubts else None)
        if wrong and self._say.due(now_ms):
            log.warning(
                "records have times far ahead of the clock; they are processed as of now",
                partition=wrong[0].partition,
                offset=wrong[0].offset,
                ahead_s=round((wrong[0].timestamp_ms - now_ms) / 1000),
            )
        return bool(records)

    def _look_at_epochs(self, records: Sequence[StreamRecord]) -> None:
        """Before offering records: check the records of the epochs that they end, and report the epochs that they begin."""
        begun: dict[int, list[int]] = {}
        for record in records:
            read = self.merge.read_to(record.partition)
            known = begun[record.partition][-1] if record.partition in begun else read.epoch
            if record.offset >= read.offset and record.epoch not in (known, -1):
                begun.setdefault(record.partition, []).append(record.epoch)
        self._check_for_cuts(begun)
        if self._on_epoch:
            for partition, epochs in begun.items():
                for epoch in epochs:
                    self._on_epoch(partition, epoch)

    def _check_for_cuts(self, partitions: Collection[int]) -> None:
        read = {partition: self.merge.read_to(partition) for partition in partitions}
        epochs = {partition: to.epoch for partition, to in read.items() if to.epoch >= 0}
        ends = self.stream.epoch_ends(epochs) if epochs else {}
        for partition, end in ends.items():
            if end < read[partition].offset:
                starts, now = self.stream.start_offsets([partition]), self.stream.end_offsets([partition])
                raise LogCut(self.stream.url, partition, end, starts[partition], now[partition])

    def _look_for_partitions(self) -> None:
        now_ms = self._now_ms()
        if self._partitions_at_ms is not None and 0 <= now_ms - self._partitions_at_ms < PARTITIONS_EVERY_MS:
            return
        known = set(self.merge.partitions)
        new = [partition for partition in self.stream.partitions() if partition not in known]
        if new:
            offsets = self._appeared(new)
            for partition in new:
                self.merge.add_partition(partition, offsets[partition])
        # A truncated log may stay without new records for long.
        self._check_for_cuts(known)
        self._partitions_at_ms = now_ms
