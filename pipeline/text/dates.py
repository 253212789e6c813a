"""Publishers' claims of publication times, as UTC times.

Most claims can be parsed alone: RFC 822, ISO 8601, epochs, and dates written out in the languages and calendars of
``pipeline.text.calendars``. A claim without a time of day means midnight, and a claim without a zone means UTC. An ambiguous
date (4/5/2024) is parsed in the order of the page's language; without a known language it is not parsed.

Others are parsed relative to the time of fetching: "3 hours ago", "yesterday", "29 November". The result is flagged as a
guess; dateparser parses relative dates. No clock is used.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pipeline.text.calendars import Mark, calendar_in_numbers, day_marks, gregorian, hour_of, key
from pipeline.text.written_days import FUTURE_MARGIN, NO_CONTEXT, DateContext, Day, day_in, day_of_words
from pipeline.text.zones import Zone, named_zone, zone_before, zone_in

ANCIENT_BEFORE = datetime(1990, 1, 1, tzinfo=UTC)
_MAX_CHARS = 100

Flag = Literal["missing", "future", "ancient", "guessed"]


class Reading(NamedTuple):
    """The time of a claim, in UTC; ``guessed`` if it had to be completed or could mean something else."""

    moment: datetime
    guessed: bool = False


_TIME = re.compile(
    r"(?<![\d:.])(\d{1,2})(?:(?:\s?[:٫]\s?|\s?h\s?|\s?ч\.?\s?|\.(?=\d\d(?!\d)))(\d{2})(?![\d/])(?::(\d{2}))?(?:[.,]\d+)?"
    r"|\s?(?:时|時|点|點|시)\s?(\d{1,2})\s?(?:분|分)?(?:\s?(\d{1,2})\s?(?:초|秒))?)"
)
_HOUR = re.compile(
    r"(?<![\d:.])(\d{1,2})(?=\s*(?:[ap]\.?\s?m\b|uhr\b|(?:时|時|点|點|시)|(?:h|ч|год)\b))", re.IGNORECASE
)
_RFC822 = re.compile(
    # With hyphens, as in RFC 850.
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}(?:\s+|-)[A-Za-z]{3,9}(?:\s+|-)\d{2,4}\s+\d{1,2}:\d\d(?!.*[ap]\.?\s?m\b)",
    re.IGNORECASE,
)
# The format of C and Java: the year comes last.
_YEAR_LAST = re.compile(
    r"[A-Za-z]{3,9},?\s+([A-Za-z]{3,9})\s+(\d{1,2})\s+(\d{1,2}:\d\d(?::\d\d)?)(\s+[A-Za-z]{1,5}|\s+[+-]\d{4})?\s+(\d{4})"
)
_URL_DAY = re.compile(r"/((?:19|20)\d\d)[/-]?(0[1-9]|1[0-2])[/-]?(0[1-9]|[12]\d|3[01])(?=[/_-]|\b)")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?=T|\s|$)(.*)", re.DOTALL)
_DIGITS_ONLY = re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])([0-3]\d)(?:T?([0-2]\d)([0-5]\d)([0-5]\d)?)?")
_OFFSET = re.compile(r"T\d\d:?\d\d(?::?\d\d(?:\.\d+)?)?\s?([+-])(\d\d):?(\d\d)$")
_MOST_OFFSET_MINUTES = 14 * 60
_MARKS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


def parse_date(claim: str, context: DateContext = NO_CONTEXT) -> datetime | None:
    """A claimed time in UTC; None if it can't be parsed."""
    found = read_date(claim, context)
    return found.moment if found else None


def read_date(claim: str, context: DateContext = NO_CONTEXT) -> Reading | None:
    """A claimed time (RFC 822, ISO 8601, epoch seconds or milliseconds, written out), and whether it is a guess."""
    text = " ".join(_MARKS.sub("", claim[: _MAX_CHARS * 3]).split())[:_MAX_CHARS]
    text = "".join(char if char.isascii() else str(unicodedata.decimal(char, char)) for char in text)
    if any(char.isdigit() for char in text):
        for reader in (_iso, _epoch, _rfc822, _written):
            try:
                found = reader(text, context)
                if found is not None:
                    return Reading(_utc(_by_clock(found.moment, context)), found.guessed)
            except (ValueError, OverflowError, TypeError, IndexError):
                # Years that do not exist, or zones of more than a day: another parser may still accept it.
                continue
    if context.base is not None and len(text) >= 3:
        try:
            found = _without_year(text, context) or _relative(text, context)
            return Reading(_utc(_by_clock(found.moment, context)), found.guessed) if found else None
        except (ValueError, OverflowError):
            return None
    return None


_REGION = re.compile(r"\s*[A-Za-z]{2,3}[-_](?:[A-Za-z]{4}[-_])?([A-Za-z]{2})\s*")


def date_context(url: str, language: str | None, fetched_at: datetime | None, claim: str | None = None) -> DateContext:
    """The context of a page or feed item; the end of its host determines its country.

    ``claim`` is the language in the page's own form, which may name a region ("en-US").
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    end = host.rpartition(".")[2]
    region = _REGION.fullmatch(claim or "")
    return DateContext(
        language,
        end if len(end) == 2 and end.isalpha() else None,
        fetched_at,
        region=region[1].lower() if region else None,
    )


def url_day(url: str) -> datetime | None:
    """The day in an address such as ``/2024/05/31/``, as midnight UTC; None if there is none."""
    found = _URL_DAY.search(url)
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC) if found else None
    except ValueError:
        return None


def flag_of(reading: Reading, fetched_at: datetime) -> Flag | None:
    """What is doubtful about a claim; None if nothing is."""
    if reading.moment < ANCIENT_BEFORE:
        return "ancient"
    # Subtracting cannot overflow, as adding the margin to the last day of year 9999 would.
    if reading.moment - _utc(fetched_at) > FUTURE_MARGIN:
        return "future"
    return "guessed" if reading.guessed else None


def _by_clock(moment: datetime, context: DateContext) -> datetime:
    """A time without a zone, in the page's own offset if that is known; a day without a time is midnight UTC."""
    if moment.tzinfo is not None or context.offset is None or not (moment.hour or moment.minute):
        return moment
    return (moment - context.offset).replace(tzinfo=UTC)


def offset_in(claims: Iterable[str]) -> timedelta | None:
    """The UTC offset in the first claim in ISO 8601 that has one; None if there is none, or it is invalid."""
    for claim in claims:
        if found := _OFFSET.search(claim.strip()):
            minutes = int(found[2]) * 60 + int(found[3])
            if minutes and minutes <= _MOST_OFFSET_MINUTES:
                return timedelta(minutes=-minutes if found[1] == "-" else minutes)
    return None


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _iso(text: str, context: DateContext) -> Reading | None:
    # "20240503" alone would be ISO too, but so would any eight digits, which are left to the epoch parser.
    if "-" not in text and "T" not in text:
        return None
    if found := _ISO.match(text):
        calendar = calendar_in_numbers(int(found[1]), context.places, context.base)
        if calendar != "gregorian" or not 1800 <= int(found[1]) <= 2200:
            day = gregorian(int(found[1]), int(found[2]), int(found[3]), calendar)
            if day is not None:  # a year of another calendar in ISO form
                text = day.isoformat() + found[4]
    return Reading(datetime.fromisoformat(text))


def _epoch(text: str, _: DateContext) -> Reading | None:
    if found := _DIGITS_ONLY.fullmatch(text):
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        return Reading(datetime(year, month, day, hour, minute, second, tzinfo=UTC).replace(tzinfo=None))
    if not re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):
        return None
    seconds = float(text) if len(text.partition(".")[0]) < 12 else int(text) / 1000
    return Reading(datetime.fromtimestamp(seconds, UTC))


def _rfc822(text: str, context: DateContext) -> Reading | None:
    if found := _YEAR_LAST.fullmatch(text):
        text = f"{found[2]} {found[1][:3]} {found[5]} {found[3]}{found[4] or ''}"
    if not _RFC822.match(text):
        return None
    # The library treats unknown zones as UTC and "+03" as three minutes, so zones are parsed here.
    time = _TIME.search(text)
    if time is None:
        return None
    moment = parsedate_to_datetime(text[: time.end()] + " -0000")
    zone = zone_in(text[time.end() :], context.places) or _last_word(text, context)
    return _placed(moment, zone)


def _last_word(text: str, context: DateContext) -> Zone | None:
    word = text.rsplit(" ", 1)[-1].strip("()")
    return named_zone(word, context.places) if word.isupper() else None


def _placed(moment: datetime, zone: Zone | None) -> Reading:
    return (
        Reading(moment.replace(tzinfo=None))
        if zone is None
        else Reading(zone.applied(moment.replace(tzinfo=None)), zone.guessed)
    )


def _written(text: str, context: DateContext) -> Reading | None:
    day = day_in(text, context)
    return None if day is None else _with_time(text, day, context)


def _with_time(text: str, day: Day, context: DateContext) -> Reading:
    """The day with the time of day beside it, or midnight if there is none."""
    after, before = text[day.end :], text[: day.begin]
    for part in (after, before):
        time = _TIME.search(part) or _HOUR.search(part)
        if time is None:
            continue
        hour, minute, second = int(time[1]), 0, 0
        if time.re is _TIME:
            minute, second = int(time[2] or time[4]), int(time[3] or time[5] or 0)
        tail, head = part[time.end() :], part[: time.start()]
        mark = _mark(tail, head)
        midnight = datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC)
        moment = midnight.replace(hour=hour_of(hour, mark), minute=minute, second=second)
        zone = zone_in(tail, context.places) or zone_before(text[: max(day.begin, len(head))])
        placed = _placed(moment, zone)
        return Reading(placed.moment, placed.guessed or day.guessed)
    return Reading(datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC), day.guessed)


_NEAR_CHARS = 24
_MIN_STEM = 4


def _mark(tail: str, head: str) -> Mark | None:
    """The a.m. or p.m. mark, directly after the time or else directly before it."""
    words = key(tail[:_NEAR_CHARS]).split()
    marks = day_marks()
    for count in range(min(3, len(words)), 0, -1):
        if (mark := marks.get(" ".join(words[:count]))) is not None:
            return mark
    words = key(head[-_NEAR_CHARS:]).split()
    for count in range(min(3, len(words)), 0, -1):
        if (mark := marks.get(" ".join(words[-count:]))) is not None:
            return mark
    # "दुपारी": a case ending after the mark.
    if (
        words
        and not words[-1].isascii()
        and len(words[-1]) > _MIN_STEM
        and (mark := marks.get(words[-1][:-1])) is not None
    ):
        return mark
    # "下午3:47": the mark may be the end of a run of characters.
    last = words[-1] if words else ""
    return next((marks[last[-size:]] for size in (3, 2) if not last.isascii() and last[-size:] in marks), None)


def _without_year(text: str, context: DateContext) -> Reading | None:
    """A day and month without a year: the latest such day before the page was fetched."""
    if not any(char.isdigit() for char in text) or re.search(r"\d{4}", text):
        return None
    day = day_of_words(text, context, yearless=True)
    return None if day is None else _with_time(text, day, context)


_RELATIVE_CHARS = 60


def _relative(text: str, context: DateContext) -> Reading | None:
    """A relative time ("3 hours ago", "yesterday, 15:47", "قبل ساعتين"), parsed by dateparser relative to the base."""
    if context.base is None or len(text) > _RELATIVE_CHARS or re.search(r"\d{3}|[/]", text):
        return None
    if not any(char.isalpha() for char in text):
        return None
    base = _utc(context.base).replace(tzinfo=None)
    digit = re.search(r"\d", text)
    bare = text[digit.start() :] if digit else text  # without "Updated"
    for language in dict.fromkeys(one for one in (context.language, "en") if one):
        found = _by_dateparser(text, language, base) or (_by_dateparser(bare, language, base) if bare != text else None)
        if found is not None and found - base <= FUTURE_MARGIN:
            return Reading(found.replace(tzinfo=UTC), guessed=True)
    return None


def _by_dateparser(text: str, language: str, base: datetime) -> datetime | None:
    from dateparser.date import DateDataParser

    # Only relative expressions: others are parsed above, and dateparser would complete them from the base.
    settings = {"PARSERS": ["relative-time"], "TIMEZONE": "UTC", "TO_TIMEZONE": "UTC", "RELATIVE_BASE": base}
    try:
        found = DateDataParser(languages=[language], settings=settings).get_date_data(text)
    except ValueError:  # a language that it doesn't have
        return None
    moment: datetime | None = found.date_obj if found is not None and found.period in ("day", "time") else None
    return moment.replace(tzinfo=None) if moment is not None else None
