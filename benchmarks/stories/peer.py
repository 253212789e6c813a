"""The usual index, for comparison: 32 bands of 4 values in a dictionary of lists, one comparison a candidate."""

from __future__ import annotations

from array import array
from collections import defaultdict

from core.records import OrderKey
from pipeline.stories.entries import IndexEntry
from pipeline.text.fingerprint import PERMUTATIONS

SIGNATURE_BYTES = 4 * PERMUTATIONS
BANDS = 32
ROWS = PERMUTATIONS // BANDS
"""32 bands of 4 rows: two texts of similarity s share a band with probability 1 − (1 − s⁴)³².

That is 0.23 at 0.3, 0.87 at 0.5, 0.988 at 0.6, 0.9998 at 0.7: hardly a pair over the threshold of 0.6 to 0.7 is missed,
and what comes along below it is sorted out by ``similarity``.
"""


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


def bands(signature: bytes) -> tuple[bytes, ...]:
    """The keys under which to look for near-duplicates: two texts that share one may be. () for no signature.

    A key holds its band's number, so keys of all bands can be in one index.
    """
    width = ROWS * 4
    return tuple(
        bytes((band,)) + signature[band * width : (band + 1) * width] for band in range(len(signature) // width)
    )


def similarity(first: bytes, second: bytes) -> float:
    """The estimated Jaccard similarity of two texts by their signatures: 0 to 1; 0 if one has no signature."""
    one, other = (array("I", signature[: len(signature) // 4 * 4]) for signature in (first, second))
    if not one or len(one) != len(other):
        return 0.0
    return sum(map(int.__eq__, one, other)) / len(one)
