"""Slices of prepared records: records are read and submitted to the pool as they come, even while an earlier one takes long.

A slice with a slow page would delay everything that arrives meanwhile, unread, and with one slow page per second each
slice has one. Here all slow pages are processed in parallel, and a slice consists of the ready records at the head of
the order. Nothing overtakes: an unprepared record holds back those after it, for at most the first limit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice, takewhile

from core.errors import StreamUnavailable
from pipeline.drivers.slices import SliceLimits, Slices
from pipeline.elements import Envelope
from pipeline.transforms.extraction_pool import PoolExtraction

# Wait this long for a record, so that slices are not of one record each.
GATHER_S = 0.2
# Between two reads of the stream while waiting.
STEP_S = 0.03


class AheadSlices:
    """Slices of prepared records from ``inner``. Single-threaded; the same pool must prepare the graph's records.

    The records of up to two slices are read and in the pool. ``close`` drops those that were not returned.
    """

    def __init__(self, inner: Slices, pool: PoolExtraction, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._inner, self._pool, self._monotonic = inner, pool, monotonic
        # With the time at which it was submitted to the pool.
        self._read: deque[tuple[Envelope, float]] = deque()
        self._bytes = 0
        pool.forget_ahead()

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        """Like ``Slices.take``: the prepared records at the head of the order."""
        while True:
            self._fill(limits, wait_ms=0 if self._read else wait_ms)
            if not self._read:
                return []
            head = list(islice(self._read, limits.records))
            ready = len(list(takewhile(lambda one: self._pool.is_prepared(one[0]), head)))
            if ready == len(head) or (ready and self._monotonic() - head[ready][1] >= GATHER_S):
                return [self._leave() for _ in range(ready)]
            self._pool.wait_for((envelope for envelope, _ in head), STEP_S)

    def behind(self, positions: Mapping[int, int]) -> dict[int, int]:
        """For each partition the offset below which all records were returned; ``positions``: below which all were read."""
        found = dict(positions)
        for envelope, _ in self._read:
            at = envelope.position
            if not envelope.ready:
                found[at.partition] = min(at.offset, found.get(at.partition, at.offset))
        return found

    def close(self) -> None:
        """Drop records that were read but not returned: they are read again, with other numbers."""
        self._read.clear()
        self._bytes = 0
        self._pool.forget_ahead()

    def _fill(self, limits: SliceLimits, *, wait_ms: int) -> None:
        room, size = 2 * limits.records - len(self._read), limits.bytes - self._bytes
        if room <= 0 or size <= 0:
            return
        try:
            found = self._inner.take(replace(limits, records=room, bytes=size), wait_ms=wait_ms)
        except StreamUnavailable:
            # Records that were read come first; the next call raises.
            if not self._read:
                raise
            return
        for envelope in found:
            if not envelope.ready:
                self._pool.submit_ahead(envelope)
            self._read.append((envelope, self._monotonic()))
            self._bytes += len(envelope.value)

    def _leave(self) -> Envelope:
        envelope, _ = self._read.popleft()
        self._bytes -= len(envelope.value)
        return envelope
