"""Keeps the results of a function of text, so that what recurs is computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def kept(function: Callable[[str], T], *, most: int, longest: int) -> Callable[[str], T]:
    """``function``, with its ``most`` last used results kept, but not those for texts of more than ``longest`` characters.

    Without that bound, texts of strangers could fill the memory.
    """
    known = lru_cache(maxsize=most)(function)

    def called(text: str) -> T:
        return known(text) if len(text) <= longest else function(text)

    return called
