"""The story stage's features of a text: a value of 1.5 KB, computed in the parallel part of the pipeline.

It contains the MinHash signature, smaller sketches (the head's shingles, names, figures), weighted terms, the agency that
is credited, and a digest of the text without its clockwork. A sketch is the smallest hashes of a set ("bottom k"), from
which both the resemblance and the containment of two sets can be estimated: A. Broder, "On the resemblance and containment of
documents", 1997.

Terms are words of the title and lead, cut to a stem (a prefix: crude, but the same in every language), without function
words; in scripts without spaces, pairs of characters. Names are capitalised words inside a sentence, figures are
numbers other than years. All of it is a function of title, text and
language alone. What identifies the event is in ``identity``.

A plain signature (``fingerprint``) is accepted too, wherever such a value is: it has neither sketches nor terms, so
it can be compared by resemblance only.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import regex  # type: ignore[import-untyped]
from numpy.typing import NDArray

from core.normal import normalized
from pipeline.stories import across
from pipeline.stories.across import CELLS, LEAD_FIGURES, NAMES_ACROSS, WORDS_ACROSS
from pipeline.stories.identity import FIELDS, IDENTITY_CHARS, NO_MARK, TITLE_CHARS, fields_of, identity_of
from pipeline.stories.words import FUNCTION_WORDS, FUNCTION_WORDS_UNSPACED
from pipeline.text.agencies import agency_name, find_agency
from pipeline.text.arrays import distinct
from pipeline.text.characters import one_spelling
from pipeline.text.difference import settled
from pipeline.text.encoder import Vector
from pipeline.text.fingerprint import PERMUTATIONS, is_unspaced, shingle_hashes, signature

SETTLED_CHARS = 200_000
HEAD_SHINGLES = 120
HEAD_KEPT = 32
OPENING_SHINGLES = 40
OPENING_KEPT = 16
NAMES_KEPT = 16
FIGURES_KEPT = 16
TERMS_KEPT = 32
PAD = 0xFFFFFFFF
"""Pads a sketch that has fewer hashes than places."""

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
        *FIELDS,
        *across.FIELDS,
    ]
)
"""``full``: 1 if the sketches are known, 0 if only the signature is. ``shingles``: the number of different shingles; 0 if the
text has no signature. Sketches are in ascending order and padded with ``PAD``; terms are sorted by weight, heaviest first."""

SIZE = LAYOUT.itemsize
FORMAT = 5
"""The first byte of a value; every other layout or meaning has another number."""

_SIGNATURE_BYTES = 4 * PERMUTATIONS

TEXT_CHARS = 20_000
"""Names and figures are taken from this much of a text's head."""

LEAD_WORDS = 120
MIN_TERMS = 5
"""A lead with fewer different terms ("More soon", one word repeated) is too little for grouping."""

STEM = 6
_TITLE_WEIGHT, _LEAD_WEIGHT, _REST_WEIGHT, _NAME_WEIGHT, _FIGURE_WEIGHT = 6, 3, 1, 3, 4

_TOKEN = re.compile(r"[\w\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3]+(?:[.,]\d+)*")
_ARABIC_ARTICLE = re.compile("^(?:[وف]?(?:ال|بال|کال|لل)|[وف](?=[\u0600-\u06ff]{4}))(?=[\u0600-\u06ff]{2})")
# A capital inside a sentence, after a word and a space. At the start of a sentence, only an acronym is a name.
_NAME = regex.compile(r"(?<=[\p{L}\p{N},)] )\p{Lu}[\w]+|\b\p{Lu}{2,}\b")
# The digit first: it is looked for faster than what must not be before it.
_FIGURE = re.compile(r"\d(?<![\w.,]\d)\d*(?:[.,]\d+)*(?!\w)")
_UNSPACED_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
# Two kana are mostly grammar, endings and particles; digits count as whole figures.
_DULL_PAIR = re.compile("[\u3040-\u309f]{2}|\\d")
_LITTLE = frozenset(FUNCTION_WORDS_UNSPACED)
_YEAR = re.compile(r"(?:19|20)\d\d")

Features = NDArray[Any]
"""A scalar array of ``LAYOUT``: one text's features."""


def features(title: str, text: str, language: str | None = None, vector: Vector | None = None) -> bytes:
    """The features of an article: ``SIZE`` bytes, equal on every machine. About 5 ms for 700 words.

    ``language``: ISO 639-1, or None. ``vector``: the encoder's of this title and text; None if there is none.
    """
    made = np.zeros((), LAYOUT)
    made["format"], made["full"] = FORMAT, 1
    made["agency"] = find_agency(text)
    made["settled"] = _digest(settled(title), settled(text[:SETTLED_CHARS]), str(max(len(text) - SETTLED_CHARS, 0)))
    hashes = shingle_hashes(text)
    shingles = distinct(hashes)
    head: list[int] = []
    if minima := signature(shingles):
        made["shingles"] = len(shingles)
        made["signature"] = np.frombuffer(minima, "<u4")
        head = (hashes[:HEAD_SHINGLES] >> np.uint64(32)).tolist()
    made["head"], made["opening"] = _bottom(head, HEAD_KEPT), _bottom(head[:OPENING_SHINGLES], OPENING_KEPT)
    terms = terms_of(title, text)
    made["names"] = _bottom(terms.names, NAMES_KEPT)
    made["figures"] = _bottom(terms.figures, FIGURES_KEPT)
    made["terms"] = PAD
    heaviest = sorted(terms.weighted.items(), key=lambda item: (-item[1], item[0]))[:TERMS_KEPT]
    # One assignment for all, because each single one costs a microsecond.
    made["terms"][: len(heaviest)] = [term for term, _ in heaviest]
    made["weights"][: len(heaviest)] = [weight for _, weight in heaviest]
    identity = identity_of(prepared(title[:TITLE_CHARS]), prepared(text[:IDENTITY_CHARS]), language)
    told = across.fields_of(_normal(title[:1_000]), _normal(text[: 2 * across.LEAD_CHARS]), language, vector)
    for name, value in (fields_of(identity) | told).items():
        made[name] = value
    return made.tobytes()


def read_features(value: bytes) -> Features:
    """Decodes a value of ``features`` or ``fingerprint``; any other value gives a text without known features."""
    if is_full(value):
        # An array without dimensions gives its fields in a quarter of a record's time.
        return np.frombuffer(value, LAYOUT).reshape(())
    plain = np.zeros((), LAYOUT)
    for name in ("head", "opening", "names", "figures", "terms", "across", "lead_figures", "cells", "cognates"):
        plain[name] = PAD
    plain["marks"] = NO_MARK
    if len(value) == _SIGNATURE_BYTES:
        plain["shingles"] = 1
        plain["signature"] = np.frombuffer(value, "<u4")
    return plain


def written(known: Features) -> bytes:
    """Encodes features; the inverse of ``read_features``."""
    if known["full"]:
        return known.tobytes()
    return known["signature"].tobytes() if known["shingles"] else b""


def across_keys(rows: Features) -> NDArray[np.uint32]:
    """The hashes of ``across``, ``lead_figures``, ``cells`` and ``cognates``, concatenated: one array per row."""
    found: NDArray[np.uint32] = rows.view(_KEYS)["keys"]
    return found


_KEYS: np.dtype[Any] = np.dtype(
    {
        "names": ["keys"],
        "formats": [f"({NAMES_ACROSS + LEAD_FIGURES + CELLS + WORDS_ACROSS},)<u4"],
        "offsets": [LAYOUT.fields["across"][1] if LAYOUT.fields else 0],
        "itemsize": SIZE,
    }
)


def is_full(value: bytes) -> bool:
    """Whether a stored value is from ``features``, not a plain signature."""
    return len(value) == SIZE and value[0] == FORMAT


def agency_of(value: bytes) -> str | None:
    """The agency that the text credits, by its usual name; None if there is none."""
    return agency_name(value[1]) if is_full(value) else None


def settled_of(value: bytes) -> int:
    """The digest of title and text without clockwork (see ``difference.settled``); 0 if unknown."""
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


@dataclass(frozen=True, slots=True)
class TextTerms:
    """``weighted``: term hash → weight (1 to 255). ``names`` and ``figures`` are sets of hashes."""

    weighted: dict[int, int]
    names: frozenset[int]
    figures: frozenset[int]


def terms_of(title: str, text: str) -> TextTerms:
    """The terms of an article. A text with very few different words has none, whatever its title."""
    body = prepared(text[:TEXT_CHARS])
    head = prepared(title[:1_000])
    if is_unspaced(body[:2_000]):
        return _unspaced(head, body)
    weights: dict[str, int] = {}
    for place, found in enumerate(_TOKEN.finditer(body)):
        if place == LEAD_WORDS:
            break
        _add(weights, found[0], _LEAD_WEIGHT if place < LEAD_WORDS // 3 else _REST_WEIGHT)
    if len(weights) < MIN_TERMS:
        weights = {}
    else:
        for token in _TOKEN.findall(head):
            _add(weights, token, _TITLE_WEIGHT)
    names = Counter(_NAME.findall(body))
    figures = {figure for found in _FIGURE.findall(body) if (figure := _figure(found)) is not None}
    for name, times in names.items():
        if weights:
            _add(weights, name, _NAME_WEIGHT * min(times, 3))
    folded_names = {name.casefold() for name in names} - FUNCTION_WORDS
    return TextTerms(
        {hashed(term): min(weight, 255) for term, weight in weights.items()},
        frozenset(hashed(_stem(name)) for name in folded_names if len(name) > 1),
        frozenset(map(hashed, figures)),
    )


def hashed(term: str) -> int:
    """A 32-bit hash that is the same everywhere; never the highest value, which pads rows."""
    return min(zlib.crc32(term.encode("utf-8", "surrogatepass")), 0xFFFFFFFE)


def _normal(text: str) -> str:
    return normalized("NFKC", text)


def prepared(text: str) -> str:
    """A text in the spelling used for comparing words."""
    return one_spelling(normalized("NFKC", text))


def _stem(folded: str) -> str:
    if "\u0600" <= folded[0] <= "\u06ff":
        return _ARABIC_ARTICLE.sub("", folded)[: STEM - 1]
    return folded[:STEM]


def _figure(token: str) -> str | None:
    """The number without separators in ASCII digits; None for a year, or a number joined to letters."""
    digits = "".join(str(unicodedata.digit(char, "")) for char in token)
    if len(digits) != sum(char.isalnum() for char in token) or _YEAR.fullmatch(digits):
        return None
    return digits


def _add(weights: dict[str, int], token: str, weight: int) -> None:
    folded = token.casefold()
    if token[0].isdigit():
        figure = _figure(token)
        # One digit ("3 people") does not identify an event.
        if figure is not None and len(figure) > 1:
            weights["#" + figure] = weights.get("#" + figure, 0) + min(weight, _FIGURE_WEIGHT)
    elif len(folded) > 1 and folded not in FUNCTION_WORDS:
        stem = _stem(folded)
        weights[stem] = weights.get(stem, 0) + weight


def _unspaced(head: str, body: str) -> TextTerms:
    weights: dict[str, int] = {}
    for text, weight in ((body[:120], _LEAD_WEIGHT), (body[120:400], _REST_WEIGHT), (head, _TITLE_WEIGHT)):
        if text is head and len(weights) < MIN_TERMS:
            weights = {}
            break
        for token in _TOKEN.findall(text):
            for start in range(len(token) - 1):
                pair = token[start : start + 2]
                if _LITTLE.isdisjoint(pair) and pair not in FUNCTION_WORDS and not _DULL_PAIR.search(pair):
                    weights[pair] = weights.get(pair, 0) + weight
        for found in _UNSPACED_FIGURE.findall(text):
            _add(weights, found, weight)
    figures = {figure for found in _UNSPACED_FIGURE.findall(body) if (figure := _figure(found)) is not None}
    return TextTerms(
        {hashed(term): min(weight, 255) for term, weight in weights.items()},
        frozenset(),
        frozenset(map(hashed, figures)),
    )
