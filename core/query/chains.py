"""NEAR within NEAR, decided by the ends of stretches without making the pairs.

For a NEAR, a stretch on its other side matters only by where it begins, if it comes later, or where it ends, if it
comes earlier. So a chain is decided like an acyclic join: from one end to the other, keeping the beginnings (or ends)
that can still be part of a match. Both orders of each NEAR are tried, so the work doubles with each NEAR within
another, but it is linear in the words; pairs would be their product. This is done up to ``DEEPEST``; a deeper chain is
decided by its pairs.

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
"""Whether a place is acceptable; None: any is."""


class Side(Protocol):
    """A side of a NEAR. ``depth``: how many nested NEARs it contains."""

    depth: int

    def hits(self, document: Document) -> Hits:
        """Where it matches."""

    def begins(self, document: Document, end: Fits) -> list[int]:
        """Beginnings of its stretches whose ends are acceptable, ascending."""

    def ends(self, document: Document, begin: Fits) -> list[int]:
        """Ends of its stretches whose beginnings are acceptable, ascending."""

    def show_within(self, document: Document, begin: Fits, end: Fits, out: Shown) -> None:
        """Add to ``out`` the leaves' hits of the stretches whose beginning and end are acceptable."""


def begin_of(hit: int) -> int:
    """The place at which a hit begins."""
    return hit >> _BITS


def end_of(hit: int) -> int:
    """The place at which a hit ends."""
    return hit >> 2 * _BITS << _BITS | hit & MASK


def begins_of(hits: Hits, budget: Budget, end: Fits) -> list[int]:
    """``Side.begins`` for a node with hits of its own."""
    budget.spend(len(hits))
    return sorted({begin_of(one) for one in hits if end is None or end(end_of(one))})


def ends_of(hits: Hits, budget: Budget, begin: Fits) -> list[int]:
    """``Side.ends`` for a node with hits of its own."""
    budget.spend(len(hits))
    return sorted({end_of(one) for one in hits if begin is None or begin(begin_of(one))})


def shown_of(hits: Hits, budget: Budget, begin: Fits, end: Fits) -> set[int]:
    """The hits whose beginning and end are acceptable."""
    budget.spend(len(hits))
    return {one for one in hits if (begin is None or begin(begin_of(one))) and (end is None or end(end_of(one)))}


def followed(begins: list[int], distance: int) -> Callable[[int], bool]:
    """A test of whether one of ``begins`` comes within ``distance`` words after an end."""

    def fits(end: int) -> bool:
        at = bisect_left(begins, end + 1)
        return at < len(begins) and begins[at] <= end + 1 + distance

    return fits


def preceded(ends: list[int], distance: int) -> Callable[[int], bool]:
    """A test of whether one of ``ends`` comes within ``distance`` words before a beginning."""

    def fits(begin: int) -> bool:
        at = bisect_left(ends, begin - 1 - distance)
        return at < len(ends) and ends[at] < begin

    return fits


def any_follows(earlier: Side, later: Side, distance: int, document: Document) -> bool:
    """Whether a stretch of ``later`` follows one of ``earlier``."""
    begins = later.begins(document, None)
    return bool(begins) and any(map(followed(begins, distance), earlier.ends(document, None)))


def begins_in_order(earlier: Side, later: Side, distance: int, document: Document, end: Fits) -> list[int]:
    """The beginnings of the stretches from ``earlier`` to ``later``."""
    begins = later.begins(document, end)
    return earlier.begins(document, followed(begins, distance)) if begins else []


def ends_in_order(earlier: Side, later: Side, distance: int, document: Document, begin: Fits) -> list[int]:
    """The ends of the stretches from ``earlier`` to ``later``."""
    ends = earlier.ends(document, begin)
    return later.ends(document, preceded(ends, distance)) if ends else []


def show_in_order(
    earlier: Side, later: Side, distance: int, document: Document, begin: Fits, end: Fits, out: Shown
) -> None:
    """Show the stretches from ``earlier`` to ``later`` whose beginning and end are acceptable."""
    begins, ends = later.begins(document, end), earlier.ends(document, begin)
    if begins and ends:
        earlier.show_within(document, begin, followed(begins, distance), out)
        later.show_within(document, preceded(ends, distance), end, out)
