"""What the C library keeps of memory that was freed, given back to the system.

FnApiRunner holds a slice's collections whole. When they are freed, glibc keeps their pages in heaps of its own, one for each
thread, cut up by what lives longer: after a backlog a process would stay as large as its largest slices.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

GIVE_BACK_EVERY_BYTES = 32 << 20
_M_ARENA_MAX, _ARENAS = -8, 2
"""From glibc's malloc.h, and as many heaps for all threads as the workers on Flink have."""


def share_heaps() -> None:
    """Let all threads begun from now on share two heaps. Does nothing where the C library isn't glibc."""
    _call("mallopt", _M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return free pages to the system: some milliseconds. Does nothing where the C library isn't glibc."""
    _call("malloc_trim", 0)


class GiveBack:
    """``give_back`` after each 32 MiB of records: by work, not by time, so a replay and an idle run each get their due."""

    def __init__(self, trim: Callable[[], None] = give_back) -> None:
        self._trim = trim
        self._handled = 0

    def after(self, size: int) -> None:
        """Note that records of ``size`` bytes were handled; the time may have come."""
        self._handled += size
        if self._handled >= GIVE_BACK_EVERY_BYTES:
            self._handled = 0
            self._trim()


def _call(name: str, *numbers: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*(ctypes.c_int(number) for number in numbers))
