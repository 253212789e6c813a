"""What a round took."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Round(NamedTuple):
    """Feeds polled, new items, seconds of the clock and of CPU, resident megabytes at the end."""

    feeds: int
    items: int
    seconds: float
    cpu_s: float
    resident_mb: float

    @property
    def rate(self) -> float:
        """Feeds a second."""
        return self.feeds / self.seconds


@contextlib.contextmanager
def measured() -> Iterator[list[float]]:
    """Seconds, seconds of CPU and resident MB, once the block is over."""
    spent: list[float] = []
    begun, cpu = time.perf_counter(), time.process_time()
    yield spent
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    spent += [time.perf_counter() - begun, time.process_time() - cpu, resident]
