"""Outlets by their source ids: a name for people, and a country. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Outlet(NamedTuple):
    """``country``: ISO 3166, INT for none, or None where nobody said."""

    name: str
    country: str | None = None


Outlets = Mapping[str, Outlet]


def outlet_name(source: str, outlets: Outlets) -> str:
    """What people call it; the id where nobody said."""
    known = outlets.get(source)
    return known.name if known is not None and known.name else source
