"""Folding: the form in which words are compared, ignoring case, accents and variants of letters.

It also handles the particles that Arabic joins to the following word: and, then, with, for, like, the. A word is read
as ``(و or ف) (ب, ل or ك) (ال)`` and a rest, with each part optional; ``لل`` is ``ل`` with ``ال``. Without a dictionary,
particles can't be distinguished from letters of the root (``والد``, father, is not "and …"), so every reading that
leaves enough letters becomes a further key of the document's word. A query's word is found with any particles before
it, but is never cut itself, so ``السورية`` does not find ``سورية``. Hebrew is treated in the same way:
``(ו) (ש, כש, לכש or מש) (ה, ב, כ, ל, מ or מה)``.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import regex  # type: ignore[import-untyped]

from core.normal import normalized

INVISIBLE = r"\u00ad\u200c\u200d\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
APOSTROPHES = r"'’‘‛＇`´′\u05f3\u055a\ua78b\ua78c"
"""All characters that people type for the apostrophe inside a name; the last ones are letters or signs of their scripts."""

# Marks in scripts that use them as accents or vowel signs. In others (Thai, Japanese) they change the word. In Devanagari,
# only the dot below (nukta) is dropped: half of the press leaves it out.
_DROPPED = regex.compile(
    rf"[{INVISIBLE}{APOSTROPHES}\u02b9-\u02c1\u02c8\u02ee\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    r"\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u05f3\u05f4"
    r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff\u093c\s]"
)
_KEPT = frozenset("йї")
_LETTERS = {
    "ı": "i", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ł": "l", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th",
    "ٱ": "ا", "ى": "ي", "ی": "ي", "ے": "ي", "ې": "ي", "ک": "ك", "ڪ": "ك", "ة": "ه", "ە": "ه", "ہ": "ه", "ھ": "ه", "ۃ": "ه",
   "\u0901": "\u0902",
}  # fmt: skip


class _Folding(dict[int, str]):
    """Code point → folded text, computed on first use."""

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
_VIRAMA = "\u094d"
_NASALS = regex.compile(f"[ङञणनम]{_VIRAMA}")
"""A nasal without a vowel, which before a consonant of its class is also written as a dot above: हिन्दी, हिंदी.

All of them are folded, whatever follows, so that a word that a wildcard cuts behind one (हिन्*) is folded as whole words are.
"""


def fold(word: str) -> str:
    """The form in which words are compared. Folding is idempotent. May be empty (for a word that consists of marks)."""
    if word.isascii():
        return word.lower().replace("'", "").replace("`", "")
    folded = normalized("NFKC", word).translate(_folding)
    # A composed letter may fold to one that composes with its neighbour; a second round fixes that.
    folded = normalized("NFC", folded).translate(_folding)
    return _NASALS.sub("\u0902", folded) if _VIRAMA in folded else folded


_INVISIBLES = regex.compile(f"[{INVISIBLE}]")
_ANY_APOSTROPHE = regex.compile(f"[{APOSTROPHES}]")


def as_written(word: str) -> str:
    """The form in which words are compared with case: composed, without invisible characters, with straight apostrophes."""
    if word.isascii():
        return word.replace("`", "'")
    # Before composing, which turns a lone acute accent into a space and a mark.
    return normalized("NFC", _INVISIBLES.sub("", _ANY_APOSTROPHE.sub("'", word)))


_ARABIC_WORD = regex.compile(r"[\u0621-\u064a]+")
_HEBREW_WORD = regex.compile(r"[\u05d0-\u05ea]+")
_HEBREW_PARTICLES = regex.compile("ו?(?:לכש|כש|מש|ש)?(?:מה|[בכלמה])?")
_ARTICLE = "ال"
PARTICLES = (None, "ar", "he")
"""Languages of texts in which words are also read without particles; None: unknown."""
_LEAST = 3
"""Least letters of a rest: مصر, حلب and غزة have three."""
SHORT = "\u2060"
"""Begins the key of a Hebrew word read as two letters after particles, which only the first word of a phrase asks for."""
_LEAST_OF_SHORT = 2
_LEAST_OF_ROOT_LETTERS = 4
"""The same after a lone ف or ك, which far more often begin a root than precede a name: كتاب is not "like تاب"."""


@lru_cache(maxsize=1 << 15)
def without_particles(key: str) -> tuple[str, ...]:
    """The other readings of a folded word, longest first; none for words in other scripts or with Persian letters.

    A single query word of two letters would be found in too many words that only begin with the letter of a particle, but the
    next word of a phrase confirms it (``תל אביב`` in ``בתל אביב``): such a reading begins with ``SHORT``.
    """
    if len(key) < _LEAST:
        return ()
    if _HEBREW_WORD.fullmatch(key):
        # Particles have at most six letters: וכשמה, ולכשב.
        cuts = range(1, min(6, len(key) - _LEAST_OF_SHORT) + 1)
        rests = [key[cut:] for cut in cuts if _HEBREW_PARTICLES.fullmatch(key[:cut])]
        return tuple(rest if len(rest) >= _LEAST else SHORT + rest for rest in rests)
    if len(key) == _LEAST or not _ARABIC_WORD.fullmatch(key):
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
