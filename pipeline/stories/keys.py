"""The keys that two texts share if one may be a copy of the other, or about its event. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline.stories.across import CELLS, LEAD_FIGURES, NAMES_ACROSS
from pipeline.stories.features import PAD, across_keys, read_features

SIGNATURE_KEYS = 16
"""How many values of a signature are keys: two texts with resemblance s share one with probability 1 − (1 − s)¹⁶, which is
0.998 for a third and more than 0.999999 from 0.6."""

HEAD_KEYS = 8
_ASKED_ACROSS = NAMES_ACROSS + LEAD_FIGURES + CELLS
"""Cognates are too common to be keys."""

_ODD = np.uint32(0x9E3779B1)
_PLACES = (np.arange(SIGNATURE_KEYS, dtype=np.uint64) * 0x85EBCA6B).astype(np.uint32)


class TextKeys:
    """The features of one text and its keys, each worked out once. Callers must not change a list."""

    def __init__(self, fingerprint: bytes) -> None:
        self.fingerprint, self.known = fingerprint, read_features(fingerprint)
        self._of_copies: list[int] | None = None
        self._across: list[int] | None = None

    def of_copies(self) -> list[int]:
        """Keys of (nearly) the same text; empty if it has no signature."""
        if self._of_copies is None:
            self._of_copies = []
            if self.known["shingles"]:
                # A value of the signature is meaningful only at its place; a hash of the head at any place.
                mixed = self.known["signature"][:SIGNATURE_KEYS] * _ODD + _PLACES
                self._of_copies = mixed.tolist() + _without_pad(self.known["head"][:HEAD_KEYS].tolist())
        return self._of_copies

    def terms(self, most: int) -> list[int]:
        """Of the ``most`` heaviest terms, those that there are."""
        return _without_pad(self.known["terms"][:most].tolist())

    def across(self) -> list[int]:
        """Names, figures and cells: keys of the same event in any language."""
        if self._across is None:
            self._across = _without_pad(across_keys(self.known)[:_ASKED_ACROSS].tolist())
        return self._across


def _without_pad(hashes: Iterable[int]) -> list[int]:
    return [value for value in hashes if value != PAD]
