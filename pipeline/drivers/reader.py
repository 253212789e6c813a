"""Reading all partitions of a stream as one numbered sequence: the merge with a stream behind it (DESIGN section 6)."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.errors import OffsetOutOfRange
from pipeline.order import Merge, Numbered
from pipeline.streams.base import Stream

# How far behind its clock a stream may still show a record: the appends under way. More with replicas.
SKEW_MS = {"kafka": 300, "sqlite": 150}
PARTITIONS_EVERY_MS = 10_000
FETCH_BYTES = 8 << 20

Lost = Callable[[int, int, int], None]


def skew_ms(url: str) -> int:
    """The skew for a stream's URL: after its clock has passed a time by this much, no record of that time can come."""
    return SKEW_MS.get(url.partition(":")[0], max(SKEW_MS.values()))


class MergingReader:
    """Pulls records into a merge and hands them out in order. Single-threaded; the stream is the caller's to close.

    ``clock_ms`` must be the clock that stamps the records, give or take the skew. ``on_lost`` is called with (partition,
    first, last) where retention deleted records before they were read; reading goes on behind them.
    """

    def __init__(
        self,
        stream: Stream,
        merge: Merge,
        *,
        clock_ms: Callable[[], int],
        skew: int | None = None,
        on_lost: Lost | None = None,
    ) -> None:
        self.stream, self.merge = stream, merge
        self._clock_ms, self._on_lost = clock_ms, on_lost
        self._skew_ms = skew_ms(stream.url) if skew is None else skew
        self._partitions_at_ms: int | None = None

    def next(self, *, wait_ms: int = 0) -> Numbered | None:
        """The next record in order; None where none can be handed out yet. Raises StreamUnavailable.

        ``wait_ms`` bounds how long it waits for records to arrive; records that are there already need no wait.
        """
        found = self.merge.pop()
        if found is None:
            self.fill(wait_ms=wait_ms)
            found = self.merge.pop()
        return found

    def fill(self, *, wait_ms: int = 0) -> None:
        """Read what the merge lacks, and find out which partitions have ended. Raises StreamUnavailable."""
        self._look_for_partitions()
        blocking = self.merge.blocking()
        if not blocking:
            return
        self._read(blocking, wait_ms)
        blocking = self.merge.blocking()
        if blocking:
            # The clock before the end offsets: a record that slips in between is then of a later time.
            clear_ms = self._clock_ms() - self._skew_ms
            ends = self.stream.end_offsets(blocking)
            offsets = self.merge.next_offsets()
            for partition in blocking:
                if offsets[partition] >= ends[partition]:
                    self.merge.ended(partition, clear_ms)

    def _read(self, partitions: list[int], wait_ms: int) -> None:
        # Only what holds the others back is read: what is held stays within a fetch a partition.
        offsets = self.merge.next_offsets()
        try:
            records = self.stream.read({p: offsets[p] for p in partitions}, max_bytes=FETCH_BYTES, wait_ms=wait_ms)
        except OffsetOutOfRange as error:
            if error.offset >= error.start:
                raise
            self.merge.skip_to(error.partition, error.start)
            if self._on_lost:
                self._on_lost(error.partition, error.offset, error.start - 1)
            return
        self.merge.offer(records)

    def _look_for_partitions(self) -> None:
        now_ms = self._clock_ms()
        if self._partitions_at_ms is not None and now_ms - self._partitions_at_ms < PARTITIONS_EVERY_MS:
            return
        known = set(self.merge.partitions)
        new = [partition for partition in self.stream.partitions() if partition not in known]
        if new:
            for partition, offset in self.stream.start_offsets(new).items():
                self.merge.add_partition(partition, offset)
        self._partitions_at_ms = now_ms
