"""What the C library keeps of memory that was freed, given back to the system.

FnApiRunner holds a slice's collections whole. When they are freed, glibc keeps their pages in heaps of its own, one for each
thread, cut up by what lives longer: after a backlog a process would stay as large as its largest slices.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

GIVE_BACK_EVERY_MS = 60_000
_M_ARENA_MAX, _ARENAS = -8, 2
"""From glibc's malloc.h, and as many heaps for all threads as the workers on Flink have."""


def share_heaps() -> None:
    """Let all threads begun from now on share two heaps. Does nothing where the C library isn't glibc."""
    _call("mallopt", _M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return free pages to the system: some milliseconds. Does nothing where the C library isn't glibc."""
    _call("malloc_trim", 0)


class GiveBack:
    """``give_back`` once a minute at most, by a wall clock in milliseconds, and only after work."""

    def __init__(self, clock_ms: Callable[[], int], trim: Callable[[], None] = give_back) -> None:
        self._clock_ms, self._trim = clock_ms, trim
        self._last_ms = clock_ms()
        self._worked = False

    def after(self, count: int) -> None:
        """Note that ``count`` records were handled; the time may have come."""
        self._worked = self._worked or count > 0
        # A clock that was set back counts as time passed.
        if self._worked and not 0 <= self._clock_ms() - self._last_ms < GIVE_BACK_EVERY_MS:
            self._trim()
            self._last_ms, self._worked = self._clock_ms(), False


def _call(name: str, *numbers: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*(ctypes.c_int(number) for number in numbers))
