"""The keys that two texts share if one may be a copy of the other, or about its event. Pure."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import numpy as np

from pipeline.stories.across import CELLS, LEAD_FIGURES, NAMES_ACROSS, unpacked
from pipeline.stories.features import LAYOUT, PAD, Features, across_keys, read_features
from pipeline.stories.frequencies import Counted
from pipeline.stories.multimap import Ahead, Slots
from pipeline.text.arrays import distinct

SIGNATURE_KEYS = 16
"""How many values of a signature are keys: two texts with resemblance s share one with probability 1 − (1 − s)¹⁶, which is
0.998 for a third and more than 0.999999 from 0.6."""

HEAD_KEYS = 8
ASKED_TERMS = 16
_ASKED_ACROSS = NAMES_ACROSS + LEAD_FIGURES + CELLS
"""Cognates are too common to be keys."""

_ODD = np.uint32(0x9E3779B1)
_PLACES = (np.arange(SIGNATURE_KEYS, dtype=np.uint64) * 0x85EBCA6B).astype(np.uint32)


class LookedUp(NamedTuple):
    """What was looked up for several texts together; this one is ``number`` among them."""

    number: int
    of_copies: Ahead
    terms: Ahead
    across: Ahead


class TextKeys:
    """The features of one text and its keys. Callers must not change a list.

    ``counted``: what it adds to the frequencies; None if it was not worked out.
    """

    def __init__(self, fingerprint: bytes, known: Features | None = None) -> None:
        self.fingerprint, self.known = fingerprint, read_features(fingerprint) if known is None else known
        self.ahead: LookedUp | None = None
        self.counted: Counted | None = None
        self._of_copies: list[int] | None = None
        self._terms: list[int] | None = None
        self._across: list[int] | None = None

    def put(self, of_copies: list[int], terms: list[int], across: list[int], counted: Counted) -> None:
        """Set the keys, padded as in the features."""
        has = self.known["shingles"], self.known["encoded"]
        self._of_copies = of_copies[:SIGNATURE_KEYS] + _without_pad(of_copies[SIGNATURE_KEYS:]) if has[0] else []
        self._terms, self._across = _without_pad(terms), _without_pad(across) if has[1] else []
        self.counted = counted

    def of_copies(self) -> list[int]:
        """Keys of (nearly) the same text; empty if it has no signature."""
        if self._of_copies is None:
            self._of_copies = []
            if self.known["shingles"]:
                # A hash of the head is meaningful at any place.
                self._of_copies = _mixed(self.known["signature"]).tolist()
                self._of_copies += _without_pad(self.known["head"][:HEAD_KEYS].tolist())
        return self._of_copies

    def terms(self) -> list[int]:
        """Of the ``ASKED_TERMS`` heaviest terms, those that there are, heaviest first."""
        if self._terms is None:
            self._terms = _without_pad(self.known["terms"][:ASKED_TERMS].tolist())
        return self._terms

    def across(self) -> list[int]:
        """Names, figures and cells: keys of the same event in any language; empty if it has no vector."""
        if self._across is None:
            self._across = []
            if self.known["encoded"]:
                self._across = _without_pad(across_keys(self.known)[:_ASKED_ACROSS].tolist())
        return self._across


def texts_of(fingerprints: list[bytes]) -> list[TextKeys]:
    """The texts of several different values of ``features``, with all their keys: together, this takes far fewer calls."""
    if not fingerprints:
        return []
    rows = np.frombuffer(b"".join(fingerprints), LAYOUT)
    encoded, keys = rows["encoded"] > 0, across_keys(rows)
    of_copies = np.hstack((_mixed(rows["signature"]), rows["head"][:, :HEAD_KEYS]))
    listed = zip(
        of_copies.tolist(), rows["terms"][:, :ASKED_TERMS].tolist(), keys[:, :_ASKED_ACROSS].tolist(), strict=True
    )
    terms = np.hstack((rows["terms"], np.where(encoded[:, None], keys, PAD)))
    real = terms != PAD
    flat, ends = terms[real], [0, *real.sum(axis=1).cumsum().tolist()]
    vectors = unpacked(rows["vector"]).astype(np.int64) * encoded[:, None]
    texts = []
    for at, (same, heavy, across) in enumerate(listed):
        text = TextKeys(fingerprints[at], rows[at : at + 1].reshape(()))
        text.put(same, heavy, across, Counted(flat[ends[at] : ends[at + 1]], 1, vectors[at], int(encoded[at])))
        texts.append(text)
    return texts


def _mixed(signatures: Features) -> Features:
    """A value of a signature is meaningful only at its place."""
    return signatures[..., :SIGNATURE_KEYS] * _ODD + _PLACES


def _without_pad(hashes: list[int]) -> list[int]:
    return [value for value in hashes if value != PAD] if PAD in hashes else hashes


def rare_keys(keys: list[int], counts: list[int], most: int) -> list[int]:
    """The indices of the keys worth a lookup: the rarest by their ``counts``, up to a limit of expected articles."""
    rarest = sorted(zip(counts, keys, range(len(keys)), strict=True))
    total = list(accumulate(count for count, _, _ in rarest))
    return [at for place, (_, _, at) in enumerate(rarest) if not place or total[place] <= most]


def rarest_slots(found: Slots, by_key: Slots, keys: list[int], most: int) -> tuple[Slots, Slots]:
    """The slots under the rarest keys, about ``most`` distinct ones, each with the index of the key that found it.

    All slots of a key are taken or none; the first key with a slot is always taken.
    """
    if len(found) <= most or len(distinct(found)) <= most:
        return found, by_key
    counts = np.bincount(by_key, minlength=len(keys)).tolist()
    taken: list[int] = []
    total = 0
    for key in sorted(filter(counts.__getitem__, range(len(keys))), key=lambda key: (counts[key], keys[key])):
        if taken and total + counts[key] > most:
            break
        taken.append(key)
        total += counts[key]
    rarest = np.zeros(len(keys), np.bool_)
    rarest[taken] = True
    kept = rarest[by_key]
    return found[kept], by_key[kept]
