"""How common terms are among the articles of the window, and the sum of their vectors, as of an order key. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.text.encoder import DIMENSIONS

BUCKETS = 1 << 19
_PRIOR = 100.0
"""How many articles are assumed before the first, since a window with few articles says little about rarity."""

FINE = 64
"""Rarities are integers in units of 1/64."""

MOST_COUNTED = 100_000
"""A term in more articles than this counts as equally common."""

_SHIFT = 20
_HALF, _LEAST = 1 << _SHIFT - 1, FINE // 10
_AT_ONCE = 4_096


class Counted(NamedTuple):
    """The slots that count: their terms, concatenated, the number of slots, and the sum of their ``vectors`` vectors."""

    terms: NDArray[np.uint32]
    articles: int
    total: NDArray[np.int64]
    vectors: int


def added_up(several: list[Counted]) -> Counted:
    """The counts of several parts together (at least one)."""
    if len(several) == 1:
        return several[0]
    terms, articles, totals, vectors = zip(*several, strict=True)
    return Counted(np.concatenate(terms), sum(articles), np.add.reduce(totals, axis=0), sum(vectors))


class Frequencies:
    """Counts, for terms cut to buckets, the articles from one place in the order to another.

    ``counted`` returns the terms and vectors of some slots. Places are kept sorted, and those between the two ends are
    counted. Moving an end costs as much as the number of places that it passes, in either direction, so a question about an
    earlier place is answered correctly too.
    """

    def __init__(self, counted: Callable[[NDArray[np.int64]], Counted]) -> None:
        self._counted = counted
        self._places: list[bytes] = []
        self._slots = array("I")
        self._from = self._to = 0
        self._skipped = 0
        self._table = np.zeros(BUCKETS, np.int32)
        self.articles = 0
        self.total = np.zeros(DIMENSIONS, np.int64)
        self.vectors = 0

    def add(self, place: bytes, slot: int) -> None:
        """Add a slot at its place in the order."""
        if not self._places or place >= self._places[-1]:
            self._places.append(place)
            self._slots.append(slot)
            return
        at = bisect_left(self._places, place, self._skipped)
        self._places.insert(at, place)
        self._slots.insert(at, slot)
        if at < self._from:
            self._from, self._to = self._from + 1, self._to + 1
        elif at < self._to:
            self._to += 1
            self._count(at, at + 1, 1)

    def as_of(self, oldest: bytes, place: bytes) -> Frequencies:
        """Count the articles from ``oldest`` (inclusive) to ``place`` (exclusive). Returns itself."""
        start = self._near(self._from, oldest)
        self._move(start, max(start, self._near(self._to, place)))
        return self

    def all_between(self, oldest: bytes, place: bytes) -> bool:
        """Whether all slots that are not forgotten are from ``oldest`` (inclusive) to ``place`` (exclusive)."""
        places, first = self._places, self._skipped
        return first == len(places) or (places[first] >= oldest and places[-1] < place)

    def forget_before(self, oldest: bytes) -> list[int]:
        """Remove all slots before a place, and return them."""
        end = self._skipped
        while end < len(self._places) and self._places[end] < oldest:
            end += 1
        gone = self._slots[self._skipped : end].tolist()
        self._count(max(self._from, self._skipped), min(self._to, end), -1)
        self._skipped = end
        self._from, self._to = max(self._from, end), max(self._to, end)
        # Deleting from the front moves the rest, so it is done only for many at once.
        if end * 8 > len(self._places):
            del self._places[:end], self._slots[:end]
            self._from, self._to, self._skipped = self._from - end, self._to - end, 0
        return gone

    def counts_of(self, terms: NDArray[np.uint32]) -> NDArray[np.int32]:
        """The number of counted articles with each term; a bucket shared by two terms of an article counts it twice."""
        found: NDArray[np.int32] = self._table.take(terms & np.uint32(BUCKETS - 1))
        return found

    def rarity(self, terms: NDArray[np.uint32]) -> NDArray[np.int32]:
        """ln((articles + prior) / (articles with the term + 1)) in integer units of 1/``FINE``, at least 0.1."""
        return self.rarity_of(self.counts_of(terms))

    def rarity_of(self, counts: NDArray[np.int32]) -> NDArray[np.int32]:
        """The rarity of terms with these counts."""
        rarities: NDArray[np.int32] = np.int32(self._whole + _HALF) - _logarithms().take(counts, mode="clip")
        rarities >>= _SHIFT
        return np.maximum(rarities, _LEAST, out=rarities)

    @property
    def rarest(self) -> int:
        """The rarity of a term that no article has."""
        return int((self._whole + _HALF) >> _SHIFT)

    @property
    def _whole(self) -> int:
        return _logarithm(self.articles)

    def _near(self, at: int, place: bytes) -> int:
        """The index of ``place``. The ends nearly always stay or move by a few, so those are tried first."""
        places = self._places
        if (at == self._skipped or places[at - 1] < place) and (at == len(places) or places[at] >= place):
            return at
        return bisect_left(places, place, self._skipped)

    def _move(self, start: int, end: int) -> None:
        if start > self._from:
            self._count(self._from, min(start, self._to), -1)
        if end < self._to:
            self._count(max(end, self._from), self._to, -1)
        if start < self._from:
            self._count(start, min(end, self._from), 1)
        if end > self._to:
            self._count(max(self._to, start), end, 1)
        self._from, self._to = start, end

    def _count(self, start: int, end: int, step: int) -> None:
        for first in range(start, end, _AT_ONCE):
            slots = np.asarray(self._slots[first : min(first + _AT_ONCE, end)], np.int64)
            counted = self._counted(slots)
            buckets = (counted.terms & np.uint32(BUCKETS - 1)).astype(np.intp)
            # Indices and steps of other types would be converted one by one.
            np.add.at(self._table, buckets, np.int32(step))
            self.articles += counted.articles * step
            self.total += counted.total if step == 1 else -counted.total
            self.vectors += counted.vectors * step


def _logarithm(articles: int) -> int:
    return int(_logarithms_from(articles // _AT_ONCE)[articles % _AT_ONCE])


@lru_cache(maxsize=4)
def _logarithms_from(block: int) -> NDArray[np.int64]:
    """``_logarithm`` of ``_AT_ONCE`` consecutive counts, since nearly every question has one more article."""
    counts = np.arange(block * _AT_ONCE, (block + 1) * _AT_ONCE, dtype=np.float64) + _PRIOR
    return np.asarray(np.rint(_ln(counts) * (FINE << _SHIFT)), np.int64)


@cache
def _logarithms() -> NDArray[np.int32]:
    """The logarithm of each count plus 1, with 2**_SHIFT steps per 1/``FINE``."""
    return np.asarray(np.rint(_ln(np.arange(1.0, MOST_COUNTED + 2)) * (FINE << _SHIFT)), np.int32)


def _ln(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """The natural logarithm to nine digits, by single operations only, since the last bit of a library's result may vary."""
    mantissas, exponents = np.frexp(ratios)
    # 2 · artanh((m − 1) / (m + 1)), with m from ½·√2 to √2, by its series.
    low = mantissas < _HALF_ROOT
    mantissas, exponents = np.where(low, mantissas * 2.0, mantissas), exponents - low
    ratio = (mantissas - 1.0) / (mantissas + 1.0)
    square = ratio * ratio
    total = np.full_like(ratio, 1.0 / 11.0)
    for odd in (9.0, 7.0, 5.0, 3.0, 1.0):
        total = total * square + 1.0 / odd
    return np.asarray(2.0 * ratio * total + exponents * _LN_2, np.float64)


_HALF_ROOT, _LN_2 = 0.7071067811865476, 0.6931471805599453
