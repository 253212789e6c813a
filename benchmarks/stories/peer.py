"""The usual index, for comparison: 32 bands of 4 values in a dictionary of lists, one comparison a candidate."""

from __future__ import annotations

from collections import defaultdict

from core.records import OrderKey
from pipeline.stories.entries import IndexEntry
from pipeline.text.fingerprint import bands, similarity

SIGNATURE_BYTES = 512


class PlainIndex:
    """Near copies only: no containment, no events, no order key."""

    def __init__(self) -> None:
        self._by_band: dict[bytes, list[tuple[bytes, IndexEntry]]] = defaultdict(list)

    def add(self, entry: IndexEntry, signature: bytes) -> None:
        """Remember an entry."""
        for band in bands(signature):
            self._by_band[band].append((signature, entry))

    def copy_of(self, signature: bytes, as_of: OrderKey) -> IndexEntry | None:
        """The earliest entry of this text before a key."""
        best: IndexEntry | None = None
        for band in bands(signature):
            for other, entry in self._by_band.get(band, ()):
                earlier = entry.key < as_of and (best is None or entry.key < best.key)
                if earlier and similarity(other, signature) >= 0.6:
                    best = entry
        return best
