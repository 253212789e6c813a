"""The conditions of all stored queries as numbers, to rule out many queries for a document at a time.

A *clause* is a set of terms of which a document must have at least one, or none. The clauses of a query are contiguous,
and so are its terms. Its *filed* clause, if any, comes first: documents reach the query by its terms, so it is already
satisfied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.query.columns import Column, Numbers, stretches


class ClauseTable:
    """Clauses of queries. A query is known by its slot, a small number that is reused.

    ``wasted``: the table is compacted if at least this many numbers are unused, and they are more than half of it.
    """

    def __init__(self, wasted: int) -> None:
        self._wasted = wasted
        self._terms = Column("i")
        self._start, self._length, self._wanted = Column("i"), Column("i"), Column("b")
        self._first, self._count, self._filed = Column("i"), Column("i"), Column("i")
        self._used = 0

    def write(self, slot: int, any_of: Sequence[Sequence[int]], none_of: Sequence[Sequence[int]]) -> None:
        """Set the clauses of a query, as numbers of terms; the first of ``any_of`` is the filed one. No clause may be empty."""
        self.erase(slot)
        filed, others = any_of[:1], [*((one, True) for one in any_of[1:]), *((one, False) for one in none_of)]
        # The shortest come first: they are quick to check, and rule out the most.
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
        """Remove the clauses of a query."""
        if slot < len(self._count):
            first, count = self._first.numbers[slot], self._count.numbers[slot]
            self._used -= sum(self._length.numbers[first : first + count])
            self._count.numbers[slot] = self._filed.numbers[slot] = 0

    def filed(self, slot: int) -> list[int]:
        """The terms of the filed clause; empty if there is none."""
        if not self._filed.numbers[slot]:
            return []
        first = self._first.numbers[slot]
        start = self._start.numbers[first]
        return self._terms.numbers[start : start + self._length.numbers[first]].tolist()

    def fitting(self, slots: Numbers, present: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the queries a document with the ``present`` terms can match, by their clauses other than the filed ones."""
        filed = self._filed.values[slots]
        first, count = self._first.values[slots] + filed, self._count.values[slots] - filed
        fits = np.ones(len(slots), np.bool_)
        # One clause each rules out most queries, so the others, which are longer, are checked only for the rest.
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
        """File queries under their clause with the least weight (``weights``: of terms, by number).

        Returns those for which the filed clause changed.
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
        """Whether ``compact`` is worthwhile."""
        return len(self._terms) - self._used > max(self._wasted, self._used)

    def compact(self) -> Numbers:
        """Remove unused numbers. Returns the numbers of the remaining terms, ascending."""
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
        """Replace the number of each term by that in ``numbers``."""
        self._terms.keep(numbers[self._terms.values])
