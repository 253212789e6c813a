"""A compact map from 32-bit keys to many slots: 8 bytes a pair, in sorted runs.

New pairs go into a dictionary; when it is full they become a sorted array ("run"), and runs of like size are merged, so that
there are few. A dictionary of lists would take some 130 bytes a pair.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
_EMPTY: Slots = np.empty(0, np.int64)
_SLOT_BITS = np.uint64(32)
_SLOT_MASK = np.uint64(0xFFFFFFFF)
# A run is that much longer than the next: few runs to search, and a pair is merged some twenty times in its life.
_FACTOR = 8


class Multimap:
    """Pairs of a key (0 to 2³² − 1) and a slot (likewise). A pair may lie there twice. Single-threaded."""

    def __init__(self, buffer_pairs: int = 65_536) -> None:
        self._buffer_pairs = buffer_pairs
        self._buffer: dict[int, list[int]] = {}
        self._buffered = 0
        self._runs: list[NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return self._buffered + sum(map(len, self._runs))

    @property
    def nbytes(self) -> int:
        """Bytes of the sorted runs; the dictionary of new pairs is bounded and not counted."""
        return sum(run.nbytes for run in self._runs)

    def add(self, keys: Iterable[int], slot: int) -> None:
        """Put a slot under each key."""
        buffer = self._buffer
        for key in keys:
            held = buffer.get(key)
            if held is None:
                buffer[key] = [slot]
            else:
                held.append(slot)
            self._buffered += 1
        if self._buffered >= self._buffer_pairs:
            self._settle()

    def find(self, keys: list[int]) -> list[Slots]:
        """The slots under each key, in no order."""
        found: list[list[Slots]] = [[] for _ in keys]
        if self._runs:
            asked = np.asarray(keys, np.uint64)
            first = asked << _SLOT_BITS
            for run in self._runs:
                starts = run.searchsorted(first)
                # Most keys are in no run: where they end is asked only for those that are.
                hits = (run[np.minimum(starts, len(run) - 1)] >> _SLOT_BITS == asked).nonzero()[0]
                if len(hits):
                    ends = run.searchsorted(first[hits] | _SLOT_MASK, "right").tolist()
                    for place, start, end in zip(hits.tolist(), starts[hits].tolist(), ends, strict=True):
                        found[place].append((run[start:end] & _SLOT_MASK).astype(np.int64))
        for place, key in enumerate(keys):
            if held := self._buffer.get(key):
                found[place].append(np.asarray(held, np.int64))
        return [_EMPTY if not parts else parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in found]

    def keep(self, alive: NDArray[np.bool_]) -> None:
        """Forget the pairs of slots that are not ``alive`` (by slot)."""
        self._settle()
        runs = [run[alive[(run & _SLOT_MASK).astype(np.int64)]] for run in self._runs]
        self._runs = [run for run in runs if len(run)]

    def _settle(self) -> None:
        if self._buffered:
            pairs = np.fromiter(
                (key << 32 | slot for key, slots in self._buffer.items() for slot in slots), np.uint64, self._buffered
            )
            pairs.sort()
            self._runs.append(pairs)
            self._buffer, self._buffered = {}, 0
        while len(self._runs) > 1 and len(self._runs[-1]) * _FACTOR > len(self._runs[-2]):
            merged = np.concatenate((self._runs[-2], self._runs[-1]))
            merged.sort(kind="stable")
            self._runs[-2:] = [merged]
