"""Settings for the C library's allocator, so that freed memory is returned to the system.

FnApiRunner holds a slice's collections whole, and the story index's arrays grow by being copied. When such memory is freed,
glibc keeps its pages in arenas, one for each thread, fragmented by what lives longer: after a backlog a process would
stay as large as its largest slices. And each large block that is freed raises the size from which blocks are mapped
separately, up to 32 MB, so more and more of them come from the arenas (mallopt(3), M_MMAP_THRESHOLD).
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

GIVE_BACK_EVERY_BYTES = 32 << 20
_M_MMAP_THRESHOLD, _OWN_PAGES_FROM = -3, 256 << 10
_M_ARENA_MAX, _ARENAS = -8, 2
_M_TRIM_THRESHOLD, _KEPT_FREE, _REUSED_UNTIL = -1, 16 << 20, 4 << 20
"""From glibc's malloc.h."""

TIDY = {"MALLOC_ARENA_MAX": str(_ARENAS), "MALLOC_MMAP_THRESHOLD_": str(_OWN_PAGES_FROM)}
"""The same as ``tidy_heaps``, as environment variables for a process that is started later."""


def tidy_heaps() -> None:
    """Let all threads started from now on share two arenas, and map blocks of 256 KiB and more separately, permanently.

    Does nothing if the C library isn't glibc.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, _OWN_PAGES_FROM)
    _call("mallopt", _M_ARENA_MAX, _ARENAS)


def reuse_heap() -> None:
    """Let blocks of up to 4 MiB come from memory that was used before, of which at most 16 MiB stay when free.

    For a process that does the same work again and again and keeps nothing of it: otherwise the kernel fills the pages of
    each large block with zeros again. Without ``TIDY``, glibc does this by itself. Does nothing if the C library isn't glibc.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, _REUSED_UNTIL)
    _call("mallopt", _M_TRIM_THRESHOLD, _KEPT_FREE)


def give_back() -> None:
    """Return free pages to the system, in some milliseconds. If the C library isn't glibc, only reference cycles are freed."""
    gc.collect()
    _call("malloc_trim", 0)


def settle() -> None:
    """Exclude all existing objects from garbage collection: for when a process has loaded everything that it will keep.

    A full collection runs only once a quarter as many objects are new as there are. With some 200,000 objects of modules that
    is rare, and each run of a slice leaves a reference cycle of its runner's objects, which holds that slice's records.
    """
    gc.collect()
    gc.freeze()


class GiveBack:
    """Calls ``give_back`` after each 32 MiB of records: by work, not by time, so it suits both a replay and an idle run.

    ``settle`` is called after the first records, when everything has been loaded.
    """

    def __init__(self, trim: Callable[[], None] = give_back, begin: Callable[[], None] = settle) -> None:
        self._trim, self._begin = trim, begin
        self._handled = -1

    def after(self, size: int) -> None:
        """Note that records of ``size`` bytes were handled, and release memory if it is time to."""
        if self._handled < 0:
            self._handled = 0
            self._begin()
        self._handled += size
        if self._handled >= GIVE_BACK_EVERY_BYTES:
            self._handled = 0
            self._trim()


def _call(name: str, *numbers: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function(*(ctypes.c_int(number) for number in numbers))
