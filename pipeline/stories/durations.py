"""Which figures of a text are durations or ages: a unit of time follows, as CLDR names it in the text's language. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_timedelta

from core.query.folding import fold
from pipeline.stories.figures import FigureSpan
from pipeline.text.fingerprint import is_unspaced

_DAYS = {"year": 365.0, "month": 30.5, "week": 7.0, "day": 1.0, "hour": 1 / 24, "minute": 1 / 24 / 60}
_COUNTS = (1, 2, 3, 5)
"""Counts for which languages have different forms, and fewer than the next longer unit has."""

_BEHIND = re.compile(r"[\s\u00a0\u202f-]{0,2}([^\W\d_]+)")
_SHORTEST, _ENDING = 4, 3
_LONGEST = 12


def without_durations(figures: Iterable[FigureSpan], text: str, language: str | None) -> list[FigureSpan]:
    """The figures without those before a unit of time ("18 months", "96 Jahren"); all of them if CLDR lacks the language."""
    units = _units(language or "")
    if not units:
        return list(figures)
    unspaced = is_unspaced(text)
    return [one for one in figures if not _is_before_unit(text, one.end, units, unspaced=unspaced)]


def _is_before_unit(text: str, end: int, units: tuple[str, ...], *, unspaced: bool) -> bool:
    if unspaced:
        behind = text[end : end + _LONGEST].lstrip()
        # A measure word may be between them: 18个小时.
        return behind.startswith(units) or behind[1:].startswith(tuple(unit for unit in units if len(unit) > 1))
    found = _BEHIND.match(text, end, end + _LONGEST * 2)
    if found is None:
        return False
    word = fold(found[1])
    # Case endings differ from the forms that CLDR has: "Jahren" beside "Jahre".
    return any(
        word == unit or (len(unit) >= _SHORTEST and word.startswith(unit) and len(word) <= len(unit) + _ENDING)
        for unit in units
    )


@cache
def _units(language: str) -> tuple[str, ...]:
    """The words for units of time in a language, folded."""
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return ()
    told = (
        format_timedelta(timedelta(days=days * count * 1.01), granularity=unit, threshold=0.9, locale=locale)  # type: ignore[arg-type]
        for unit, days in _DAYS.items()
        for count in _COUNTS
    )
    words = (re.sub(r"[\d\s\u00a0]+", " ", one).strip() for one in told)
    return tuple(dict.fromkeys(fold(word) for word in words if word and " " not in word))
