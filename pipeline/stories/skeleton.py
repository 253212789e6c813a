"""Reduces names in any spelling and script to one form: classes of their consonants. Pure.

"Mohammed", "Muhammad" and "Mukhammed" are one name, as are "Qamishli" and "Kamishly", "Zelensky" and "Зеленський", "Maduro",
"مادورو" and "马杜罗", and "Дамаск" with its cases. Vowels are written differently or not at all, doubled letters say
little, and the other letters are distinguished only as far as most languages agree ("c", "k" and "q" are equal, and so are
"h" and "kh"). ``spelled`` compares names in one language, ``skeleton`` also in different languages.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from core.normal import normalized
from core.package_data import package_toml

LEAST_CONSONANTS = 3
LONGEST = 5
"""The maximum of consonants in a skeleton; further ones are usually an ending."""

_SOUNDS = package_toml("pipeline.stories", "sounds.toml")
_LETTERS: dict[str, str] = {
    letter: sound
    for script in ("cyrillic", "greek", "arabic", "hebrew", "latin", "georgian", "armenian")
    for letter, _, sound in (pair.partition(":") for pair in _SOUNDS[script].split())
}
_CHINESE: dict[str, str] = {
    char: "a" if sound == "-" else sound for sound, chars in _SOUNDS["chinese"].items() for char in chars
}
CHINESE_NAME = re.compile(f"[{''.join(_CHINESE)}]{{2,}}")
"""A run of the characters used for foreign names in Chinese."""

KATAKANA_NAME = re.compile("[\u30a1-\u30fa\u30fc]{3,}")
"""A word in katakana, the Japanese script for foreign names and other foreign words."""

_NAMED = re.compile("[\u0900-\u0d7f\u1200-\u135a\u3041-\u3096\u30a1-\u30fa\uac00-\ud7a3]")
"""Letters whose Unicode names give their sound: of India's scripts, Ethiopic, kana and hangul."""

_INDIAN = "\u0d7f"
"""The last letter of India's scripts; those before U+0900 are in tables."""

_NASAL = frozenset({"anusvara", "candrabindu", "bindi", "tippi"})

_TOGETHER = {
    "tsch": "h", "tch": "h", "szcz": "s", "sch": "s", "sh": "s", "sz": "s", "ch": "h", "kh": "h", "cz": "h", "zh": "s",
    "rz": "s", "ph": "f", "dh": "d", "th": "t", "dj": "s", "dzh": "s", "ck": "k", "qu": "k", "x": "ks", "ts": "s", "tz": "s",
    "gh": "k",
}  # fmt: skip
_DIGRAPHS = re.compile("|".join(sorted(_TOGETHER, key=len, reverse=True)))
_SOFT_C = re.compile("c(?=[eiy])")
_CLASSES = str.maketrans("wqgczvp", "fkkksfb", "aeiouy")
_SPELLED = str.maketrans({"j": None})
_SHORT = str.maketrans("wqczyj", "vkksii")
_DOUBLED = re.compile(r"(.)\1+")
_STEM = 3
_KEPT = str.maketrans({"й": "и", "ї": "і", "ё": "е", "ў": "в"})
_ARABIC_ARTICLE = re.compile("^(?:و?(?:ال|بال|کال|لل)|و(?=[\u0600-\u06ff]{4}))(?=[\u0600-\u06ff]{2})")
_SILENT_HEH = re.compile("(?<=..)ه(?=\u200c|$)")
_ENDING = re.compile(
    "(?:owi|iem|em|iego|ego|emu|iej|ej|ami|ach|om|ovi|ovou|ou|ów|ą|ę|y|i|a|u|ie|e|o"
    "|ом|ем|ым|им|ого|ему|ому|ой|ою|ами|ах|ов|ові|еві|єм|а|я|у|ю|и|і|ы|е|о|ї|й"
    "|იდან|ის|მა|ში|ზე|ით|ად|მ|ს|ი|과|와|은|는|을|를|에서|으로)$"
)
_CASES = frozenset({"pl", "cs", "sk", "sl", "hr", "sr", "ru", "uk", "be", "bg", "ka", "ko"})
_LONGEST_HANGUL = 8
"""Korean writes family and given name as one word, and an "ng" counts as two consonants."""
_LEAST = (4, 3)
"""Words of so many letters, or syllables of hangul, keep their endings."""


def romanized(folded: str) -> str:
    """A case-folded word in the letters a to z, roughly as it sounds, without characters of unknown scripts."""
    if not folded.isascii():
        # The Armenian u is written with the letter that is a v by itself, as in the ligature of "Yerevan".
        folded = folded.replace("ու", "ո")
        kept = "".join(map(_sound, normalized("NFC", folded).translate(_KEPT)))
        plain = "".join(_LETTERS.get(char, char) for char in kept)
        folded = "".join(_LETTERS.get(char, char) for char in normalized("NFKD", plain))
    return "".join(char for char in folded if "a" <= char <= "z")


def _sound(char: str) -> str:
    if (sound := _CHINESE.get(char)) is not None:
        return sound
    if _NAMED.match(char):
        # Such as "KATAKANA LETTER SMALL TU" or "HANGUL SYLLABLE GANG".
        kind, _, sound = unicodedata.name(char, "").lower().rpartition(" ")
        return sound if char > _INDIAN else _sound_of_indian(kind, sound)
    return char


def _sound_of_indian(kind: str, sound: str) -> str:
    """The sound of "devanagari letter", "ca". A sign that is no vowel has none, but for those of a nasal."""
    if sound in _NASAL:
        return "n"
    if " letter" not in kind and " vowel sign" not in kind:
        return ""
    return "ch" + sound[1:] if sound[:1] == "c" and sound[:2] != "ch" else sound


def _consonants(plain: str) -> str:
    """The consonants of a word in the letters a to z, including doubled ones."""
    sounds = _SOFT_C.sub("s", _DIGRAPHS.sub(lambda found: _TOGETHER[found[0]], plain))
    return sounds.translate(_CLASSES)


@lru_cache(maxsize=65_536)
def spelled(name: str) -> str:
    """The form of a case-folded one-word name that is equal for all its spellings. It is at most as long as the name.

    "j" is a vowel here, as in "Sergej". A name with fewer than three consonants keeps its vowels, because "Iran" and "Oran" are
    different names.
    """
    consonants = _DOUBLED.sub(r"\1", _consonants(romanized(name)).translate(_SPELLED))
    if len(consonants) >= LEAST_CONSONANTS:
        return consonants[:LONGEST]
    return _DOUBLED.sub(r"\1", _SOFT_C.sub("s", name).translate(_SHORT))


@lru_cache(maxsize=65_536)
def skeleton(word: str, language: str | None) -> str:
    """A name's consonants as most languages distinguish them, at most five (eight in hangul); a first vowel becomes "a"."""
    folded = word.casefold()
    semitic = "\u0590" <= folded[:1] <= "\u06ff"
    if semitic:
        folded = _SILENT_HEH.sub("", _ARABIC_ARTICLE.sub("", folded))
    elif (
        language in _CASES
        and len(folded) > _LEAST[language == "ko"]
        and (ending := _ENDING.search(folded))
        and ending.start() >= _STEM
    ):
        folded = folded[: ending.start()]
    plain = romanized(folded)
    consonants = _consonants(plain)
    if semitic:
        # Waw is a vowel more often than a consonant.
        consonants = consonants[:1] + consonants[1:].replace("f", "")
    first = "a" if plain[:1] in ("a", "e", "i", "o", "u") else ""
    longest = _LONGEST_HANGUL if language == "ko" and "\uac00" <= word[:1] <= "\ud7a3" else LONGEST
    return (first + _DOUBLED.sub(r"\1", _alike(consonants)))[:longest]


def _alike(consonants: str) -> str:
    """Merges sounds that some languages don't distinguish: "j" is a vowel in many, and "r" is "l" in Chinese and Japanese."""
    return consonants.replace("j", "").replace("r", "l").replace("mb", "nb")


def without_accents(folded: str) -> str:
    """A word without diacritics."""
    if folded.isascii():
        return folded
    return "".join(char for char in normalized("NFD", folded) if not unicodedata.combining(char))
