"""Which figures of a text are durations or ages: a unit of time follows, as CLDR names it in the text's language. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from itertools import product
from typing import NamedTuple

import regex  # type: ignore[import-untyped]
from babel import Locale, UnknownLocaleError
from babel.dates import format_timedelta

from core.query.folding import fold
from core.query.stems import stems_in
from pipeline.stories.figures import FigureSpan, knows_harm, of_harm
from pipeline.text.fingerprint import is_unspaced

_DAYS = {"year": 365.0, "month": 30.0, "week": 7.0, "day": 1.0, "hour": 1 / 24, "minute": 1 / 24 / 60}
"""Units as long as Babel takes them to be."""
_COUNTS = (1, 2, 3, 5, 11, 100)
"""Counts for which languages have different forms."""
_NO_LARGER_UNIT = 1e9

# Letters with their vowel signs, which are no word characters for ``re``, and the joiners between them.
_WORD = r"[\p{L}\p{M}\u200c\u200d]+"
_BEHIND = regex.compile(rf"[\s\u00a0\u202f-]{{0,2}}+({_WORD})")
_COUNTED = regex.compile(rf"\p{{Nd}}[\s\u00a0\u202f]*+({_WORD})")
_LONGEST = 12
_SHORTEST_ABBREVIATION = 3
_SHORTEST_STEM = 4
"""Shorter stems are shared with other words: "mes" (month) with "mesas" (tables)."""

_ENDINGS = {
    "az": "lik liq luk luq", "bn": "র ের ে", "hu": "s as es os", "kk": "лық лік дық дік тық тік", "ne": "को मा पछि देखि सम्म",
    "tr": "lik luk",
}  # fmt: skip
"""Endings of units after a number that neither CLDR's forms nor the stemmers cover: "18 aylık", "18 মাসের"."""

_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}"
_ENDS_UNIT = regex.compile(
    rf"\Z|[^\p{{L}}\p{{M}}]|[^{_CJK}]|(?!の\s*\p{{Nd}})\p{{Hiragana}}|[前后後内內来來多间間以之里裡起了半的目]"
)
"""What follows a unit in Chinese and Japanese, unlike the rest of a longer word (天津) or of a fraction (3分の1)."""
_SHOWS_END = regex.compile(rf"\Z|[^\p{{L}}\p{{M}}]|[{_CJK}]")
"""What follows a unit if it is surely whole: Thai and its neighbours have no particles that show where a word ends."""
_MEASURES = "个個多余餘"


class _Units(NamedTuple):
    """The words for units of time in a language, folded, their stems, and ``endings`` (folded) that they may have."""

    words: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()
    endings: tuple[str, ...] = ()


def without_durations(figures: Iterable[FigureSpan], text: str, language: str | None) -> list[FigureSpan]:
    """The figures without those before a unit of time ("18 months", "96 Jahren"); all of them if CLDR lacks the language.

    Before a word that is only related to a unit, a figure near a word of harm stays.
    """
    units = _units(language or "")
    if not units.words:
        return list(figures)
    unspaced = is_unspaced(text)
    kept, doubtful = [], []
    for one in figures:
        if unspaced:
            sure, related = _unspaced_unit(text[one.end : one.end + _LONGEST].lstrip(), units)
        else:
            sure, related = _unit(text, one.end, units, language or "")
        if not sure:
            kept.append(one)
            if related:
                doubtful.append(one)
    if doubtful:
        victims = of_harm(text, language, doubtful) if knows_harm(text, language) else []
        kept = [one for one in kept if one not in doubtful or one in victims]
    return kept


def _unit(text: str, end: int, units: _Units, language: str) -> tuple[bool, bool]:
    """Whether a unit of time stands behind a number, and whether a word related to one does."""
    found = _BEHIND.match(text, end, end + _LONGEST * 2)
    if found is None:
        return False, False
    word = fold(found[1])
    if word in units.words:
        return True, False
    inflected = any(word.endswith(one) and word[: -len(one)] in units.words for one in units.endings)
    return False, inflected or not units.stems.isdisjoint(_stems(found[1], language))


def _unspaced_unit(behind: str, units: _Units) -> tuple[bool, bool]:
    """The same for a text without spaces between words."""
    related = False
    # Measure words may be between them: 18个小时, 18个多小时.
    measured = behind.lstrip(_MEASURES)
    for unit in units.words:
        if behind.startswith(unit):
            rest = behind[len(unit) :]
        elif len(unit) > 1 and measured.startswith(unit):
            rest = measured[len(unit) :]
        else:
            continue
        if not _ENDS_UNIT.match(rest):
            continue
        if _SHOWS_END.match(rest):
            return True, False
        related = True
    return False, related


def _stems(word: str, language: str) -> Iterator[str]:
    return (one for one in stems_in(language)[word] if len(one.partition("~")[2]) >= _SHORTEST_STEM)


@cache
def _units(language: str) -> _Units:
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return _Units()
    words = dict.fromkeys(_forms(locale))
    return _Units(
        words=frozenset(filter(None, map(fold, words))),
        stems=frozenset(stem for word in words for stem in _stems(word, language)),
        endings=tuple(map(fold, _ENDINGS.get(language, "").split())),
    )


def _forms(locale: Locale) -> Iterator[str]:
    """The words after a number in "3 months", "in 3 months" and "3 months ago", also abbreviated."""
    ways = product(_DAYS.items(), _COUNTS, (False, True), (1, -1), ("long", "short"))
    for (unit, days), count, directed, sign, form in ways:
        try:
            made = format_timedelta(
                timedelta(days=days * count * sign),
                granularity=unit,  # type: ignore[arg-type]
                threshold=_NO_LARGER_UNIT,
                add_direction=directed,
                format=form,  # type: ignore[arg-type]
                locale=locale,
            )
        except KeyError:  # CLDR lacks this pattern in this language
            continue
        found = _COUNTED.search(made)
        if found is not None and (form == "long" or len(found[1]) >= _SHORTEST_ABBREVIATION):
            yield found[1]
