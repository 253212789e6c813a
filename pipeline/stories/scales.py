"""Words for powers of ten behind a number, in any language that CLDR knows: "million", "लाख", "ล้าน". Pure."""

from __future__ import annotations

from functools import cache

import regex  # type: ignore[import-untyped]
from babel import Locale, UnknownLocaleError

from core.query.folding import fold

_NEXT_WORD = regex.compile(r"[\s\u00a0\u202f]{0,2}+([\p{L}\p{M}\u200c\u200d]+)")
_WORD = regex.compile(r"\D*?0+[\s\u00a0]?([\p{L}\p{M}\u200c\u200d]+)\.?")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Hangul}]+")
_SHORTEST = 2
"""One letter is too little: "5 M" may be metres."""


def scale_after(text: str, end: int, language: str | None) -> tuple[int, int]:
    """The power of ten that the word behind a number stands for, 0 if it is none, and the end of the figure."""
    words = scales(language or "")
    found = _NEXT_WORD.match(text, end) if words else None
    if found is None:
        return 0, end
    if (power := words.get(fold(found[1]))) is not None:
        return power, found.end()
    for word, power in _unspaced(language or ""):
        if found[1].startswith(word):
            return power, found.start(1) + len(word)
    return 0, end


@cache
def _unspaced(language: str) -> tuple[tuple[str, int], ...]:
    """Those of scripts without spaces, the longest first."""
    words = [(word, power) for word, power in scales(language).items() if _UNSPACED.fullmatch(word)]
    return tuple(sorted(words, key=lambda one: -len(one[0])))


@cache
def scales(language: str) -> dict[str, int]:
    """The words for powers of ten in a language (ISO 639-1), folded: "million" is 6. Empty if CLDR lacks the language."""
    try:
        formats = Locale(language).compact_decimal_formats
    except (UnknownLocaleError, ValueError):
        return {}
    known: dict[str, int] = {}
    for form in ("long", "short"):
        for patterns in formats[form].values() if form in formats else ():
            for size, pattern in patterns.items():
                written = str(pattern.pattern)
                found = _WORD.fullmatch(written)
                if found is not None and (len(found[1]) >= _SHORTEST or _UNSPACED.fullmatch(found[1])):
                    known.setdefault(fold(found[1]), len(size) - written.count("0"))
    return known
