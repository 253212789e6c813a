"""What texts in different languages have in common: names in any spelling, places, figures. Pure.

A name is reduced to its consonants in Latin letters: Зеленський, Zełenski and Selenskyj are equal, and so are Хаменеи,
Khamenei and خامنئي. Vowels are written differently or not at all, and consonants are only distinguished as far as most
languages agree. Case endings are removed first. A place that CLDR names in the text's language becomes its code, so
that 委内瑞拉 and Wenezueli are equal. Only title and lead count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.stories.figures import figures_in
from pipeline.stories.places import places_in
from pipeline.stories.skeleton import CHINESE_NAME, KATAKANA_NAME, skeleton
from pipeline.stories.words import FUNCTION_WORDS, WORD
from pipeline.text.encoder import HIGHEST, LANGUAGES, Vector
from pipeline.text.fingerprint import is_unspaced

NAMES_ACROSS = 16
MOST_PLACES = 4
LEAD_FIGURES = 6
WORDS_ACROSS = 24
CELLS = 8
VECTOR_BYTES = 256
MIDDLE = HIGHEST + 1
"""The offset added to the numbers of a vector before they are packed."""

NOTHING = 0xFFFFFFFF
"""The value of empty places in arrays of hashes."""

FIELDS: list[tuple[Any, ...]] = [
    ("encoded", "u1"),
    ("cased", "u1"),
    ("title_figures", "u1"),
    ("title_names", "u1"),
    ("vector", "u1", (VECTOR_BYTES,)),
    ("across", "<u4", (NAMES_ACROSS,)),
    ("lead_figures", "<u4", (LEAD_FIGURES,)),
    ("cells", "<u4", (CELLS,)),
    ("cognates", "<u4", (WORDS_ACROSS,)),
]
"""The fields of ``features.LAYOUT`` for this module. ``encoded``: 0 without a vector, else ``ENCODED`` or ``GUESSED``.
``cased``: 1 if the script has capitals. ``across`` and ``lead_figures``: the title's first; ``title_names`` (with
places) and ``title_figures`` are the numbers of those.
``cognates``: longer words by their sound, which related languages share."""

ENCODED, GUESSED = 1, 2
"""A vector for a language that the encoder supports, and for any other language, which is less reliable."""

LEAD_CHARS = 400
_TITLE_CHARS = 300
_SHORTEST = 2
_COGNATE, _COGNATE_LETTERS = 4, 4
_TITLE_CASE = 0.7
_STARTS = re.compile(r"[.!?:;…\n\"“”„«»(\[|•—–]")
_UNSPACED_NAMES = (re.compile("[A-Za-z]{3,}"), KATAKANA_NAME, CHINESE_NAME)


def fields_of(title: str, text: str, language: str | None, vector: Vector | None) -> dict[str, Any]:
    """The values of ``FIELDS`` for a title and text in ``language`` (ISO 639-1), both in NFKC. ``vector``: None if unknown."""
    lead, title = text[:LEAD_CHARS], title[:_TITLE_CHARS]
    first, places = places_in(title, language), places_in(lead, language)
    places = list(dict.fromkeys((*first, *places)))[:MOST_PLACES]
    of_title, of_lead = names_in(title, lead, language)
    in_titles = [*("@" + code for code in places[: len(first)]), *of_title]
    names = [*in_titles, *("@" + code for code in places[len(first) :]), *of_lead]
    in_title = dict.fromkeys(one.near for one in figures_in(title, language))
    figures = [
        *in_title,
        *(one for one in dict.fromkeys(each.near for each in figures_in(lead, language)) if one not in in_title),
    ]
    return {
        "encoded": 0 if vector is None else ENCODED if language in LANGUAGES else GUESSED,
        "cased": int(_is_cased(f"{title} {lead[:100]}")),
        "title_figures": min(len(in_title), LEAD_FIGURES),
        "vector": packed(vector) if vector is not None else np.zeros(VECTOR_BYTES, np.uint8),
        "title_names": min(len(in_titles), NAMES_ACROSS),
        "across": _row(map(hash_of, names), NAMES_ACROSS),
        "lead_figures": _row((min(one, NOTHING - 1) for one in figures), LEAD_FIGURES),
        "cells": _row(cells_of(vector, places[0] if places else "") if vector is not None else (), CELLS),
        "cognates": _row((hash_of("~" + one) for one in cognates_in(title, lead, language)), WORDS_ACROSS),
    }


def _row(hashes: Iterable[int], size: int) -> NDArray[np.uint32]:
    row = np.full(size, NOTHING, np.uint32)
    kept = list(hashes)[:size]
    row[: len(kept)] = kept
    return row


@lru_cache(maxsize=8_192)  # the same names come in many articles
def hash_of(name: str) -> int:
    """A 32-bit hash that is the same everywhere; never ``NOTHING``."""
    # FNV-1a and not a CRC, since related short names must not have related hashes.
    value = 0x811C9DC5
    for byte in name.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return min(value, NOTHING - 1)


def _is_cased(text: str) -> bool:
    cased = list(map(_cased.__getitem__, filter(str.isalpha, text)))
    return sum(cased) * 2 > len(cased)


class _Cased(dict[str, bool]):
    """Whether a letter has a case, by that of a word's beginning: Georgian has capitals, but not for names."""

    def __missing__(self, char: str) -> bool:
        self[char] = cased = char.lower() != char.title() or char.isupper()
        return cased


_cased = _Cased()


def names_in(title: str, lead: str, language: str | None) -> tuple[list[str], list[str]]:
    """The skeletons of the names of the title, and those of the others in the lead, each without repetitions.

    Names are words with a capital that does not come from the start of a sentence or the style of a headline. In a script
    without capitals every word counts.
    """
    if is_unspaced(f"{title} {lead}"):
        return _skeletons(_unspaced_names(title), _unspaced_names(lead), None)
    titled, several = _words(title), _words(lead)
    if not _is_cased(f"{title} {lead[:100]}"):
        return _skeletons([word for word, _ in titled], [word for word, _ in several], language)
    long = [word for word, starts in titled if len(word) > 3 and not starts]
    headline = len(long) > 1 and sum(word[0].isupper() for word in long) >= len(long) * _TITLE_CASE
    small = {word.casefold() for word, _ in (*titled, *several) if word[0].islower()}
    inside = {word.casefold() for word, starts in several if word[0].isupper() and not starts}
    inside |= {word.casefold() for word, starts in titled if word[0].isupper() and not starts and not headline}
    # At the start of a sentence, and in such a headline, a capital alone is no evidence of a name.

    def names(part: list[tuple[str, bool]]) -> list[str]:
        capitals = [(word, word.casefold(), starts) for word, starts in part if word[0].isupper()]
        return [word for word, folded, starts in capitals if folded in inside or (starts and folded not in small)]

    return _skeletons(names(titled), names(several), language)


def _unspaced_names(text: str) -> list[str]:
    return [
        word for _, word in sorted((one.start(), one[0]) for kind in _UNSPACED_NAMES for one in kind.finditer(text))
    ]


def _skeletons(title: list[str], lead: list[str], language: str | None) -> tuple[list[str], list[str]]:
    first, second = (
        dict.fromkeys(made for word in part if len(made := skeleton(word, language)) >= _SHORTEST)
        for part in (title, lead)
    )
    return list(first), [one for one in second if one not in first]


def cognates_in(title: str, lead: str, language: str | None) -> list[str]:
    """The skeletons of the longer words, the title's first, without repetitions: "strike", "Streik" and "страйк" are equal."""
    whole = f"{title} . {lead}"
    if is_unspaced(whole):
        words = [one[0] for one in _UNSPACED_NAMES[0].finditer(whole)]
    else:
        words = [one[0] for one in WORD.finditer(whole) if len(one[0]) >= _COGNATE_LETTERS]
    skeletons = dict.fromkeys(skeleton(word, language) for word in words if word.casefold() not in FUNCTION_WORDS)
    return [one for one in skeletons if len(one) >= _COGNATE]


def _words(text: str) -> list[tuple[str, bool]]:
    """The words, each with whether it starts a sentence."""
    found, end = [], 0
    for one in WORD.finditer(text):
        found.append((one[0], end == 0 or _STARTS.search(text, end, one.start()) is not None))
        end = one.end()
    return found


def packed(vector: Vector) -> NDArray[np.uint8]:
    """Packs two numbers into each byte."""
    shifted = (vector.astype(np.int16) + MIDDLE).astype(np.uint8)
    return np.asarray(shifted[0::2] << 4 | shifted[1::2], np.uint8)


def unpacked(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The integers of packed rows, with shape (…, 512)."""
    made = np.empty((*rows.shape[:-1], rows.shape[-1] * 2), np.float32)
    made[..., 0::2] = rows >> 4
    made[..., 1::2] = rows & 15
    made -= MIDDLE
    return made


def total_of(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The sum of the integers of packed rows."""
    made = np.empty(rows.shape[1] * 2, np.int64)
    np.add.reduce(rows >> 4, axis=0, dtype=np.int64, out=made[0::2])
    np.add.reduce(rows & 15, axis=0, dtype=np.int64, out=made[1::2])
    made -= MIDDLE * len(rows)
    return made


def cells_of(vector: Vector, place: str) -> list[int]:
    """Coarse cells of a vector, each combined with the text's first place; near vectors share some.

    The vector is rotated (signs, then a Walsh-Hadamard transform, all in integers); the greatest component of each eighth
    is a cell (cross-polytope hashing: A. Andoni and others, "Practical and optimal LSH for angular distance", 2015).
    """
    turned = vector.astype(np.int64) * _SIGNS
    half = 1
    while half < len(turned):
        pairs = turned.reshape(-1, 2, half)
        turned = np.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), axis=1).reshape(-1)
        half *= 2
    blocks = turned.reshape(CELLS, -1)
    best = np.abs(blocks).argmax(axis=1)
    return [
        hash_of(f"cell {number} {at} {int(blocks[number, at] > 0)} {place}") for number, at in enumerate(best.tolist())
    ]


_SIGNS = np.asarray([1 - 2 * (hash_of(f"sign {at}") >> 16 & 1) for at in range(VECTOR_BYTES * 2)], np.int64)
