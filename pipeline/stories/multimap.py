"""A compact map from 32-bit keys to many slots, with 4 to 8 bytes per pair, in sorted runs.

New pairs go into a dictionary; when it is full they become a sorted array (a "run"), and runs of similar size are merged, so
that there are few. A dictionary of lists would take about 130 bytes per pair.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
_SLOT_BITS = np.uint64(32)
_LAST_KEY = 0xFFFFFFFF
# A run is at least this much longer than the next, so there are few runs to search, and a pair is merged about twenty times.
_FACTOR = 8


class _Run(NamedTuple):
    """Pairs in the order of their keys; a highest key after the last terminates ``keys``.

    With ``starts``, each key occurs once, and its slots are those from its start to the next one's: with frequent keys, half
    the memory, and far less to search. Otherwise ``keys`` has one for each slot.
    """

    keys: NDArray[np.uint32]
    starts: NDArray[np.uint32] | None
    slots: NDArray[np.uint32]

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.slots.nbytes + (0 if self.starts is None else self.starts.nbytes)

    def pairs(self) -> NDArray[np.uint64]:
        keys = self.keys[:-1].astype(np.uint64)
        if self.starts is not None:
            keys = keys.repeat(np.diff(self.starts[:-1]))
        return keys << _SLOT_BITS | self.slots


class Multimap:
    """Pairs of a key (0 to 2³² − 1) and a slot (likewise). A pair may occur twice. Single-threaded."""

    def __init__(self, buffer_pairs: int = 65_536) -> None:
        self._buffer_pairs = buffer_pairs
        # Most keys have one slot, and a list for each would be the slowest part of adding, and more work for the collector.
        self._buffer: dict[int, int | list[int]] = {}
        self._pending, self._pending_slots, self._pending_counts = array("I"), array("I"), array("I")
        self._runs: list[_Run] = []

    def __len__(self) -> int:
        return len(self._pending) + sum(len(run.slots) for run in self._runs)

    @property
    def nbytes(self) -> int:
        """Bytes of the sorted runs; the dictionary of new pairs is bounded and not counted."""
        return sum(run.nbytes for run in self._runs)

    def add(self, keys: Iterable[int], slot: int) -> None:
        """Put a slot under each key."""
        buffer, listed = self._buffer, list(keys)
        for key in listed:
            held = buffer.get(key)
            if held is None:
                buffer[key] = slot
            elif isinstance(held, int):
                buffer[key] = [held, slot]
            else:
                held.append(slot)
        if listed:
            self._pending.extend(listed)
            self._pending_slots.append(slot)
            self._pending_counts.append(len(listed))
        if len(self._pending) >= self._buffer_pairs:
            self._settle()

    def find(self, keys: list[int]) -> tuple[Slots, Slots]:
        """The slots under the keys, in no order, each with the index in ``keys`` of the key that found it."""
        found: list[Slots] = []
        by: list[Slots] = []
        if self._runs:
            asked = np.asarray(keys, np.uint32)
            for held, firsts, slots in self._runs:
                starts = held.searchsorted(asked)
                # Most keys are in no run, so the end of the range is looked up only for keys that are.
                hits = (held.take(starts) == asked).nonzero()[0]
                if len(hits):
                    starts = starts.take(hits)
                    if firsts is None:
                        ends = np.minimum(held.searchsorted(asked.take(hits), "right"), len(slots))
                    else:
                        starts, ends = firsts.take(starts).astype(np.int64), firsts.take(starts + 1).astype(np.int64)
                    counts = ends - starts
                    rows = np.repeat(starts - counts.cumsum() + counts, counts)
                    found.append(slots.take(rows + np.arange(len(rows))).astype(np.int64))
                    by.append(hits.repeat(counts))
        new: list[int] = []
        places: list[int] = []
        for place, key in enumerate(keys):
            one = self._buffer.get(key)
            if one is None:
                continue
            if isinstance(one, int):
                new.append(one)
                places.append(place)
            else:
                new += one
                places += [place] * len(one)
        if new or not found:
            found.append(np.array(new, np.int64))
            by.append(np.array(places, np.int64))
        return (found[0], by[0]) if len(found) == 1 else (np.concatenate(found), np.concatenate(by))

    def keep(self, alive: NDArray[np.bool_]) -> None:
        """Remove the pairs of slots that are not ``alive`` (by slot)."""
        self._settle()
        kept = []
        for run in self._runs:
            live = alive[run.slots]
            if live.any():
                kept.append(_run(run.pairs()[live]))
        self._runs = kept

    def _settle(self) -> None:
        if self._pending:
            slots = np.repeat(np.asarray(self._pending_slots, np.uint64), np.asarray(self._pending_counts))
            pairs = np.asarray(self._pending, np.uint64) << _SLOT_BITS | slots
            pairs.sort(kind="stable")
            self._runs.append(_run(pairs))
            self._buffer = {}
            self._pending, self._pending_slots, self._pending_counts = array("I"), array("I"), array("I")
        while len(self._runs) > 1 and len(self._runs[-1].slots) * _FACTOR > len(self._runs[-2].slots):
            pairs = np.concatenate([run.pairs() for run in self._runs[-2:]])
            # Stable means radix or merge sort here, which merges two sorted halves in one pass.
            pairs.sort(kind="stable")
            self._runs[-2:] = [_run(pairs)]


def _run(pairs: NDArray[np.uint64]) -> _Run:
    """The run of pairs in ascending order: at least one."""
    keys, slots = (pairs >> _SLOT_BITS).astype(np.uint32), pairs.astype(np.uint32)
    new = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    firsts = new.nonzero()[0]
    if len(firsts) * 2 > len(keys):
        return _Run(_ended(keys, _LAST_KEY), None, slots)
    return _Run(_ended(keys[firsts], _LAST_KEY), _ended(firsts.astype(np.uint32), len(keys), len(keys)), slots)


def _ended(values: NDArray[np.uint32], *last: int) -> NDArray[np.uint32]:
    return np.concatenate((values, np.array(last, np.uint32)))
