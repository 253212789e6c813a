"""What texts in different languages have in common: names however they are written, places, figures. Pure.

A name becomes the consonants that are left of it in Latin letters: Зеленський, Zełenski and Selenskyj are one, and so
are Хаменеи, Khamenei and خامنئي. Vowels are written differently or not at all, and of the rest only what most languages
agree on is told apart. Endings of cases are cut off before. A place that CLDR names in the text's language is its code,
so that 委内瑞拉 and Wenezueli meet. Only title and lead count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from babel import Locale, UnknownLocaleError
from numpy.typing import NDArray

from core.normal import normalized
from pipeline.stories.figures import figures_in
from pipeline.text.encoder import HIGHEST, Vector
from pipeline.text.fingerprint import is_unspaced

NAMES_ACROSS = 16
LEAD_FIGURES = 6
CELLS = 8
VECTOR_BYTES = 256
NOTHING = 0xFFFFFFFF
"""Fills the places without a hash."""

FIELDS: list[tuple[Any, ...]] = [
    ("encoded", "u1"),
    ("cased", "u1"),
    ("title_figures", "u1"),
    ("vector", "u1", (VECTOR_BYTES,)),
    ("across", "<u4", (NAMES_ACROSS,)),
    ("lead_figures", "<u4", (LEAD_FIGURES,)),
    ("cells", "<u4", (CELLS,)),
]
"""The fields of ``features.LAYOUT`` in which this is kept. ``encoded``: 1 if there is a vector. ``cased``: 1 if the script
has capitals. ``lead_figures``: the title's first; ``title_figures`` says how many those are."""

LEAD_CHARS = 400
_TITLE_CHARS = 300
_SHORTEST = 3
_LONGEST = 5
_TITLE_CASE = 0.7
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)?")
_STARTS = re.compile(r"[.!?:;…\n\"“”„«»(\[|•—–]")
_ARABIC_ARTICLE = re.compile("^(?:و?(?:ال|بال|کال|لل)|و(?=[\u0600-\u06ff]{4}))(?=[\u0600-\u06ff]{2})")
_SILENT_HEH = re.compile("(?<=..)ه(?=\u200c|$)")
_ENDING = re.compile(
    "(?:owi|iem|em|iego|ego|emu|iej|ej|ami|ach|om|ovi|ovou|ou|ów|ą|ę|y|i|a|u|ie|e|o"
    "|ом|ем|ым|им|ого|ему|ому|ой|ою|ами|ах|ов|ові|еві|єм|а|я|у|ю|и|і|ы|е|о|ї|й)$"
)
_CASES = frozenset({"pl", "cs", "sk", "sl", "hr", "sr", "ru", "uk", "be", "bg"})
_CYRILLIC = (
    "а:a б:b в:v г:g ґ:g д:d е:e ё:e є:e ж:zh з:z и:i і:i ї:i й:i к:k л:l м:m н:n о:o п:p р:r с:s т:t у:u ў:v ф:f"
)
_CYRILLIC += " х:h ц:ts ч:ch ш:sh щ:sh ъ: ы:y ь: э:e ю:u я:a"
_GREEK = "α:a β:v γ:g δ:d ε:e ζ:z η:i θ:th ι:i κ:k λ:l μ:m ν:n ξ:ks ο:o π:p ρ:r σ:s ς:s τ:t υ:u φ:f χ:h ψ:ps ω:o"
_ARABIC = "ا:a ب:b ت:t ث:t ج:g ح:h خ:h د:d ذ:d ر:r ز:z س:s ش:sh ص:s ض:d ط:t ظ:z ع: غ:g ف:f ق:k ك:k ل:l م:m ن:n ه:h و:v"
_ARABIC += " ى:i ي:i ة:a ء: آ:a أ:a إ:a ئ:i ؤ:v پ:p چ:ch ژ:zh گ:g ک:k ی:i"
_OTHER = "ł:l đ:d ß:ss ø:o æ:e ı:i œ:e ð:d þ:t"
_LATIN = dict(pair.split(":") for pair in f"{_CYRILLIC} {_GREEK} {_ARABIC} {_OTHER}".split())
_TOGETHER = {
    "sch": "s", "tsch": "c", "szcz": "s", "sh": "s", "sz": "s", "ch": "h", "kh": "h", "cz": "c", "zh": "z", "rz": "z",
    "ph": "f", "th": "t", "dj": "z", "dzh": "z", "ck": "k", "qu": "k", "x": "ks", "ts": "c", "tz": "c", "gh": "g",
}  # fmt: skip
_DIGRAPHS = re.compile("|".join(sorted(_TOGETHER, key=len, reverse=True)))
_CLASSES = str.maketrans("wqjyzcvp", "fkiissfb")
_VOWELS = str.maketrans("", "", "aeiou")
_DOUBLED = re.compile(r"(.)\1+")
_SIDES = np.uint64(64)


def fields_of(title: str, text: str, language: str | None, vector: Vector | None) -> dict[str, Any]:
    """The values of ``FIELDS`` for a title and text in ``language`` (ISO 639-1), both in NFKC. ``vector``: None if unknown."""
    lead, title = text[:LEAD_CHARS], title[:_TITLE_CHARS]
    places = places_in(f"{title} . {lead}", language)
    names = names_in(title, lead, language)
    across = [hash_of("@" + code) for code in places[:4]] + [hash_of(name) for name in names]
    in_title = dict.fromkeys(one.key for one in figures_in(title, language))
    figures = [
        *in_title,
        *(one for one in dict.fromkeys(each.key for each in figures_in(lead, language)) if one not in in_title),
    ]
    return {
        "encoded": int(vector is not None),
        "cased": int(_is_cased(f"{title} {lead[:100]}")),
        "title_figures": min(len(in_title), LEAD_FIGURES),
        "vector": packed(vector) if vector is not None else np.zeros(VECTOR_BYTES, np.uint8),
        "across": _row(dict.fromkeys(across), NAMES_ACROSS),
        "lead_figures": _row((min(one, NOTHING - 1) for one in figures), LEAD_FIGURES),
        "cells": _row(cells_of(vector, places[0] if places else "") if vector is not None else (), CELLS),
    }


def _row(hashes: Iterable[int], size: int) -> NDArray[np.uint32]:
    row = np.full(size, NOTHING, np.uint32)
    kept = list(hashes)[:size]
    row[: len(kept)] = kept
    return row


def hash_of(name: str) -> int:
    """A 32-bit hash that is the same everywhere; never ``NOTHING``."""
    # FNV-1a rather than a CRC: related short names must not have related hashes.
    value = 0x811C9DC5
    for byte in name.encode("utf-8", "surrogatepass"):
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return min(value, NOTHING - 1)


def _is_cased(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    return sum(char.lower() != char.upper() for char in letters) * 2 > len(letters)


def names_in(title: str, lead: str, language: str | None) -> list[str]:
    """The skeletons of the names, the title's first, each once.

    Names are words with a capital that does not come from the start of a sentence or the style of a headline. In a script
    without capitals every word counts.
    """
    if is_unspaced(f"{title} {lead}"):
        return list(dict.fromkeys(skeleton(word, None) for word in re.findall("[A-Za-z]{3,}", f"{title} {lead}")))
    titled, told = _words(title), _words(lead)
    if not _is_cased(f"{title} {lead[:100]}"):
        found = [word for word, _ in (*titled, *told)]
    else:
        long = [word for word, starts in titled if len(word) > 3 and not starts]
        headline = len(long) > 1 and sum(word[0].isupper() for word in long) >= len(long) * _TITLE_CASE
        small = {word.casefold() for word, _ in (*titled, *told) if word[0].islower()}
        inside = {word.casefold() for word, starts in told if word[0].isupper() and not starts}
        inside |= {word.casefold() for word, starts in titled if word[0].isupper() and not starts and not headline}
        # At the start of a sentence, and in such a headline, a capital alone says nothing.
        found = [word for word, _ in (*titled, *told) if word[0].isupper() and word.casefold() in inside]
        found += [
            word for word, starts in (*told, *titled) if starts and word[0].isupper() and word.casefold() not in small
        ]
    skeletons = dict.fromkeys(skeleton(word, language) for word in found)
    return [one for one in skeletons if len(one) >= _SHORTEST]


def _words(text: str) -> list[tuple[str, bool]]:
    """The words, and whether each stands at the start of a sentence."""
    found, end = [], 0
    for one in _WORD.finditer(text):
        found.append((one[0], end == 0 or _STARTS.search(text, end, one.start()) is not None))
        end = one.end()
    return found


@lru_cache(maxsize=65_536)
def skeleton(word: str, language: str | None) -> str:
    """The consonants of a name as most languages tell them apart, at most five; with a first vowel as "a"."""
    folded = word.casefold()
    arabic = "\u0600" <= folded[:1] <= "\u06ff"
    if arabic:
        folded = _SILENT_HEH.sub("", _ARABIC_ARTICLE.sub("", folded))
    elif language in _CASES and len(folded) > 4 and (ending := _ENDING.search(folded)) and ending.start() >= _SHORTEST:
        folded = folded[: ending.start()]
    plain = "".join(
        _LATIN.get(char, char)
        for char in normalized("NFKD", normalized("NFC", folded).translate(_KEPT))
        if not unicodedata.combining(char)
    )
    plain = re.sub("[^a-z]", "", plain)
    plain = _DIGRAPHS.sub(lambda found: _TOGETHER[found[0]], plain)
    first = "a" if plain[:1] in ("a", "e", "i", "o", "u") else ""
    consonants = plain.translate(_CLASSES).translate(_VOWELS)
    if arabic:
        # و is a vowel more often than a consonant.
        consonants = consonants[:1] + consonants[1:].replace("f", "")
    return (first + _DOUBLED.sub(r"\1", consonants))[:_LONGEST]


_KEPT = str.maketrans({"й": "и", "ї": "і", "ё": "е", "ў": "в"})


def places_in(text: str, language: str | None) -> list[str]:
    """The codes (ISO 3166) of the countries that a text names, in order, each once; none if CLDR lacks its language."""
    whole, stems = _territories(language or "en")
    if is_unspaced(text):
        spotted = sorted((at, code) for name, code in whole.items() if (at := text.find(name)) >= 0)
        return list(dict.fromkeys(code for _, code in spotted))
    found = dict[str, None]()
    for one in _WORD.finditer(text):
        if not one[0][0].islower() and (code := _place(one[0], stems)) is not None:
            found[code] = None
    return list(found)


def _place(word: str, stems: dict[str, str]) -> str | None:
    folded = _ARABIC_ARTICLE.sub("", word.casefold())
    if (code := stems.get(folded)) is not None:
        return code
    for end in range(min(len(folded), 14), 3, -1):
        if (code := stems.get(folded[:end])) is not None:
            # A longer word that only begins like a place is another word.
            return code if len(folded) - end <= 4 else None
    return None


@cache
def _territories(language: str) -> tuple[dict[str, str], dict[str, str]]:
    """Codes by the name, and by the stem of names of one word."""
    try:
        named = Locale(language).territories
    except (UnknownLocaleError, ValueError):
        return {}, {}
    whole = {name: code for code, name in named.items() if len(code) == 2 and code.isalpha() and code not in _NO_PLACES}
    stems: dict[str, str] = {}
    for name, code in whole.items():
        folded = _ARABIC_ARTICLE.sub("", name.casefold())
        if _WORD.fullmatch(folded) and len(folded) > 3:
            stems.setdefault(folded[: max(4, len(folded) - 2)], code)
    return {name: code for name, code in whole.items() if len(name) > 1}, stems


_NO_PLACES = frozenset({"EZ", "QO", "XA", "XB", "ZZ"})


def packed(vector: Vector) -> NDArray[np.uint8]:
    """Two numbers a byte."""
    shifted = (vector.astype(np.int16) + HIGHEST + 1).astype(np.uint8)
    return np.asarray(shifted[0::2] << 4 | shifted[1::2], np.uint8)


def unpacked(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The numbers of packed rows, whole: of shape (…, 512)."""
    made = np.empty((*rows.shape[:-1], rows.shape[-1] * 2), np.float32)
    made[..., 0::2] = rows >> 4
    made[..., 1::2] = rows & 15
    made -= HIGHEST + 1
    return made


def cells_of(vector: Vector, place: str) -> list[int]:
    """Coarse cells of a vector, each together with the text's first place: near vectors share some.

    The vector is turned (signs, then a Walsh-Hadamard transform, all in whole numbers); of each eighth the greatest
    component is a cell (cross-polytope hashing: A. Andoni and others, "Practical and optimal LSH for angular distance",
    2015).
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
