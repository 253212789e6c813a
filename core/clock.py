"""The wall clock, for what Beam builds by itself on a worker: nobody can pass a clock in there."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Now, in whole milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000
