"""Restores a numbered sequence after parallel work: number n is passed on when it comes, later ones wait.

It uses no timers or watermarks, which differ between runners. A number that never comes stops everything after it, so
no step between the numbering and this one may drop an element.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from core.records import Position


class HasNumber(Protocol):
    """Anything numbered from 0 without gaps."""

    @property
    def number(self) -> int:
        """Its place in the sequence."""


class ReorderState(msgspec.Struct, frozen=True, array_like=True):
    """The reorder buffer's state beside its early elements: the next number, whether any are early, and the last position."""

    expected: int = 0
    holding: bool = False
    last: Position | None = None


N = TypeVar("N", bound=HasNumber)


@dataclass(frozen=True, slots=True)
class Reordering(Generic[N]):
    """The result of adding elements: ``ready`` in order, ``held`` still early (ascending), ``expected`` the next number."""

    ready: list[N]
    held: list[N]
    expected: int


def restore(expected: int, held: Iterable[N], arrived: Iterable[N]) -> Reordering[N]:
    """Add ``arrived`` to what is ``held``. Numbers below ``expected`` and repeats are dropped: they were already processed."""
    waiting = {element.number: element for element in (*held, *arrived) if element.number >= expected}
    ready: list[N] = []
    while expected in waiting:
        ready.append(waiting.pop(expected))
        expected += 1
    return Reordering(ready, [waiting[number] for number in sorted(waiting)], expected)
