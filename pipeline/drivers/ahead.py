"""Slices of what is prepared: records are read and given to the pool as they come, while an earlier one still takes long.

A slice that held a slow page used to wait for it, and with it everything that came meanwhile, unread: with one slow page a
second each slice had one. Now all slow pages that are there take their time side by side, and a slice is what is ready at the
head of the order. Nothing overtakes: a record that is not prepared holds those behind it, for the first limit at most.
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

# A record that takes no longer is waited for, so that slices are not of one record each.
GATHER_S = 0.2
# Between two looks at the stream while something is waited for.
STEP_S = 0.03


class AheadSlices:
    """Slices of ``inner`` whose records are prepared. Single-threaded; the same pool must prepare the graph's records.

    Up to two slices' records are read and in the pool. ``close`` forgets those that were not returned.
    """

    def __init__(self, inner: Slices, pool: PoolExtraction, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._inner, self._pool, self._monotonic = inner, pool, monotonic
        # With the time at which it was given to the pool.
        self._read: deque[tuple[Envelope, float]] = deque()
        self._bytes = 0
        pool.forget_ahead()

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        """As ``Slices.take``: the records at the head of the order that are prepared."""
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
        """Of each partition the offset below which all records were returned; ``positions``: below which all were read."""
        found = dict(positions)
        for envelope, _ in self._read:
            at = envelope.position
            if not envelope.ready:
                found[at.partition] = min(at.offset, found.get(at.partition, at.offset))
        return found

    def close(self) -> None:
        """Forget what was read and not returned: it is read again, under other numbers."""
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
            # What was read comes first; the next call raises.
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
