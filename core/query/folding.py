"""Folding: the form in which words are compared, whatever their case, accents and variants of letters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex  # type: ignore[import-untyped]

INVISIBLE = r"\u00ad\u200c\u200d\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
APOSTROPHES = r"'’‘＇"

# Marks of scripts where they are accents or vowel signs. Elsewhere (Devanagari, Thai, Japanese) they make another word.
_DROPPED = regex.compile(
    rf"[{INVISIBLE}{APOSTROPHES}\u02b9-\u02bf\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    r"\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u05f3\u05f4"
    r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff\s]"
)
_KEPT = frozenset("йї")
_LETTERS = {
    "ı": "i", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th",
    "ٱ": "ا", "ى": "ي", "ی": "ي", "ے": "ي", "ې": "ي", "ک": "ك", "ڪ": "ك", "ة": "ه", "ە": "ه", "ہ": "ه", "ھ": "ه", "ۃ": "ه",
}  # fmt: skip


class _Folding(dict[int, str]):
    """Code point → folded text, worked out when first asked for."""

    def __missing__(self, code: int) -> str:
        folded = ""
        for char in chr(code).casefold():
            if char in _KEPT:
                folded += char
                continue
            for part in unicodedata.normalize("NFKD", char):
                decimal = unicodedata.decimal(part, None)
                plain = str(decimal) if decimal is not None else _LETTERS.get(part, part)
                folded += "" if _DROPPED.match(plain) else plain
        self[code] = folded = unicodedata.normalize("NFC", folded)
        return folded


_folding = _Folding()


def fold(word: str) -> str:
    """The form in which words are compared. Folding again changes nothing. May be empty (a word of marks only)."""
    if word.isascii():
        return word.lower().replace("'", "")
    folded = unicodedata.normalize("NFKC", word).translate(_folding)
    # A composed letter may fold to one that composes with its neighbour; a second round settles that.
    return unicodedata.normalize("NFC", folded).translate(_folding)


_INVISIBLES = regex.compile(f"[{INVISIBLE}]")


def as_written(word: str) -> str:
    """The form in which words are compared where case counts: composed, without invisible characters."""
    return word if word.isascii() else unicodedata.normalize("NFC", _INVISIBLES.sub("", word))


_ARABIC_WORD = regex.compile(r"[\u0621-\u064a]+")
_ARTICLE = "ال"
_LEAST = 3
"""Letters that a rest needs: مصر, حلب and غزة have three."""
_LEAST_OF_ROOT_LETTERS = 4
"""The same after a lone ف or ك, which begin far more roots than they stand before names: كتاب is no "like تاب"."""


@lru_cache(maxsize=1 << 15)
def without_particles(key: str) -> tuple[str, ...]:
    """The other readings of a folded word, longest first; none for words of other scripts and with Persian letters."""
    if len(key) <= _LEAST or not _ARABIC_WORD.fullmatch(key):
        return ()
    found: dict[str, None] = {}
    for first in ("", key[0]) if key[0] in "وف" else ("",):
        after = key[len(first) :]
        for second in ("", after[0]) if after[0] in "بلك" else ("",):
            rest = after[len(second) :]
            lone_root_letter = len(first + second) == 1 and first + second in "فك"
            if first or second:
                _keep(found, rest, _LEAST_OF_ROOT_LETTERS if lone_root_letter else _LEAST)
            if rest.startswith(_ARTICLE):
                _keep(found, rest[2:], _LEAST)
            if second == "ل" and rest.startswith("ل"):
                _keep(found, _ARTICLE + rest[1:], _LEAST + 2)
                _keep(found, rest[1:], _LEAST)
    found.pop(key, None)
    return tuple(sorted(found, key=lambda rest: (-len(rest), rest)))


def _keep(found: dict[str, None], rest: str, least: int) -> None:
    if len(rest) >= least:
        found[rest] = None
