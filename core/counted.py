"""Numbers of things in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """As in "1 feed", "0 feeds" or "1,200 feeds". ``many`` is the plural, if it is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
