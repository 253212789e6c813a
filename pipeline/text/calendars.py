"""Names of months and day periods in the languages of news outlets, and years of calendars other than the Gregorian.

Month names and day periods are from CLDR, in all their forms, in ``calendars.toml``, with the months of the Solar Hijri,
Islamic and Ethiopian calendars and of Nepal's Bikram Sambat. jdatetime converts Jalali dates, hijridate Islamic dates (Umm
al-Qura), nepali-datetime those of Nepal; Thailand's Buddhist years are ahead by 543; Ethiopian dates are converted by
counting days.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Literal, NamedTuple

import jdatetime
import nepali_datetime
from hijridate import Hijri

from core.memo import kept
from core.normal import normalized
from core.package_data import package_toml
from pipeline.text.characters import folded

Calendar = Literal["gregorian", "jalali", "islamic", "ethiopic", "bikram"]

# Words that mean different months in two languages, by language; without a language, the first applies.
_BY_LANGUAGE = {
    "listopada": {"hr": 10, "bs": 10, "pl": 11, "uk": 11},
    "listopad": {"hr": 10, "bs": 10, "pl": 11, "cs": 11},
}

_BUDDHIST = 543
# Years of news in each calendar: 1990 to 2035.
_JALALI_YEARS, _ISLAMIC_YEARS, _BUDDHIST_YEARS = range(1369, 1415), range(1410, 1458), range(2533, 2579)
_ETHIOPIAN_YEARS, _BIKRAM_YEARS = range(1982, 2028), range(2047, 2093)
_BEFORE_ETHIOPIA = date(8, 8, 26).toordinal()
"""The day before the first of the Ethiopian year 1, in the proleptic Gregorian calendar."""
MAX_NAME_WORDS = 3
_CALENDARS: tuple[Calendar, ...] = ("gregorian", "jalali", "islamic", "ethiopic", "bikram")
_DATA = package_toml("pipeline.text", "calendars.toml")


class Month(NamedTuple):
    """A month of a calendar, 1 to 12; the Ethiopian calendar has a 13th."""

    number: int
    calendar: Calendar = "gregorian"


def _key(words: str) -> str:
    plain = normalized("NFD", folded(words.replace("\u200c", " ")))
    return " ".join("".join(char for char in plain if not unicodedata.combining(char)).split())


# The same few words stand beside dates on every page.
key = kept(_key, most=4_096, longest=60)
"""The lookup key of names of months and day periods: folded, without accents and apostrophes."""


@cache
def _months() -> Mapping[str, Month]:
    found = {
        name.strip(): Month(int(number), calendar)
        for calendar in _CALENDARS
        for number, listed in _DATA[calendar].items()
        for name in " ".join(listed.split()).split("|")
    }
    return {**{_by_nasal(name): month for name, month in found.items()}, **found}


# "नवम्बर" and "नवंबर": a nasal before a consonant of its kind is also written as a dot.
_NASAL = re.compile("ङ(?=[कखगघस])|ञ(?=[चछजझ])|ण(?=[टठडढ])|न(?=[तथदध])|म(?=[पफबभ])")


def _by_nasal(flat: str) -> str:
    return _NASAL.sub("ं", flat)


@cache
def _weekdays() -> Mapping[str, int]:
    return {
        name.strip(): int(number)
        for number, listed in _DATA["weekdays"].items()
        for name in " ".join(listed.split()).split("|")
    }


def weekday_of(word: str) -> int | None:
    """The day of the week (1 is Monday) that a word names in any of the languages; None if it names none."""
    return _weekdays().get(key(word))


@cache
def _stems() -> Mapping[str, Month | None]:
    """Prefixes of long names, for grammatical cases that CLDR doesn't list ("novembra"); None if two months share one."""
    found: dict[str, Month | None] = {}
    for name, month in _months().items():
        for size in range(5, len(name) + 1):
            stem = name[:size]
            found[stem] = month if found.get(stem, month) == month else None
    return found


def month_of(words: str, language: str | None = None) -> Month | None:
    """The month that one to three words name in any of the languages; None if they name none."""
    flat = key(words)
    if not flat:
        return None
    if flat in _BY_LANGUAGE and language in _BY_LANGUAGE[flat]:
        return Month(_BY_LANGUAGE[flat][language])
    months = _months()
    if (month := months.get(flat)) is not None:
        return month
    # Hebrew and Persian attach "in" and other small words to the name.
    if flat[0] == "ב" and (month := months.get(flat[1:])) is not None:
        return month
    if (month := months.get(_by_nasal(flat))) is not None:
        return month
    stems = _stems()
    for cut in range(4):
        stem = flat[: len(flat) - cut]
        if len(stem) < 5:
            break
        if month := stems.get(stem):
            return month
    return None


def is_month(word: str) -> bool:
    """Whether a word is a month's name in CLDR, in any of the languages; "marchers" is not."""
    return key(word) in _months()


Mark = Literal["am", "pm", "noon", "night"]
_KINDS: tuple[Mark, ...] = ("am", "pm", "noon", "night")


@cache
def day_marks() -> Mapping[str, Mark]:
    """The marks beside a 12-hour time, by key: "오후", "م", "مساء", "p m"."""
    return {name.strip(): kind for kind in _KINDS for name in " ".join(_DATA["marks"][kind].split()).split("|")}


def hour_of(hour: int, mark: Mark | None) -> int:
    """The 24-hour value of an hour with a mark."""
    if mark is None or hour > 12:
        return hour
    if mark == "am":
        return hour % 12
    if mark == "pm":
        return hour % 12 + 12
    if mark == "noon":
        return hour if hour >= 10 else hour + 12
    return hour % 12 if hour == 12 or hour < 6 else hour + 12


def gregorian(year: int, month: int, day: int, calendar: Calendar = "gregorian") -> date | None:
    """The Gregorian date; a year that can't be Gregorian determines its own calendar. None if there is no such day."""
    if calendar == "gregorian":
        if year in _BUDDHIST_YEARS:
            year -= _BUDDHIST
        elif year in _JALALI_YEARS or year in _ISLAMIC_YEARS:
            calendar = "jalali" if year in _JALALI_YEARS else "islamic"
    elif calendar == "ethiopic":
        return _of_ethiopia(year, month, day)
    elif calendar == "bikram":
        return _of_nepal(year, month, day)
    elif year >= 1900:  # a Gregorian year after a Jalali month: two adjacent dates
        return None
    try:
        if calendar == "jalali":
            converted: date = jdatetime.date(year, month, day).togregorian()
            return date(converted.year, converted.month, converted.day)
        if calendar == "islamic":
            return date(*Hijri(year, month, day).to_gregorian().datetuple())
        return date(year, month, day)
    except (ValueError, OverflowError):
        return None


def _of_ethiopia(year: int, month: int, day: int) -> date | None:
    """Months of thirty days, and five or six days after the twelfth; every fourth year has six."""
    if year not in _ETHIOPIAN_YEARS or not 1 <= day <= (30 if month <= 12 else 6 if year % 4 == 3 else 5):
        return None
    return date.fromordinal(_BEFORE_ETHIOPIA + 365 * (year - 1) + year // 4 + 30 * (month - 1) + day)


def _of_nepal(year: int, month: int, day: int) -> date | None:
    """The lengths of its months follow the sun's place, and are known only from tables."""
    if year not in _BIKRAM_YEARS:
        return None
    try:
        converted: date = nepali_datetime.date(year, month, day).to_datetime_date()
    except (ValueError, OverflowError):
        return None
    return converted


def calendar_in_numbers(year: int, places: frozenset[str], base: date | None) -> Calendar:
    """The calendar of a date in numbers alone, by its outlet's language and country (``places``) and the day of its fetch.

    Nepal's years are 57 ahead, so that one that has not come yet can't be Gregorian there.
    """
    ahead = base is not None and year > base.year + 1
    return "bikram" if ahead and year in _BIKRAM_YEARS and places & {"ne", "np"} else "gregorian"


def is_news_year(year: int) -> bool:
    """Whether the number can be the year of a news date in one of the calendars."""
    return 1900 <= year <= 2100 or year in _JALALI_YEARS or year in _ISLAMIC_YEARS or year in _BUDDHIST_YEARS
