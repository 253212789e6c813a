"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], what: str, *, seconds: float = 300.0) -> None:
    """Wait until ``condition()`` holds; fail, saying what was waited for, when that takes too long."""
    deadline = time.monotonic() + seconds
    pause_s = 0.005
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still no {what}"
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.1)
