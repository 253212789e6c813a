"""The conditions of all stored queries as numbers, and which queries a document can't match by them, many at a time.

A *clause* is a set of terms of which a document must have one, or none. The clauses of a query lie side by side, its terms
too. Its *filed* clause, if it has one, comes first: documents reach the query by the terms of that, so it holds already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.query.columns import Column, Numbers, stretches

_WASTE = 1 << 16
"""Numbers that nothing refers to, from which on the table is made smaller, if they are more than half of it."""


class ClauseTable:
    """Clauses of queries, which are known by slots: small numbers that are used again."""

    def __init__(self) -> None:
        self._terms = Column("i")
        self._start, self._length, self._wanted = Column("i"), Column("i"), Column("b")
        self._first, self._count, self._filed = Column("i"), Column("i"), Column("i")
        self._used = 0

    def write(self, slot: int, any_of: Sequence[Sequence[int]], none_of: Sequence[Sequence[int]]) -> None:
        """Set the clauses of a query, by numbers of terms; the first of ``any_of`` is the filed one. No clause is empty."""
        self.erase(slot)
        filed, others = any_of[:1], [*((one, True) for one in any_of[1:]), *((one, False) for one in none_of)]
        # The shortest come first: they are quick to look at, and refuse the most.
        others.sort(key=lambda one: len(one[0]))
        clauses = [*((one, True) for one in filed), *others]
        first, at = len(self._start), len(self._terms)
        for terms, wanted in clauses:
            self._start.numbers.append(self._terms.append(terms))
            self._length.numbers.append(len(terms))
            self._wanted.numbers.append(wanted)
        for column in (self._first, self._count, self._filed):
            column.reserve(slot + 1)
        self._first.numbers[slot], self._count.numbers[slot], self._filed.numbers[slot] = (
            first,
            len(clauses),
            len(filed),
        )
        self._used += len(self._terms) - at

    def erase(self, slot: int) -> None:
        """Forget the clauses of a query."""
        if slot < len(self._count):
            first, count = self._first.numbers[slot], self._count.numbers[slot]
            self._used -= sum(self._length.numbers[first : first + count])
            self._count.numbers[slot] = self._filed.numbers[slot] = 0

    def filed(self, slot: int) -> list[int]:
        """The terms of the filed clause, empty if there is none."""
        if not self._filed.numbers[slot]:
            return []
        first = self._first.numbers[slot]
        start = self._start.numbers[first]
        return self._terms.numbers[start : start + self._length.numbers[first]].tolist()

    def fitting(self, slots: Numbers, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the queries a document with the ``present`` terms fits, besides their filed clauses."""
        filed = self._filed.values[slots]
        first, count = self._first.values[slots] + filed, self._count.values[slots] - filed
        fits = np.ones(len(slots), np.bool_)
        # One clause of each refuses most, so the others, which are longer, are looked at for the rest only.
        for behind in (False, True):
            rest = np.flatnonzero(fits & (count > behind))
            if not len(rest):
                continue
            number = count[rest] - 1 if behind else np.ones(len(rest), np.int32)
            clauses = stretches(first[rest] + behind, number)
            length = self._length.values[clauses]
            places = stretches(self._start.values[clauses], length)
            ends = np.cumsum(length, dtype=np.intp)
            met = np.logical_or.reduceat(present[self._terms.values[places]], ends - length)
            fits[np.repeat(rest, number)[met != self._wanted.values[clauses]]] = False
        return fits

    def refile(self, slots: Numbers, weights: Callable[[Numbers], NDArray[np.float64]]) -> list[int]:
        """File queries that have a filed clause under the one with the least weight (``weights``: of terms by number).

        Returns those for which that is another one than before.
        """
        slots = slots[self._count.values[slots] > 1]
        if not len(slots):
            return []
        count = self._count.values[slots]
        clauses = stretches(self._first.values[slots], count)
        length = self._length.values[clauses]
        ends = np.cumsum(length, dtype=np.intp)
        terms = self._terms.values[stretches(self._start.values[clauses], length)]
        cost = np.add.reduceat(weights(terms), ends - length)
        cost[~self._wanted.values[clauses]] = np.inf
        ends = np.cumsum(count, dtype=np.intp)
        least = np.minimum.reduceat(cost, ends - count)
        owner = np.repeat(np.arange(len(slots)), count)
        cheapest = np.flatnonzero(cost == least[owner])
        cheapest = cheapest[np.unique(owner[cheapest], return_index=True)[1]]
        moved = np.flatnonzero(cheapest != ends - count)
        old, new = clauses[(ends - count)[moved]], clauses[cheapest[moved]]
        for column in (self._start, self._length, self._wanted):
            values = column.values
            values[old], values[new] = values[new], values[old].copy()
        found: list[int] = slots[moved].tolist()
        return found

    @property
    def wasteful(self) -> bool:
        """Whether ``compact`` is worth its time."""
        return len(self._terms) - self._used > max(_WASTE, self._used)

    def compact(self) -> Numbers:
        """Leave out what nothing refers to. Returns the numbers of the terms that are left, rising."""
        counts = self._count.values
        clauses = stretches(self._first.values, counts)
        length = self._length.values[clauses]
        terms = self._terms.values[stretches(self._start.values[clauses], length)]
        self._terms.keep(terms)
        self._start.keep(np.cumsum(length) - length)
        self._length.keep(length)
        self._wanted.keep(self._wanted.values[clauses])
        self._first.keep(np.cumsum(counts) - counts)
        left: Numbers = np.unique(terms)
        return left

    def renumber(self, numbers: Numbers) -> None:
        """Give each term the number that ``numbers`` has for it."""
        self._terms.keep(numbers[self._terms.values])
