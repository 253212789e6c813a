"""Names in one form, however they are spelled: their consonants in classes. Pure.

"Mohammed", "Muhammad" and "Mukhammed" are one name, as are "Qamishli" and "Kamishly", "Zelensky" and "Зеленський", and
"Дамаск" with its cases. Vowels and doubled letters say little; "c", "k" and "q" say the same, and so do "h" and "kh". A
name of fewer than three consonants keeps its letters, because "Iran" and "Oran" are not one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from core.normal import normalized

LEAST_CONSONANTS = 3
LONGEST = 5
"""Consonants of a skeleton: what follows is mostly an ending."""

_DIGRAPHS = re.compile("tch|sch|sh|ch|kh|gh|ph|dh|th|zh|dj|ck|cz|sz|ts|tz|c(?=[eiy])")
_CLASSES = {
    "tch": "S", "sch": "S", "sh": "S", "ch": "S", "cz": "S", "sz": "S", "kh": "h", "gh": "k", "ck": "k", "ph": "f",
    "dh": "d", "th": "t", "zh": "j", "dj": "j", "ts": "s", "tz": "s", "c": "s",
}  # fmt: skip
_VOWELS = "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿıœəаеёиоуыэюяєіїйъьαεηιουωάέήίόύώ'’ʼğ"
_SAME = {
    "k": "cqgкгґγκ", "h": "хχ", "S": "çşšśșчшщčć", "s": "zцзсßżźžσςζ", "v": "wвβ", "d": "дđðδ", "t": "тţțþτθ",
    "j": "жǰ", "l": "лłλ", "n": "нñńňν", "m": "мμ", "r": "рřρ", "f": "фφ", "b": "б", "p": "пπ", "ks": "x",
}  # fmt: skip
_LETTERS = str.maketrans(
    {**dict.fromkeys(_VOWELS, ""), **{letter: sound for sound, letters in _SAME.items() for letter in letters}}
)
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=65_536)
def skeleton(name: str) -> str:
    """The form of a case-folded name of one word in which its spellings are equal. It is at most as long as the name."""
    plain = _DIGRAPHS.sub(lambda found: _CLASSES[found[0]], name)
    consonants = _DOUBLED.sub(r"\1", plain.translate(_LETTERS))
    return consonants[:LONGEST] if len(consonants) >= LEAST_CONSONANTS else _DOUBLED.sub(r"\1", name)


def without_accents(folded: str) -> str:
    """A word without the marks on its letters."""
    if folded.isascii():
        return folded
    return "".join(char for char in normalized("NFD", folded) if not unicodedata.combining(char))
