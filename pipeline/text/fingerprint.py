"""MinHash signatures of texts, which find near-duplicates with a few hundred bytes per text.

A text becomes a set of shingles: five folded words each, or five characters in scripts without spaces between words (Han,
kana, Thai, Lao, Khmer, Burmese). Each shingle is hashed with BLAKE2b, which is the same on every machine and in every
version; rensa makes 128 minima of the hashes with a fixed seed. A test compares a signature value by value, so that an
update of rensa that changes them is noticed: stored signatures could not be compared with new ones.

The share of equal minima estimates the Jaccard similarity of the two sets with a standard error of at most 0.044
(√(s(1−s)/128)). A. Broder, "On the resemblance and containment of documents", 1997.
"""

from __future__ import annotations

import hashlib
import re
import struct

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from pipeline.text.arrays import distinct
from pipeline.text.characters import folded

PERMUTATIONS = 128
SHINGLE = 5
MIN_SHINGLES = 20
"""Texts with fewer different shingles (24 words) have no signature, since such short texts resemble each other by chance."""

MAX_CHARS = 100_000
"""Only this much of a text counts, about 15,000 words; a longer text is a document dump, of which the head is enough."""

_SEED = 42
_SPACE = ord(" ")
_UNSPACED = re.compile(r"[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")


def fingerprint(text: str) -> bytes:
    """The signature: 128 little-endian 32-bit values; b"" for a text of fewer than ``MIN_SHINGLES`` shingles."""
    return signature(distinct(shingle_hashes(text)))


def shingle_hashes(text: str) -> NDArray[np.uint64]:
    """The 64-bit hashes of the text's shingles in text order, including repetitions."""
    shingles, hashed = _shingle_list(text[:MAX_CHARS]), hashlib.blake2b
    return np.frombuffer(b"".join([hashed(shingle, digest_size=8).digest() for shingle in shingles]), "<u8")


def signature(hashes: NDArray[np.uint64]) -> bytes:
    """The signature of a text. ``hashes``: its ``distinct`` ones."""
    if len(hashes) < MIN_SHINGLES:
        return b""
    matrix = RMinHash.digest_matrix_from_token_hash_sets([hashes.tolist()], PERMUTATIONS, _SEED)
    return struct.pack(f"<{PERMUTATIONS}I", *matrix.to_rows()[0])


def _shingle_list(text: str) -> list[bytes]:
    """The shingles in UTF-8, sliced from the whole text, since joining five words each time takes twice as long."""
    flat = folded(text)
    if is_unspaced(flat):
        solid = flat.replace(" ", "")
        return [_encoded(solid[start : start + SHINGLE]) for start in range(len(solid) - SHINGLE + 1)]
    data = _encoded(flat)
    # Words are one space apart.
    ends = [*np.flatnonzero(np.frombuffer(data, np.uint8) == _SPACE).tolist(), len(data)]
    starts = [0, *[end + 1 for end in ends]]
    return [data[start:end] for start, end in zip(starts, ends[SHINGLE - 1 :], strict=False)]


def _encoded(text: str) -> bytes:
    # A surrogate can't be encoded. NFKC keeps it, and text that did not pass ``normal_text`` may contain one.
    return text.encode("utf-8", "surrogatepass")


def is_unspaced(text: str) -> bool:
    """Whether most of a text is in scripts without spaces between words."""
    if text.isascii() or _UNSPACED.search(text) is None:
        return False
    return len(_UNSPACED.findall(text)) * 2 > len(text.replace(" ", ""))
