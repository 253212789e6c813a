"""Counts in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """A count with its noun, such as "1 feed" or "1,200 feeds". ``many``: the plural, unless it is ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
