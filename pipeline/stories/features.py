"""What the story stage knows of a text: one value of under 1 KB, made where articles are worked on side by side.

In it lie the MinHash signature, smaller sketches (the head's shingles, names, figures), weighted terms, the agency that
is credited, and a digest of the text without its clockwork. A sketch holds the smallest hashes of a set ("bottom k"), so that
of two sets both the resemblance and the containment can be estimated: A. Broder, "On the resemblance and containment of
documents", 1997.

A plain signature (``fingerprint``) is taken too, wherever such a value is: it knows neither the sketches nor the terms, so
it can be compared by resemblance alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.terms import terms_of
from pipeline.text.agencies import agency_name, find_agency
from pipeline.text.difference import settled
from pipeline.text.fingerprint import PERMUTATIONS, shingle_hashes, signature

SETTLED_CHARS = 200_000
HEAD_SHINGLES = 120
HEAD_KEPT = 32
OPENING_SHINGLES = 40
OPENING_KEPT = 16
NAMES_KEPT = 16
FIGURES_KEPT = 16
TERMS_KEPT = 32
PAD = 0xFFFFFFFF
"""Fills a sketch that has fewer hashes than places."""

LAYOUT = np.dtype(
    [
        ("format", "u1"),
        ("agency", "u1"),
        ("full", "u1"),
        ("spare", "u1"),
        ("shingles", "<u4"),
        ("settled", "<u8"),
        ("signature", "<u4", (PERMUTATIONS,)),
        ("head", "<u4", (HEAD_KEPT,)),
        ("opening", "<u4", (OPENING_KEPT,)),
        ("names", "<u4", (NAMES_KEPT,)),
        ("figures", "<u4", (FIGURES_KEPT,)),
        ("terms", "<u4", (TERMS_KEPT,)),
        ("weights", "u1", (TERMS_KEPT,)),
    ]
)
"""``full``: 1 the sketches are known, 0 only the signature is. ``shingles``: how many different ones the text has; 0
where it has no signature. Sketches are sorted upwards and padded with ``PAD``; terms are sorted by weight, heaviest
first."""

SIZE = LAYOUT.itemsize
_FORMAT = 1
_SIGNATURE_BYTES = 4 * PERMUTATIONS

Features = NDArray[Any]
"""A scalar array of ``LAYOUT``: one text's features."""


def features(title: str, text: str) -> bytes:
    """Work out the features of an article: ``SIZE`` bytes, the same on every machine. About 2 ms for 700 words."""
    made = np.zeros((), LAYOUT)
    made["format"], made["full"] = _FORMAT, 1
    made["agency"] = find_agency(text)
    made["settled"] = _digest(settled(title), settled(text[:SETTLED_CHARS]), str(max(len(text) - SETTLED_CHARS, 0)))
    hashes = shingle_hashes(text)
    if minima := signature(hashes):
        made["shingles"] = len(set(hashes))
        made["signature"] = np.frombuffer(minima, "<u4")
    head = [hash_ >> 32 for hash_ in hashes[:HEAD_SHINGLES]] if minima else []
    made["head"], made["opening"] = _bottom(head, HEAD_KEPT), _bottom(head[:OPENING_SHINGLES], OPENING_KEPT)
    terms = terms_of(title, text)
    made["names"] = _bottom(terms.names, NAMES_KEPT)
    made["figures"] = _bottom(terms.figures, FIGURES_KEPT)
    made["terms"] = PAD
    heaviest = sorted(terms.weighted.items(), key=lambda item: (-item[1], item[0]))[:TERMS_KEPT]
    # One assignment for all: each place of its own costs a microsecond.
    made["terms"][: len(heaviest)] = [term for term, _ in heaviest]
    made["weights"][: len(heaviest)] = [weight for _, weight in heaviest]
    return made.tobytes()


def read_features(value: bytes) -> Features:
    """Read what ``features`` or ``fingerprint`` made; anything else reads as a text of which nothing is known."""
    if is_full(value):
        return np.frombuffer(value, LAYOUT)[0]  # type: ignore[no-any-return]
    plain = np.zeros((), LAYOUT)
    for name in ("head", "opening", "names", "figures", "terms"):
        plain[name] = PAD
    if len(value) == _SIGNATURE_BYTES:
        plain["shingles"] = 1
        plain["signature"] = np.frombuffer(value, "<u4")
    return plain


def written(known: Features) -> bytes:
    """Give back the value that ``read_features`` has read."""
    if known["full"]:
        return known.tobytes()
    return known["signature"].tobytes() if known["shingles"] else b""


def is_full(value: bytes) -> bool:
    """Tell whether a stored value is that of ``features``, not a plain signature."""
    return len(value) == SIZE and value[0] == _FORMAT


def agency_of(value: bytes) -> str | None:
    """Give the agency that the text credits, as readers know it."""
    return agency_name(value[1]) if is_full(value) else None


def settled_of(value: bytes) -> int:
    """Give the digest of title and text without clockwork (see ``difference.settled``); 0 where it is not known."""
    return int(read_features(value)["settled"]) if is_full(value) else 0


def _bottom(hashes: Iterable[int], kept: int) -> NDArray[np.uint32]:
    row = np.full(kept, PAD, np.uint32)
    smallest = sorted({min(hash_, PAD - 1) for hash_ in hashes})[:kept]
    row[: len(smallest)] = smallest
    return row


def _digest(*parts: str) -> int:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    # Never 0, which means "not known".
    return int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "little") or 1
