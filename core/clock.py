"""The wall clock, the default if a caller passes no other, and how often something is looked at by a clock."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Now, in whole milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class Every:
    """Says when something is due that is to happen once in ``pause_ms`` at most. For one thread."""

    def __init__(self, pause_ms: int) -> None:
        self._pause_ms = pause_ms
        self._last_ms: int | None = None

    def due(self, now_ms: int) -> bool:
        """Whether it is due, at once the first time and after the clock was set back; if so, the pause begins."""
        if self._last_ms is not None and 0 <= now_ms - self._last_ms < self._pause_ms:
            return False
        self._last_ms = now_ms
        return True
