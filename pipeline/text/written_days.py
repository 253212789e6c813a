"""Days written out with numbers and names of months, in the languages and calendars of ``pipeline.text.calendars``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pipeline.text.calendars import MAX_NAME_WORDS, Month, calendar_in_numbers, gregorian, is_news_year, key, month_of
from pipeline.text.eras import day_of_era

FUTURE_MARGIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class DateContext:
    """The context for parsing a claim: the outlet's language and country, and the time (UTC) that relative dates refer to.

    ``offset``: the offset from UTC for times without a zone. ``region``: the country in the page's language ("us" in "en-US"),
    which may not be the outlet's.
    """

    language: str | None = None
    country: str | None = None
    base: datetime | None = None
    offset: timedelta | None = None
    region: str | None = None

    @property
    def places(self) -> frozenset[str]:
        """Language and country together."""
        return frozenset(one for one in (self.language, self.country) if one)


NO_CONTEXT = DateContext()

_YEAR_FIRST = re.compile(
    r"(?<!\d)(\d{4})\s*(?:[-/.年년]|оны)\s*(\d{1,2})\s*(?:[-/.月월]|(?:-р|дугаар|дүгээр)?\s*сарын)\s*(\d{1,2})(?!\d)"
)
_NUMBERED_MONTH = re.compile(r"(?<![\d年년])(?<![年년]\s)(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일号號]")
# The year in a separate element: "2026 11/28".
_YEAR_APART = re.compile(r"(?<!\d)(\d{4})\s(\d{1,2})\s?[/-]\s?(\d{1,2})(?!\d)")
_SHORT_YEAR = re.compile(r"(?<![\d.:/-])(\d{1,2})([./-])(\d{1,2})\2(\d{2})(?![\d:/-]|\.\d)")
_YEAR_LEADS = frozenset({"ko", "zh", "ja"})
_SHORT_YEARS = 5
"""How many years before the fetch of the page a two-digit year may lie."""
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4})(?!\d)")
# Vowel signs are parts of words, although \w does not match them.
_SIGNS = (
    r"\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0670\u0900-\u0963\u0981-\u0dff\u0e30-\u0e4e\u0eb0-\u0ecd"
    r"\u1000-\u109f\u1780-\u17d3"
)
_LETTERS = rf"[^\W\d_](?:[^\W\d_]|[{_SIGNS}])*"
_TOKEN = re.compile(rf"\d+|{_LETTERS}(?:['’׳`]{_LETTERS})*[׳']?|[^\w\s]")
# Between day, month and year.
_FILLERS = frozenset(
    [
        "de",
        "del",
        "of",
        "d",
        "le",
        "la",
        "den",
        "gada",
        "m",
        "พ",
        "ศ",
        "ค",
        "ปี",
        "жылдын",
        "жылдың",
        "жылы",
        "жылғы",
        "der",
        "dem",
        "am",
        "a",
        "year",
        "год",
        "года",
        "г",
        "р",
        "року",
        "гг",
        "ה",
        "ב",
        "ta",
        "aasta",
        "оны",
        "yil",
        "yili",
        "yıl",
        "жыл",
        "жылғы",
        "ж",
        "ی",
        "ko",
        "eko",
        "ლის",
        "წლის",
        "წ",
        "సం",
        "ম",
        "ई",
        "ई०",
        "la",
        "the",
        "and",
        "ቀን",
        "ዓ",
    ]
)
_ORDINALS = frozenset(["st", "nd", "rd", "th", "er", "º", "ª", "ste", "e", "ème", "го", "е", "й", "ші", "нші"])


class Day(NamedTuple):
    """A day, and its place in the text."""

    date: date
    begin: int
    end: int
    guessed: bool = False


def day_in(text: str, context: DateContext) -> Day | None:
    """The first day in a text, with its year; None if there is none."""
    if (counted := day_of_era(text, context.language)) is not None:
        return Day(*counted)
    if (found := _YEAR_FIRST.search(text) or _YEAR_APART.search(text)) and is_news_year(int(found[1])):
        year = int(found[1])
        calendar = calendar_in_numbers(year, context.places, context.base)
        day = gregorian(year, int(found[2]), int(found[3]), calendar)
        return None if day is None else Day(day, *found.span())
    if (found := _DAY_FIRST.search(text)) and is_news_year(int(found[4])):
        return _day_of_numbers(found, context)
    if (written := day_of_words(text, context)) is not None:
        return written
    found = _SHORT_YEAR.search(text)
    return None if found is None else _with_short_year(found, context)


def _with_short_year(found: re.Match[str], context: DateContext) -> Day | None:
    """A day such as 28.11.26, if its year is one of the last years before the page was fetched."""
    if context.base is None:
        return None
    first, second, last = int(found[1]), int(found[3]), int(found[4])
    ways = [(last, second, first)]
    if context.language in _YEAR_LEADS:
        ways = [(first, second, last)]
    elif found[2] == "/" and context.language in (None, "en"):
        ways.append((last, first, second))
    latest = (context.base + FUTURE_MARGIN).date()
    days = {
        day
        for year, month, number in ways
        if (day := gregorian(2_000 + year, month, number)) is not None
        and day <= latest
        and latest.year - day.year <= _SHORT_YEARS
    }
    if len(days) > 1 and context.country is not None:
        american = context.country in _MONTH_LEADS
        days = {day for day in days if (day.month == first) == american}
    return Day(days.pop(), *found.span()) if len(days) == 1 else None


_MONTH_LEADS = frozenset({"us", "ph"})
"""Countries that write the month before the day."""


def _day_of_numbers(found: re.Match[str], context: DateContext) -> Day | None:
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    ways = [(second, first), (first, second)]  # month, day
    if found[2] == ".":
        ways = ways[:1]
    calendar = calendar_in_numbers(year, context.places, context.base)
    days = [one for month, number in ways if (one := gregorian(year, month, number, calendar)) is not None]
    if not days:
        return None
    if len(set(days)) == 1:
        return Day(days[0], *found.span())
    # Only English has both orders; the outlet's country may show which one applies.
    if context.country in _MONTH_LEADS or (context.language == "en" and context.country is None):
        if context.country is None:
            early = [one for one in days if context.base is not None and one <= context.base.date() + FUTURE_MARGIN]
            if len(early) != 1 and context.region in _MONTH_LEADS:
                early = days[1:]  # many templates say en-US wherever they are used
            return Day(early[0], *found.span(), guessed=True) if len(early) == 1 else None
        return Day(days[1], *found.span())
    return Day(days[0], *found.span()) if context.language or context.country else None


class _Token(NamedTuple):
    text: str
    begin: int
    end: int


def day_of_words(text: str, context: DateContext, *, yearless: bool = False) -> Day | None:
    """A day whose month is a word, with the day before or after it, and the year after both or in front."""
    if yearless and context.base is not None and (numbered := _NUMBERED_MONTH.search(text)):
        latest = _latest(Month(int(numbered[1])), int(numbered[2]), context.base)
        if latest is not None:
            return Day(latest, *numbered.span(), guessed=True)
    tokens = [_Token(found[0], *found.span()) for found in _TOKEN.finditer(text)]
    for place, token in enumerate(tokens):
        if token.text.isdigit() or not token.text[0].isalpha():
            continue
        month, behind = _month_at(tokens, place, context)
        if month is None or _is_weekday(tokens, place, month, context):
            continue
        before = _number(tokens, place - 1, -1, 2)
        while (other := _month_at(tokens, _skipped(tokens, behind), context))[0] is not None:
            behind = other[1]  # "أيار/مايو": both of a month's names
        after = _number(tokens, behind, 1, 4)
        found = _combined(before, after, yearless=yearless)
        if found is None:
            continue
        numbers, places = found
        year = numbers[0]
        if year == 0 and context.base is not None:
            guess = _latest(month, numbers[1], context.base)
            if guess is not None:
                return Day(guess, tokens[min(places)].begin, tokens[max(places)].end, guessed=True)
            continue
        day = gregorian(year, month.number, numbers[1], month.calendar)
        if day is not None:
            return Day(day, tokens[min([place, *places])].begin, tokens[max([behind - 1, *places])].end)
    return None


def _month_at(tokens: list[_Token], place: int, context: DateContext) -> tuple[Month | None, int]:
    """The month named at ``place`` by as many words as possible, and the place after it."""
    if not 0 <= place < len(tokens) or not tokens[place].text[0].isalpha():
        return None, place
    for count in range(MAX_NAME_WORDS, 0, -1):
        part = tokens[place : place + count]
        if len(part) == count:
            words = " ".join(token.text for token in part)
            if not all(token.text[0].isalnum() or token.text in "-'’." for token in part):
                continue
            if (month := month_of(words, context.language)) is not None:
                # "3 May 4": a number belongs to the name only if the name needs it.
                shorter = " ".join(token.text for token in part[:-1])
                if count > 1 and not part[-1].text[0].isalpha() and month_of(shorter, context.language):
                    continue
                return month, place + count
    return None, place


_ENGLISH_WEEKDAYS = frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"})
_REACH = 4


def _is_weekday(tokens: list[_Token], place: int, month: Month, context: DateContext) -> bool:
    """Whether a short name is the day of the week, as "Sat" (September in Hausa) before "Nov 28" or "28 Nov" is."""
    if key(tokens[place].text) not in _ENGLISH_WEEKDAYS:
        return False
    others = (_month_at(tokens, other, context)[0] for other in range(place + 1, min(place + _REACH, len(tokens))))
    return any(other is not None and other != month for other in others)


def _skipped(tokens: list[_Token], place: int) -> int:
    while place < len(tokens) and tokens[place].text in ("/", "(", "-", "–"):
        place += 1
    return place


def _number(tokens: list[_Token], place: int, step: int, reach: int) -> list[tuple[int, int]]:
    """Numbers beside a month, with their places, skipping only points, commas and small words."""
    found: list[tuple[int, int]] = []
    for _ in range(reach + 4):
        if not 0 <= place < len(tokens) or len(found) == 2:
            break
        text = tokens[place].text
        if text.isdigit():
            if len(text) > 4:
                break
            # The hour of a time is not a day.
            if place + 1 < len(tokens) and tokens[place + 1].text == ":" and len(text) <= 2:
                break
            # Nor are its minutes, but a number after a label's colon may be a day.
            if place > 1 and tokens[place - 1].text == ":" and tokens[place - 2].text.isdigit() and len(text) <= 2:
                break
            found.append((int(text), place))
        elif (
            text not in (".", ",", "/", "-", "،", "፣", "，", ")", "(", "’", "'", "年", "年")
            and key(text) not in _FILLERS
            and text.lower() not in _ORDINALS
            and key(text) not in _ORDINALS
        ):
            break
        place += step
    return found


def _combined(
    before: list[tuple[int, int]], after: list[tuple[int, int]], *, yearless: bool
) -> tuple[tuple[int, int], list[int]] | None:
    """(year, day) and their places; the year is 0 if there is none and it may be missing."""
    days = [one for one in before[:1] if 1 <= one[0] <= 31]
    years = [one for one in after[:1] if is_news_year(one[0])]
    if days and years:  # 3 May 2024
        return (years[0][0], days[0][0]), [days[0][1], years[0][1]]
    if len(before) == 2 and days and is_news_year(before[1][0]):  # 2024. gada 3. maijs
        return (before[1][0], days[0][0]), [before[1][1], days[0][1]]
    if len(after) == 2 and 1 <= after[0][0] <= 31 and is_news_year(after[1][0]):  # May 3, 2024
        return (after[1][0], after[0][0]), [after[0][1], after[1][1]]
    if before and is_news_year(before[0][0]) and after and 1 <= after[0][0] <= 31:  # 2024 May 3
        return (before[0][0], after[0][0]), [before[0][1], after[0][1]]
    if yearless and not years and not (after and is_news_year(after[-1][0])):
        one = days or [number for number in after[:1] if 1 <= number[0] <= 31]
        if one:
            return (0, one[0][0]), [one[0][1]]
    return None


def _latest(month: Month, day: int, base: datetime) -> date | None:
    """The latest such day that is not after ``base``; tries only years of the Gregorian calendar."""
    if month.calendar != "gregorian":
        return None
    for year in (base.year + 1, base.year, base.year - 1):
        found = gregorian(year, month.number, day)
        if found is not None and found <= (base + FUTURE_MARGIN).date():
            return found
    return None
