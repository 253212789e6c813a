"""Growing columns of numbers, contiguous in memory, which an index of many queries reads for each document.

With Python objects, each query that is tried would take a dozen reads from scattered memory.
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
    """Contiguous numbers of one type: ``b`` (a flag), ``i``, ``q`` or ``d`` (as in ``array``)."""

    __slots__ = ("_type", "numbers")

    def __init__(self, code: Code) -> None:
        self._type = _TYPES[code]
        self.numbers: array[Any] = array(code)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def values(self) -> NDArray[Any]:
        """The numbers, to read and change in place. The column can't grow while this is referenced."""
        return np.frombuffer(self.numbers, self._type)

    def append(self, more: Iterable[Any]) -> int:
        """Append numbers; returns the index of the first of them."""
        at = len(self.numbers)
        self.numbers.extend(more)
        return at

    def reserve(self, size: int) -> None:
        """Extend it with zeros to at least ``size``."""
        if (lacking := size - len(self.numbers)) > 0:
            self.numbers.frombytes(bytes(lacking * self.numbers.itemsize))

    def keep(self, values: NDArray[Any]) -> None:
        """Replace all numbers."""
        self.numbers = array(self.numbers.typecode)
        self.numbers.frombytes(np.ascontiguousarray(values, self._type).tobytes())


def stretches(first: NDArray[Any], count: NDArray[Any]) -> NDArray[np.intp]:
    """Concatenates ``count[i]`` numbers from ``first[i]`` on: ``first[i]``, ``first[i] + 1`` …"""
    ends = np.cumsum(count, dtype=np.intp)
    total = int(ends[-1]) if len(ends) else 0
    places: NDArray[np.intp] = np.arange(total, dtype=np.intp) + np.repeat(first - (ends - count), count)
    return places
