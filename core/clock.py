"""The wall clock, which is the default if a caller passes none, and a timer for periodic work."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Now, in whole milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class Every:
    """Tells when something is due that should happen at most once in ``pause_ms``. For one thread."""

    def __init__(self, pause_ms: int) -> None:
        self._pause_ms = pause_ms
        self._last_ms: int | None = None

    def due(self, now_ms: int) -> bool:
        """Whether it is due, as it is the first time and after the clock was set back. If so, the pause begins."""
        if self._last_ms is not None and 0 <= now_ms - self._last_ms < self._pause_ms:
            return False
        self._last_ms = now_ms
        return True
