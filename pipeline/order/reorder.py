"""Restoring a numbered sequence behind parallel work: number n is handled when it comes, later ones wait.

No timer and no watermark: nothing that runners do differently. A number that never comes stops everything behind it, so
nothing between the numbering and this may drop an element.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class HasNumber(Protocol):
    """Anything numbered from 0 without gaps."""

    @property
    def number(self) -> int:
        """Its place in the sequence."""


N = TypeVar("N", bound=HasNumber)


@dataclass(frozen=True, slots=True)
class Reordering(Generic[N]):
    """What came of new elements: ``ready`` in order, ``held`` still early (rising), ``expected`` the next number."""

    ready: list[N]
    held: list[N]
    expected: int


def restore(expected: int, held: Iterable[N], arrived: Iterable[N]) -> Reordering[N]:
    """Sort ``arrived`` into what is ``held``. Numbers below ``expected`` and repeats are dropped: they were handled before."""
    waiting = {element.number: element for element in (*held, *arrived) if element.number >= expected}
    ready: list[N] = []
    while expected in waiting:
        ready.append(waiting.pop(expected))
        expected += 1
    return Reordering(ready, [waiting[number] for number in sorted(waiting)], expected)
