"""The wall clock: the default where a caller may pass another, and for what Beam builds by itself on a worker."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Now, in whole milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
