"""Days whose year is counted from the beginning of an era: the Japanese eras, and the Republic of China.

Months and days are those of the Gregorian calendar. An era is named in words (令和8年, 民國115年), by its letter
(R8.11.28, only in Japanese texts), or not at all (115/11/28, only in Chinese ones: no other year has three digits).
"""

from __future__ import annotations

import re
from datetime import date

_YEAR_BEFORE = {"令和": 2018, "平成": 1988, "昭和": 1925, "r": 2018, "h": 1988, "s": 1925, "民國": 1911, "民国": 1911}
_NEWS_YEARS = range(1990, 2036)
_REST = r"\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?[日號号]?"
_NAMED = re.compile(rf"(令和|平成|昭和|民[國国])\s?(\d{{1,3}}|元){_REST}")
_BY_LETTER = re.compile(r"(?<![^\W\d_])([RHS])\s?(\d{1,2})[./-](\d{1,2})[./-](\d{1,2})(?!\d)")
_UNNAMED = re.compile(
    r"(?<![\d./-])(1\d\d)(?:([./-])(\d{1,2})\2(\d{1,2})(?!\d)|\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日)"
)


def day_of_era(text: str, language: str | None = None) -> tuple[date, int, int] | None:
    """The first such day in a text with its place (start, end); None if there is none, or its year can't be that of news."""
    if found := _NAMED.search(text) or (_BY_LETTER.search(text) if language == "ja" else None):
        era, year, month, day = found.groups()
    elif language == "zh" and (found := _UNNAMED.search(text)):
        era, year, month, day = "民國", found[1], found[3] or found[5], found[4] or found[6]
    else:
        return None
    counted = _YEAR_BEFORE[era.lower()] + (1 if year == "元" else int(year))
    if counted not in _NEWS_YEARS:
        return None
    try:
        return date(counted, int(month), int(day)), *found.span()
    except ValueError:
        return None
