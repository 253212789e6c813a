"""Columns of numbers that grow: what an index of many queries reads for each document, side by side in memory.

As Python objects the same would be a dozen of reads from places far apart for each query that is tried.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int32]

Code = Literal["b", "i", "q", "d"]
_TYPES: dict[Code, type[np.generic]] = {"b": np.bool_, "i": np.int32, "q": np.int64, "d": np.float64}


class Column:
    """Numbers one behind the other, of one type: ``b`` (whether), ``i``, ``q`` or ``d`` (as in ``array``)."""

    __slots__ = ("_type", "numbers")

    def __init__(self, code: Code) -> None:
        self._type = _TYPES[code]
        self.numbers: array[Any] = array(code)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def values(self) -> NDArray[Any]:
        """The numbers, to be read and changed in place. The column can't grow while this is held."""
        return np.frombuffer(self.numbers, self._type)

    def append(self, more: Iterable[Any]) -> int:
        """Add numbers at the end; returns where the first of them is."""
        at = len(self.numbers)
        self.numbers.extend(more)
        return at

    def reserve(self, size: int) -> None:
        """Make it ``size`` long at least, with zeros."""
        if (lacking := size - len(self.numbers)) > 0:
            self.numbers.frombytes(bytes(lacking * self.numbers.itemsize))

    def keep(self, values: NDArray[Any]) -> None:
        """Replace all numbers."""
        self.numbers = array(self.numbers.typecode)
        self.numbers.frombytes(np.ascontiguousarray(values, self._type).tobytes())


def stretches(first: NDArray[Any], count: NDArray[Any]) -> NDArray[np.intp]:
    """The numbers ``first[i]``, ``first[i] + 1`` … of which there are ``count[i]``, one stretch behind the other."""
    ends = np.cumsum(count, dtype=np.intp)
    total = int(ends[-1]) if len(ends) else 0
    places: NDArray[np.intp] = np.arange(total, dtype=np.intp) + np.repeat(first - (ends - count), count)
    return places
