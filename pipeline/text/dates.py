"""Publishers' claims of when they published, as UTC times.

A claim is read by itself: RFC 822, ISO 8601, epochs, and dates written out in the languages and calendars of
``pipeline.text.calendars``. A claim without a time of day means midnight, one without a zone means UTC. A date that can be
read two ways (4/5/2024) is read as the page's language has it, and not at all without one.

What can't be read by itself may be readable against the time of fetching: "3 hours ago", "yesterday", "29 November". That is
a guess and flagged as such; dateparser reads the relative ones. No clock is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pipeline.text.calendars import (
    MAX_NAME_WORDS,
    Mark,
    Month,
    day_marks,
    gregorian,
    hour_of,
    is_news_year,
    key,
    month_of,
)
from pipeline.text.zones import Zone, named_zone, zone_in

FUTURE_MARGIN = timedelta(hours=24)
ANCIENT_BEFORE = datetime(1990, 1, 1, tzinfo=UTC)
_MAX_CHARS = 100

Flag = Literal["missing", "future", "ancient", "guessed"]


@dataclass(frozen=True, slots=True)
class DateContext:
    """What helps to read a claim: the outlet's language and country, and the time (UTC) that relative dates refer to."""

    language: str | None = None
    country: str | None = None
    base: datetime | None = None

    @property
    def places(self) -> frozenset[str]:
        """Language and country together."""
        return frozenset(one for one in (self.language, self.country) if one)


NO_CONTEXT = DateContext()


class Reading(NamedTuple):
    """What a claim says, in UTC; ``guessed`` if it had to be completed or could mean something else."""

    moment: datetime
    guessed: bool = False


_YEAR_FIRST = re.compile(
    r"(?<!\d)(\d{4})\s*(?:[-/.年년]|оны)\s*(\d{1,2})\s*(?:[-/.月월]|(?:-р|дугаар|дүгээр)?\s*сарын)\s*(\d{1,2})(?!\d)"
)
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4})(?!\d)")
_TIME = re.compile(
    r"(?<![\d:.])(\d{1,2})(?:\s?[:٫]\s?|\s?h\s?|\s?ч\.?\s?|\s?(?:时|時|点|點|시)\s?|\.(?=\d\d\b))(\d{2})(?![\d/])(?::(\d{2}))?(?:[.,]\d+)?(?:분|分)?"
)
_HOUR = re.compile(
    r"(?<![\d:.])(\d{1,2})(?=\s*(?:[ap]\.?\s?m\b|uhr\b|(?:时|時|点|點|시)|(?:h|ч|год)\b))", re.IGNORECASE
)
_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{2,4}\s+\d{1,2}:\d\d(?!.*[ap]\.?\s?m\b)", re.IGNORECASE
)
# The format of C and Java: the year comes last.
_YEAR_LAST = re.compile(
    r"[A-Za-z]{3,9},?\s+([A-Za-z]{3,9})\s+(\d{1,2})\s+(\d{1,2}:\d\d(?::\d\d)?)(\s+[A-Za-z]{1,5}|\s+[+-]\d{4})?\s+(\d{4})"
)
_URL_DAY = re.compile(r"/((?:19|20)\d\d)[/-]?(0[1-9]|1[0-2])[/-]?(0[1-9]|[12]\d|3[01])(?=[/_-]|\b)")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?=T|\s|$)(.*)", re.DOTALL)
# Vowel signs are parts of words, though \w does not say so.
_SIGNS = (
    r"\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0670\u0900-\u0963\u0981-\u0dff\u0e30-\u0e4e\u0eb0-\u0ecd"
    r"\u1000-\u109f\u1780-\u17d3"
)
_LETTERS = rf"[^\W\d_](?:[^\W\d_]|[{_SIGNS}])*"
_TOKEN = re.compile(rf"\d+|{_LETTERS}(?:['’׳`]{_LETTERS})*[׳']?|[^\w\s]")
_MARKS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
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
    ]
)
_ORDINALS = frozenset(["st", "nd", "rd", "th", "er", "º", "ª", "ste", "e", "ème", "го", "е", "й", "ші", "нші"])


def parse_date(claim: str, context: DateContext = NO_CONTEXT) -> datetime | None:
    """A claimed time in UTC; None if it can't be read."""
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
                    return Reading(_utc(found.moment), found.guessed)
            except (ValueError, OverflowError, TypeError, IndexError):
                # Years that do not exist, zones of more than a day: another reader may still make sense of it.
                continue
    if context.base is not None and len(text) >= 3:
        try:
            return _without_year(text, context) or _relative(text, context)
        except (ValueError, OverflowError):
            return None
    return None


def date_context(url: str, language: str | None, fetched_at: datetime | None) -> DateContext:
    """The context of a page or feed item: its country is told by the end of its host."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    end = host.rpartition(".")[2]
    return DateContext(language, end if len(end) == 2 and end.isalpha() else None, fetched_at)


def url_day(url: str) -> datetime | None:
    """The day in an address such as ``/2024/05/31/``, as midnight UTC; None if there is none."""
    found = _URL_DAY.search(url)
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC) if found else None
    except ValueError:
        return None


def choose_date(
    claims: Iterable[str | datetime | Reading | None], fetched_at: datetime, context: DateContext = NO_CONTEXT
) -> tuple[datetime | None, Flag | None]:
    """Choose the first sound claim, or else the first readable one, and its flag.

    Flags: None (sound), ``missing`` (no claim could be read), ``guessed``, ``future`` (over 24 h after ``fetched_at``),
    ``ancient`` (before 1990). A flagged time is returned too, to be shown.
    """
    doubtful: list[tuple[datetime, Flag]] = []
    for claim in claims:
        found = (
            read_date(claim, context)
            if isinstance(claim, str)
            else Reading(claim)
            if isinstance(claim, datetime)
            else claim
        )
        if found is None:
            continue
        flag = flag_of(found, fetched_at)
        if flag is None:
            return found.moment, None
        doubtful.append((found.moment, flag))
    return next((one for one in doubtful if one[1] == "guessed"), doubtful[0]) if doubtful else (None, "missing")


def flag_of(reading: Reading, fetched_at: datetime) -> Flag | None:
    """What is doubtful about a claim; None if nothing is."""
    if reading.moment < ANCIENT_BEFORE:
        return "ancient"
    # Subtracting cannot overflow, as adding the margin to the last day of year 9999 would.
    if reading.moment - _utc(fetched_at) > FUTURE_MARGIN:
        return "future"
    return "guessed" if reading.guessed else None


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _iso(text: str, _: DateContext) -> Reading | None:
    # "20240503" alone would be ISO too, but so would any eight digits: those are left to the epoch reader.
    if "-" not in text and "T" not in text:
        return None
    if (found := _ISO.match(text)) and not 1800 <= int(found[1]) <= 2200:
        day = gregorian(int(found[1]), int(found[2]), int(found[3]))
        if day is not None:  # a Jalali, Islamic or Buddhist year in ISO's dress
            text = day.isoformat() + found[4]
    return Reading(datetime.fromisoformat(text))


def _epoch(text: str, _: DateContext) -> Reading | None:
    if not re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):
        return None
    seconds = float(text) if len(text.partition(".")[0]) < 12 else int(text) / 1000
    return Reading(datetime.fromtimestamp(seconds, UTC))


def _rfc822(text: str, context: DateContext) -> Reading | None:
    if found := _YEAR_LAST.fullmatch(text):
        text = f"{found[2]} {found[1][:3]} {found[5]} {found[3]}{found[4] or ''}"
    if not _RFC822.match(text):
        return None
    # The reader takes unknown zones for UTC and "+03" for three minutes: zones are read here.
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
        Reading(moment.replace(tzinfo=UTC))
        if zone is None
        else Reading(zone.applied(moment.replace(tzinfo=None)), zone.guessed)
    )


def _written(text: str, context: DateContext) -> Reading | None:
    day = _day_in(text, context)
    return None if day is None else _with_time(text, day, context)


class _Day(NamedTuple):
    """A day, and where in the text it stands."""

    date: date
    begin: int
    end: int
    guessed: bool = False


def _day_in(text: str, context: DateContext) -> _Day | None:
    if (found := _YEAR_FIRST.search(text)) and is_news_year(int(found[1])):
        day = gregorian(int(found[1]), int(found[2]), int(found[3]))
        return None if day is None else _Day(day, *found.span())
    if (found := _DAY_FIRST.search(text)) and is_news_year(int(found[4])):
        return _day_of_numbers(found, context)
    return _day_of_words(text, context)


def _day_of_numbers(found: re.Match[str], context: DateContext) -> _Day | None:
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    ways = [(second, first), (first, second)]  # month, day
    if found[2] == ".":
        ways = ways[:1]
    days = [one for month, number in ways if (one := gregorian(year, month, number)) is not None]
    if not days:
        return None
    if len(set(days)) == 1:
        return _Day(days[0], *found.span())
    # Only English has both orders; which one the outlet has, its country may tell.
    if context.country in ("us", "ph") or (context.language == "en" and context.country is None):
        if context.country is None:
            early = [one for one in days if context.base is not None and one <= context.base.date() + FUTURE_MARGIN]
            return _Day(early[0], *found.span(), guessed=True) if len(early) == 1 else None
        return _Day(days[1], *found.span())
    return _Day(days[0], *found.span()) if context.language or context.country else None


class _Token(NamedTuple):
    text: str
    begin: int
    end: int


def _day_of_words(text: str, context: DateContext, *, yearless: bool = False) -> _Day | None:
    """A day whose month is a word, with the day before or behind it, and the year behind both or in front."""
    tokens = [_Token(found[0], *found.span()) for found in _TOKEN.finditer(text)]
    for place, token in enumerate(tokens):
        if token.text.isdigit() or not token.text[0].isalpha():
            continue
        month, behind = _month_at(tokens, place, context)
        if month is None:
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
                return _Day(guess, tokens[min(places)].begin, tokens[max(places)].end, guessed=True)
            continue
        day = gregorian(year, month.number, numbers[1], month.calendar)
        if day is not None:
            return _Day(day, tokens[min([place, *places])].begin, tokens[max([behind - 1, *places])].end)
    return None


def _month_at(tokens: list[_Token], place: int, context: DateContext) -> tuple[Month | None, int]:
    """The month named at ``place`` by as many words as possible, and the place behind it."""
    if not 0 <= place < len(tokens) or not tokens[place].text[0].isalpha():
        return None, place
    for count in range(MAX_NAME_WORDS, 0, -1):
        part = tokens[place : place + count]
        if len(part) == count:
            words = " ".join(token.text for token in part)
            if not all(token.text[0].isalnum() or token.text in "-'’." for token in part):
                continue
            if (month := month_of(words, context.language)) is not None:
                # "3 May 4": a number belongs to the name only where the name is not one without it.
                shorter = " ".join(token.text for token in part[:-1])
                if count > 1 and not part[-1].text[0].isalpha() and month_of(shorter, context.language):
                    continue
                return month, place + count
    return None, place


def _skipped(tokens: list[_Token], place: int) -> int:
    while place < len(tokens) and tokens[place].text in ("/", "(", "-", "–"):
        place += 1
    return place


def _number(tokens: list[_Token], place: int, step: int, reach: int) -> list[tuple[int, int]]:
    """Numbers beside a month, with their places: over points, commas and small words, but over nothing else."""
    found: list[tuple[int, int]] = []
    for _ in range(reach + 4):
        if not 0 <= place < len(tokens) or len(found) == 2:
            break
        text = tokens[place].text
        if text.isdigit():
            if len(text) > 4:
                break
            # The hour of a time is no day.
            if place + 1 < len(tokens) and tokens[place + 1].text == ":" and len(text) <= 2:
                break
            if place and tokens[place - 1].text == ":" and len(text) <= 2:
                break
            found.append((int(text), place))
        elif (
            text not in (".", ",", "/", "-", "،", ")", "(", "’", "'", "年", "年")
            and key(text) not in _FILLERS
            and text.lower() not in _ORDINALS
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
    """The latest such day that is not after ``base``; only years of the Gregorian calendar are tried."""
    if month.calendar != "gregorian":
        return None
    for year in (base.year + 1, base.year, base.year - 1):
        found = gregorian(year, month.number, day)
        if found is not None and found <= (base + FUTURE_MARGIN).date():
            return found
    return None


def _with_time(text: str, day: _Day, context: DateContext) -> Reading:
    """The day with the time of day that stands beside it, or else its midnight."""
    after, before = text[day.end :], text[: day.begin]
    for part in (after, before):
        time = _TIME.search(part) or _HOUR.search(part)
        if time is None:
            continue
        hour, minute, second = int(time[1]), 0, 0
        if time.re is _TIME:
            minute, second = int(time[2]), int(time[3] or 0)
        tail, head = part[time.end() :], part[: time.start()]
        mark = _mark(tail, head)
        midnight = datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC)
        moment = midnight.replace(hour=hour_of(hour, mark), minute=minute, second=second)
        zone = zone_in(tail, context.places)
        placed = _placed(moment, zone)
        return Reading(placed.moment, placed.guessed or day.guessed)
    return Reading(datetime(day.date.year, day.date.month, day.date.day, tzinfo=UTC), day.guessed)


_NEAR_CHARS = 24


def _mark(tail: str, head: str) -> Mark | None:
    """The mark of the half of the day, directly behind the time or else directly before it."""
    words = key(tail[:_NEAR_CHARS]).split()
    marks = day_marks()
    for count in range(min(3, len(words)), 0, -1):
        if (mark := marks.get(" ".join(words[:count]))) is not None:
            return mark
    words = key(head[-_NEAR_CHARS:]).split()
    for count in range(min(3, len(words)), 0, -1):
        if (mark := marks.get(" ".join(words[-count:]))) is not None:
            return mark
    # "下午3:47": the mark may be the end of a run of characters.
    last = words[-1] if words else ""
    return next((marks[last[-size:]] for size in (3, 2) if not last.isascii() and last[-size:] in marks), None)


def _without_year(text: str, context: DateContext) -> Reading | None:
    """A day and month without a year: the latest one before the page was fetched."""
    if not any(char.isdigit() for char in text) or re.search(r"\d{4}", text):
        return None
    day = _day_of_words(text, context, yearless=True)
    return None if day is None else _with_time(text, day, context)


_RELATIVE_CHARS = 60


def _relative(text: str, context: DateContext) -> Reading | None:
    """What was "3 hours ago", "yesterday, 15:47", "قبل ساعتين": read by dateparser, against the base."""
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

    # Only relative expressions: the rest is read above, and dateparser would complete it from the base.
    settings = {"PARSERS": ["relative-time"], "TIMEZONE": "UTC", "TO_TIMEZONE": "UTC", "RELATIVE_BASE": base}
    try:
        found = DateDataParser(languages=[language], settings=settings).get_date_data(text)
    except ValueError:  # a language that it doesn't have
        return None
    moment: datetime | None = found.date_obj if found is not None and found.period in ("day", "time") else None
    return moment.replace(tzinfo=None) if moment is not None else None
