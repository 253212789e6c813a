"""How the C library keeps memory: given back to the system once it is freed.

FnApiRunner holds a slice's collections whole, and the story index's arrays grow by being copied. When such memory is freed,
glibc keeps its pages in heaps of its own, one for each thread, cut up by what lives longer: after a backlog a process would
stay as large as its largest slices. And each large block that is freed raises the size from which blocks have pages of their
own, up to 32 MB, so that ever more of them lie in the heaps (mallopt(3), M_MMAP_THRESHOLD).
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

GIVE_BACK_EVERY_BYTES = 32 << 20
_M_MMAP_THRESHOLD, _OWN_PAGES_FROM = -3, 256 << 10
_M_ARENA_MAX, _ARENAS = -8, 2
"""From glibc's malloc.h."""

TIDY = {"MALLOC_ARENA_MAX": str(_ARENAS), "MALLOC_MMAP_THRESHOLD_": str(_OWN_PAGES_FROM)}
"""What ``tidy_heaps`` does, as the environment of a process that is yet to be started."""


def tidy_heaps() -> None:
    """Let all threads begun from now on share two heaps, and blocks from 256 KiB have pages of their own, as long as they live.

    Does nothing where the C library isn't glibc.
    """
    _call("mallopt", _M_MMAP_THRESHOLD, _OWN_PAGES_FROM)
    _call("mallopt", _M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Return free pages to the system: some milliseconds. Where the C library isn't glibc, only rings of objects are freed."""
    gc.collect()
    _call("malloc_trim", 0)


def settle() -> None:
    """Let the collector pass by all that is there now: for once a process has all that it will keep.

    It goes through everything only when a quarter as much has come as there is. Beside some 200,000 objects of modules that is
    seldom, and each run of a slice leaves a ring of its runner's objects behind, which holds that slice's records.
    """
    gc.collect()
    gc.freeze()


class GiveBack:
    """``give_back`` after each 32 MiB of records: by work, not by time, so a replay and an idle run each get their due.

    After the first records, which have everything loaded that there is to load, the collector is told to ``settle``.
    """

    def __init__(self, trim: Callable[[], None] = give_back, begin: Callable[[], None] = settle) -> None:
        self._trim, self._begin = trim, begin
        self._handled = -1

    def after(self, size: int) -> None:
        """Note that records of ``size`` bytes were handled; the time may have come."""
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
