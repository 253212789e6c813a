"""NEAR within NEAR, without making the pairs: who matches is found by the ends of stretches alone.

What a NEAR asks of a stretch on its other side is where it begins, if it comes later, or where it ends, if it comes earlier.
So a chain is decided like a join that has no cycle: from one end of it to the other, keeping the beginnings (or the ends) that
can still be part of a match. For each NEAR both orders are tried, so the work doubles with each NEAR within another, and is
linear in the words; pairs would be their product. Up to ``DEEPEST``; a deeper chain is decided by its pairs.

Beginnings and ends are places: the number of the field, then the place in it, as one integer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Protocol

from core.query.budget import Budget
from core.query.document import MASK, Document, Hits, Shown

DEEPEST = 6
_BITS = 32
Fits = Callable[[int], bool] | None
"""Whether a place will do; None: any does."""


class Side(Protocol):
    """A side of a NEAR. ``depth``: how many NEARs are in it, one within the other."""

    depth: int

    def hits(self, document: Document) -> Hits:
        """Where it matches."""

    def begins(self, document: Document, end: Fits) -> list[int]:
        """Where its stretches begin whose ends will do, ascending."""

    def ends(self, document: Document, begin: Fits) -> list[int]:
        """Where its stretches end whose beginnings will do, ascending."""

    def show_within(self, document: Document, begin: Fits, end: Fits, out: Shown) -> None:
        """Add the leaves' hits of the stretches whose beginning and end will do to ``out``."""


def begin_of(hit: int) -> int:
    """The place at which a hit begins."""
    return hit >> _BITS


def end_of(hit: int) -> int:
    """The place at which a hit ends."""
    return hit >> 2 * _BITS << _BITS | hit & MASK


def begins_of(hits: Hits, budget: Budget, end: Fits) -> list[int]:
    """``Side.begins`` of what has hits of its own."""
    budget.spend(len(hits))
    return sorted({begin_of(one) for one in hits if end is None or end(end_of(one))})


def ends_of(hits: Hits, budget: Budget, begin: Fits) -> list[int]:
    """``Side.ends`` of what has hits of its own."""
    budget.spend(len(hits))
    return sorted({end_of(one) for one in hits if begin is None or begin(begin_of(one))})


def shown_of(hits: Hits, budget: Budget, begin: Fits, end: Fits) -> set[int]:
    """The hits whose beginning and end will do."""
    budget.spend(len(hits))
    return {one for one in hits if (begin is None or begin(begin_of(one))) and (end is None or end(end_of(one)))}


def followed(begins: list[int], distance: int) -> Callable[[int], bool]:
    """Whether behind an end one of ``begins`` comes within ``distance`` words."""

    def fits(end: int) -> bool:
        at = bisect_left(begins, end + 1)
        return at < len(begins) and begins[at] <= end + 1 + distance

    return fits


def preceded(ends: list[int], distance: int) -> Callable[[int], bool]:
    """Whether before a beginning one of ``ends`` comes within ``distance`` words."""

    def fits(begin: int) -> bool:
        at = bisect_left(ends, begin - 1 - distance)
        return at < len(ends) and ends[at] < begin

    return fits


def any_follows(earlier: Side, later: Side, distance: int, document: Document) -> bool:
    """Whether a stretch of ``later`` follows one of ``earlier``."""
    begins = later.begins(document, None)
    return bool(begins) and any(map(followed(begins, distance), earlier.ends(document, None)))


def begins_in_order(earlier: Side, later: Side, distance: int, document: Document, end: Fits) -> list[int]:
    """Where the stretches from ``earlier`` to ``later`` begin."""
    begins = later.begins(document, end)
    return earlier.begins(document, followed(begins, distance)) if begins else []


def ends_in_order(earlier: Side, later: Side, distance: int, document: Document, begin: Fits) -> list[int]:
    """Where the stretches from ``earlier`` to ``later`` end."""
    ends = earlier.ends(document, begin)
    return later.ends(document, preceded(ends, distance)) if ends else []


def show_in_order(
    earlier: Side, later: Side, distance: int, document: Document, begin: Fits, end: Fits, out: Shown
) -> None:
    """Show the stretches from ``earlier`` to ``later`` whose beginning and end will do."""
    begins, ends = later.begins(document, end), earlier.ends(document, begin)
    if begins and ends:
        earlier.show_within(document, begin, followed(begins, distance), out)
        later.show_within(document, preceded(ends, distance), end, out)
