"""A compact map from 32-bit keys to many slots, with 4 to 8 bytes per pair, in sorted runs.

New pairs go into a dictionary; when it is full they become a sorted array (a "run"), and runs of similar size are merged, so
that there are few. A dictionary of lists would take about 130 bytes per pair.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int64]
Pairs = NDArray[np.uint64]
"""A key and a slot in each number, the key in the upper half, in the bytes' order ``_PAIR``."""

_PAIR = np.dtype("<u8")
_HALF = np.dtype("<u4")
_LAST_KEY = 0xFFFFFFFF
_NO_SLOTS: Slots = np.empty(0, np.int64)
_NONE = _NO_SLOTS, _NO_SLOTS, _NO_SLOTS
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

    def search(self, asked: NDArray[np.uint32]) -> tuple[Slots, Slots, Slots]:
        """The indices of the keys that there are, in order, with the place of each one's first slot and its number of slots."""
        firsts = self.keys.searchsorted(asked)
        if len(asked) == 1 and self.keys[firsts[0]] != asked[0]:
            return _NONE
        # Most keys are in no run, so the end of the range is looked up only for keys that are.
        hits = (self.keys.take(firsts) == asked).nonzero()[0]
        firsts = firsts.take(hits)
        if self.starts is None:
            ends = np.minimum(self.keys.searchsorted(asked.take(hits), "right"), len(self.slots))
        else:
            firsts, ends = self.starts.take(firsts).astype(np.int64), self.starts.take(firsts + 1).astype(np.int64)
        return hits, firsts, ends - firsts

    def put_pairs(self, pairs: Pairs) -> None:
        """Write the pairs, in order, as numbers that sort by key and then by slot."""
        halves = pairs.view(_HALF)
        halves[0::2] = self.slots
        halves[1::2] = self.keys[:-1] if self.starts is None else self.keys[:-1].repeat(np.diff(self.starts[:-1]))


class Hits(NamedTuple):
    """Keys that are in runs: the index of each key, its run, the place of its first slot there, and the number of its slots."""

    places: Slots
    runs: Slots
    firsts: Slots
    counts: Slots


class Ahead(NamedTuple):
    """Where the keys of several texts are in the runs, looked up together (``Multimap.look_ahead``).

    ``begins``: where the ``hits`` of each text begin; their places are those among the text's keys.
    """

    runs: tuple[_Run, ...]
    begins: list[int]
    hits: Hits


class Multimap:
    """Pairs of a key (0 to 2³² − 1) and a slot (likewise). A pair may occur twice. Single-threaded."""

    def __init__(self, buffer_pairs: int = 65_536) -> None:
        self._buffer_pairs = buffer_pairs
        # Most keys have one slot, and a list for each would be the slowest part of adding, and more work for the collector.
        self._buffer: dict[int, int | list[int]] = {}
        self._pending, self._pending_slots, self._pending_counts = array("I"), array("I"), array("I")
        self._runs: tuple[_Run, ...] = ()

    def __len__(self) -> int:
        return len(self._pending) + sum(len(run.slots) for run in self._runs)

    @property
    def nbytes(self) -> int:
        """Bytes of the sorted runs; the dictionary of new pairs is bounded and not counted."""
        return sum(run.nbytes for run in self._runs)

    def add(self, keys: Sequence[int], slot: int) -> None:
        """Put a slot under each key."""
        if not keys:
            return
        buffer = self._buffer
        # Calls for all keys, since a loop takes several times as long, and the keys of a copy are mostly new.
        if buffer.keys().isdisjoint(keys) and len(fresh := dict.fromkeys(keys, slot)) == len(keys):
            buffer.update(fresh)
        else:
            for key in keys:
                held = buffer.get(key)
                if held is None:
                    buffer[key] = slot
                elif isinstance(held, int):
                    buffer[key] = [held, slot]
                else:
                    held.append(slot)
        self._pending.extend(keys)
        self._pending_slots.append(slot)
        self._pending_counts.append(len(keys))
        if len(self._pending) >= self._buffer_pairs:
            self._settle()

    def look_ahead(self, keys: list[list[int]]) -> Ahead:
        """Look up the keys of several texts in the runs, for ``find``.

        Together they take a fraction of the time: calls are few, and in order of the keys each part of a run is read once.
        """
        ends = np.cumsum([0, *map(len, keys)])
        asked = np.fromiter(chain.from_iterable(keys), np.uint32, int(ends[-1]))
        order = asked.argsort(kind="stable")
        hits = self._search(asked.take(order))
        places = order.take(hits.places)
        texts = ends.searchsorted(places, "right") - 1
        by_text = (texts * len(self._runs) + hits.runs).argsort(kind="stable")
        begins: list[int] = texts.take(by_text).searchsorted(np.arange(len(keys) + 1)).tolist()
        hits = hits._replace(places=places - ends.take(texts))
        return Ahead(self._runs, begins, Hits(*(each.take(by_text) for each in hits)))

    def find(
        self, keys: list[int], chosen: list[int] | None = None, ahead: Ahead | None = None, text: int = 0
    ) -> tuple[Slots, Slots]:
        """The slots under the keys, in no order, each with the index in ``keys`` of the key that found it.

        ``chosen``: the indices of the keys to look up; None for all. ``ahead``: the answer of ``look_ahead``, in which ``text``
        has these keys; it is ignored once the runs have changed.
        """
        found, by = _NO_SLOTS, _NO_SLOTS
        if ahead is not None and ahead.runs is self._runs:
            first, end = ahead.begins[text], ahead.begins[text + 1]
            if first < end:
                found, by = self._slots(Hits(*(each[first:end] for each in ahead.hits)), keys, chosen)
        elif self._runs:
            found, by = self._slots(self._search(np.asarray(keys, np.uint32)), keys, chosen)
        new: list[int] = []
        places: list[int] = []
        looked_up = keys if chosen is None else [keys[place] for place in chosen]
        for at, one in enumerate(map(self._buffer.get, looked_up)):
            if one is None:
                continue
            place = at if chosen is None else chosen[at]
            if isinstance(one, int):
                new.append(one)
                places.append(place)
            else:
                new += one
                places += [place] * len(one)
        if not new:
            return found, by
        newest, by_new = np.array(new, np.int64), np.array(places, np.int64)
        return (np.concatenate((found, newest)), np.concatenate((by, by_new))) if len(found) else (newest, by_new)

    def _search(self, asked: NDArray[np.uint32]) -> Hits:
        """The keys that are in runs, in the order of the runs."""
        found = [run.search(asked) for run in self._runs]
        if not any(len(one[0]) for one in found):
            return Hits(_NO_SLOTS, _NO_SLOTS, _NO_SLOTS, _NO_SLOTS)
        numbers = [np.full(len(one[0]), number) for number, one in enumerate(found)]
        places, firsts, counts = (np.concatenate(each) for each in zip(*found, strict=True))
        return Hits(places, np.concatenate(numbers), firsts, counts)

    def _slots(self, hits: Hits, keys: list[int], chosen: list[int] | None) -> tuple[Slots, Slots]:
        """The slots of hits, which are in the order of their runs, and the index of each one's key."""
        if chosen is not None:
            wanted = np.zeros(len(keys), np.bool_)
            wanted[chosen] = True
            some = wanted.take(hits.places).nonzero()[0]
            hits = Hits(*(each.take(some) for each in hits))
        if not len(hits.places):
            return _NO_SLOTS, _NO_SLOTS
        ends = hits.counts.cumsum()
        rows = (hits.firsts - ends + hits.counts).repeat(hits.counts)
        rows += np.arange(len(rows))
        slots = np.empty(len(rows), np.int64)
        last = hits.runs.searchsorted(range(len(self._runs)), "right").tolist()
        at = 0
        for run, end in zip(self._runs, last, strict=True):
            to = int(ends[end - 1]) if end else 0
            if to > at:
                slots[at:to] = run.slots.take(rows[at:to])
                at = to
        return slots, hits.places.repeat(hits.counts)

    def keep(self, alive: NDArray[np.bool_]) -> None:
        """Remove the pairs of slots that are not ``alive`` (by slot)."""
        self._settle()
        kept = []
        for run in self._runs:
            live = alive[run.slots]
            if live.any():
                kept.append(_run(_pairs(run)[live]))
        self._runs = tuple(kept)

    def _settle(self) -> None:
        runs = list(self._runs)
        if self._pending:
            pairs = np.empty(len(self._pending), _PAIR)
            halves = pairs.view(_HALF)
            halves[0::2] = np.repeat(np.asarray(self._pending_slots), np.asarray(self._pending_counts))
            halves[1::2] = self._pending
            pairs.sort(kind="stable")
            runs.append(_run(pairs))
            self._buffer = {}
            self._pending, self._pending_slots, self._pending_counts = array("I"), array("I"), array("I")
        while len(runs) > 1 and len(runs[-1].slots) * _FACTOR > len(runs[-2].slots):
            pairs = _pairs(*runs[-2:])
            # Stable means radix or merge sort here, which merges two sorted halves in one pass.
            pairs.sort(kind="stable")
            runs[-2:] = [_run(pairs)]
        self._runs = tuple(runs)


def _pairs(*runs: _Run) -> Pairs:
    """The pairs of runs, one run after the other."""
    pairs = np.empty(sum(len(run.slots) for run in runs), _PAIR)
    at = 0
    for run in runs:
        run.put_pairs(pairs[at : at + len(run.slots)])
        at += len(run.slots)
    return pairs


def _run(pairs: Pairs) -> _Run:
    """The run of pairs in ascending order: at least one."""
    halves = pairs.view(_HALF)
    keys = np.empty(len(pairs) + 1, np.uint32)
    keys[:-1], keys[-1] = halves[1::2], _LAST_KEY
    new = np.empty(len(pairs), np.bool_)
    new[0] = True
    np.not_equal(keys[1:-1], keys[:-2], out=new[1:])
    slots = halves[0::2].copy()
    count = np.count_nonzero(new)
    if count * 2 > len(pairs):
        return _Run(keys, None, slots)
    firsts = new.nonzero()[0]
    starts = np.empty(count + 2, np.uint32)
    starts[:-2], starts[-2:] = firsts, len(pairs)
    kept = np.empty(count + 1, np.uint32)
    kept[:-1], kept[-1] = keys.take(firsts), _LAST_KEY
    return _Run(kept, starts, slots)
