"""The countries that a text names, by codes that are the same in all languages. Pure.

CLDR gives the names of countries, and those of languages, which are mostly the adjectives of a country ("rosyjski"). A name of
several words is found too ("Korea Północna"), in any case of the noun.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from pipeline.stories.words import WORD
from pipeline.text.fingerprint import is_unspaced

_ARABIC_ARTICLE = re.compile("^(?:و?(?:ال|بال|کال|لل)|و(?=[\u0600-\u06ff]{4}))(?=[\u0600-\u06ff]{2})")
_NO_PLACES = frozenset({"EZ", "QO", "XA", "XB", "ZZ"})

_ADJECTIVE = 5
"""The least letters of a stem that a word in small letters begins with; English writes adjectives with a capital."""
_LONGEST_ENDING = {4: 4, 5: 6}
_MOST_WORDS = 6
_WITH_CASES = frozenset(
    ("be", "bg", "bs", "cs", "el", "et", "fi", "hr", "hu", "lt", "lv", "mk", "pl", "ru", "sk", "sl", "sr", "uk")
)
_VOWELS, _SHORT = "aeiouyаеиіоуыюя", 4
_LONGER_ENDING = 7
"""The most letters after a stem, by its length: a longer word that only begins like a place is another word."""


class _Names(NamedTuple):
    """The names in one language. ``by_stem``: by the stem of the first word, those of all words, and the code.

    ``longest``: the letters of the longest of these stems. ``whole``: all names, their words folded;
    ``cut``: those of one word, without a last vowel.
    """

    by_stem: dict[str, list[tuple[tuple[str, ...], str]]]
    unspaced: re.Pattern[str] | None
    codes: dict[str, str]
    longest: int = 0
    whole: frozenset[str] = frozenset()
    cut: frozenset[str] = frozenset()


def places_in(text: str, language: str | None) -> list[str]:
    """The codes (ISO 3166) of the countries in a text, in order, without repetitions; none if CLDR lacks its language."""
    names = _names(language or "en")
    if is_unspaced(text):
        found = names.unspaced.findall(text) if names.unspaced is not None else []
        return list(dict.fromkeys(names.codes[name] for name in found))
    words = [(one[0], _folded(one[0])) for one in WORD.finditer(text)]
    codes = dict[str, None]()
    at = 0
    while at < len(words):
        code, count = _place(words, at, names, language)
        if code is not None:
            codes[code] = None
        at += count
    return list(codes)


def are_countries(names: str, language: str | None) -> bool:
    """Whether a text is nothing but names of countries as CLDR writes them: a stem begins names of people too (George).

    In a language with cases, the last letter may be another one (Rosja, Rosji).
    """
    known = _names(language or "en")
    words = [_folded(one[0]) for one in WORD.finditer(names)]
    at = 0
    while at < len(words):
        count = next((size for size in range(_MOST_WORDS, 0, -1) if " ".join(words[at : at + size]) in known.whole), 0)
        if not count and language in _WITH_CASES and words[at][:-1] in known.cut:
            count = 1
        if not count:
            return False
        at += count
    return bool(words)


def _place(words: list[tuple[str, str]], at: int, names: _Names, language: str | None) -> tuple[str | None, int]:
    """The code of the place that begins with this word, or None, and the number of its words."""
    written, folded = words[at]
    least = 0
    if written[0].islower():
        if language == "en":
            return None, 1
        least = _ADJECTIVE
    for end in range(min(len(folded), names.longest), max(least, 2) - 1, -1):
        for stems, code in names.by_stem.get(folded[:end], ()):
            several = words[at : at + len(stems)]
            if len(several) == len(stems) and all(
                _begins(word, stem) for (_, word), stem in zip(several, stems, strict=True)
            ):
                return code, len(stems)
    return None, 1


def _begins(word: str, stem: str) -> bool:
    longest = _LONGEST_ENDING.get(len(stem), _LONGER_ENDING) if len(stem) > 3 else 0
    return word.startswith(stem) and len(word) - len(stem) <= longest


def _folded(word: str) -> str:
    return _ARABIC_ARTICLE.sub("", word.casefold())


def _stem(word: str) -> str:
    return word if len(word) <= 4 else word[: max(4, len(word) - 2)]


@cache
def _names(language: str) -> _Names:
    try:
        locale = Locale(language)
    except (UnknownLocaleError, ValueError):
        return _Names({}, None, {})
    codes = dict[str, str]()
    for name, code in _all(locale):
        codes.setdefault(name, code)
    by_stem: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for name, code in codes.items():
        stems = tuple(_stem(_folded(one[0])) for one in WORD.finditer(name))
        if stems and (len(stems) > 1 or len(stems[0]) > 3):
            by_stem.setdefault(stems[0], []).append((stems, code))
    for several in by_stem.values():
        several.sort(key=lambda one: -len(one[0]))
    long = sorted((name for name in codes if len(name) > 1), key=lambda name: (-len(name), name))
    unspaced = re.compile("|".join(map(re.escape, long))) if long else None
    # Without adjectives: Russo is a name.
    whole = frozenset(" ".join(_folded(one[0]) for one in WORD.finditer(name)) for name in _countries(locale).values())
    cut = frozenset(name[:-1] for name in whole if " " not in name and len(name) > _SHORT and name[-1] in _VOWELS)
    return _Names(by_stem, unspaced, codes, max(map(len, by_stem), default=0), whole, cut)


def _countries(locale: Locale) -> dict[str, str]:
    """The names of countries by their codes."""
    return {
        code: name
        for code, name in locale.territories.items()
        if len(code) == 2 and code.isalpha() and code not in _NO_PLACES
    }


def _all(locale: Locale) -> Iterator[tuple[str, str]]:
    countries = _countries(locale)
    yield from ((name, code) for code, name in countries.items())
    likely = get_global("likely_subtags")
    for tongue, name in locale.languages.items():
        code = likely.get(tongue, "").rpartition("_")[2]
        # A language that is called as a country is its adjective ("French"), unlike "English" in the United States.
        if WORD.fullmatch(name) and code in countries and name[:3].casefold() == countries[code][:3].casefold():
            yield name, code
