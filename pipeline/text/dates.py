"""Publishers' claims of when they published, as UTC times.

Only what a string says is used: nothing is filled in from today's date, and a date that can be read two ways (4/5/2024)
is not read. A claim without a time of day means midnight, one without a zone means UTC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

FUTURE_MARGIN = timedelta(hours=24)
ANCIENT_BEFORE = datetime(1990, 1, 1, tzinfo=UTC)
_MAX_CHARS = 80

_MONTH_NAMES = """
jan january januar januari janvier jän jänner enero ene gennaio gen janeiro stycznia ledna января янв січня ocak oca يناير
feb february februar februari février févr fév febrero febbraio fevereiro fev lutego února февраля фев лютого şubat şub فبراير
mar march märz mrz maart mars marzo março marca března марта мар березня mart مارس
apr april avril avr abril abr aprile kwietnia dubna апреля апр квітня nisan nis أبريل ابريل
may mai mei mayo maggio mag maio maja května мая травня mayıs مايو
jun june juni juin junio giugno giu junho czerwca června июня июн червня haziran haz يونيو
jul july juli juillet juil julio luglio lug julho lipca července июля июл липня temmuz tem يوليو
aug august augustus août agosto ago sierpnia srpna августа авг серпня ağustos ağu أغسطس اغسطس
sep sept september septembre septiembre settembre set setembro września září сентября сен вересня eylül eyl سبتمبر
oct october okt oktober octobre octubre ottobre ott outubro out października října октября окт жовтня ekim eki أكتوبر اكتوبر
nov november novembre noviembre novembro listopada listopadu ноября ноя листопада kasım kas نوفمبر
dec december dez dezember décembre déc diciembre dic dicembre dezembro grudnia prosince декабря дек грудня aralık ara ديسمبر
"""  # a line a month
_MONTHS = {
    name: number for number, names in enumerate(_MONTH_NAMES.strip().split("\n"), start=1) for name in names.split()
}

# Minutes east of UTC. Abbreviations that mean several zones (IST, BST as Bangladesh's) are left out but for the usual one.
_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "bst": 60, "west": 60, "cet": 60, "mez": 60, "cest": 120, "mesz": 120,
    "eet": 120, "sast": 120, "eest": 180, "msk": 180, "мск": 180, "trt": 180, "irst": 210, "pkt": 300, "wib": 420, "ict": 420,
    "hkt": 480, "sgt": 480, "awst": 480, "jst": 540, "kst": 540, "aest": 600, "aedt": 660, "nzst": 720, "nzdt": 780,
    "brt": -180, "art": -180, "ast": -240, "edt": -240, "est": -300, "cdt": -300, "cst": -360, "mdt": -360, "mst": -420,
    "pdt": -420, "pst": -480,
}  # fmt: skip

_YEAR_FIRST = re.compile(r"(?<!\d)((?:19|20)\d\d)\s*[-/.年년]\s*(\d{1,2})\s*[-/.月월]\s*(\d{1,2})(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})([./-])(\d{1,2})\2((?:19|20)\d\d)(?!\d)")
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|\.|º)?\s+(?:de\s+)?([^\W\d_]{3,12})\.?,?\s+(?:de\s+)?((?:19|20)\d\d)(?!\d)"
)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,12})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+((?:19|20)\d\d)(?!\d)")
_TIME = re.compile(
    r"(?<![\d:])(\d{1,2})(?::|h|\.(?=\d\d\b))(\d{2})(?::(\d{2}))?(?:[.,]\d+)?\s*([ap]\.?m\.?\b)?"
    r"\s*(?:\(?(?:utc|gmt)?\s*([+-]\d{1,2}:?\d{0,2})|\(?([^\W\d_]{1,4})\b)?"
)
_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}\s+[A-Za-z]{3,9}\s+\d{2,4}\s+\d{1,2}:\d\d(?!.*[ap]\.?m\b)", re.IGNORECASE
)
# The format of C and Java: the year comes last.
_YEAR_LAST = re.compile(
    r"[A-Za-z]{3,9},?\s+([A-Za-z]{3,9})\s+(\d{1,2})\s+(\d{1,2}:\d\d(?::\d\d)?)(\s+[A-Za-z]{1,5}|\s+[+-]\d{4})?\s+(\d{4})"
)
_URL_DAY = re.compile(r"/((?:19|20)\d\d)[/-]?(0[1-9]|1[0-2])[/-]?(0[1-9]|[12]\d|3[01])(?=[/_-]|\b)")


def parse_date(claim: str) -> datetime | None:
    """A claimed time (RFC 822, ISO 8601, epoch seconds or milliseconds, written out) in UTC; None if it can't be read."""
    text = " ".join(claim[: _MAX_CHARS * 2].split())[:_MAX_CHARS]
    if not any(char.isdigit() for char in text):
        return None
    text = "".join(char if char.isascii() else str(unicodedata.decimal(char, char)) for char in text)
    for reader in (_iso, _epoch, _rfc822, _written):
        try:
            moment = reader(text)
            if moment is not None:
                return _utc(moment)
        except (ValueError, OverflowError, TypeError, IndexError):
            # Years that do not exist, zones of more than a day: another reader may still make sense of it.
            continue
    return None


def url_day(url: str) -> datetime | None:
    """The day in an address such as ``/2024/05/31/``, as midnight UTC; None if there is none."""
    found = _URL_DAY.search(url)
    try:
        return datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC) if found else None
    except ValueError:
        return None


def choose_date(claims: Iterable[str | datetime | None], fetched_at: datetime) -> tuple[datetime | None, str | None]:
    """Choose the first sound claim, or else the first readable one, and its flag.

    Flags: None (sound), ``missing`` (no claim could be read), ``future`` (over 24 h after ``fetched_at``), ``ancient``
    (before 1990). A flagged time is returned too, to be shown.
    """
    doubtful: tuple[datetime | None, str | None] = (None, "missing")
    for claim in claims:
        moment = parse_date(claim) if isinstance(claim, str) else claim
        if moment is None:
            continue
        flag = _flag(moment, _utc(fetched_at))
        if flag is None:
            return moment, None
        if doubtful[0] is None:
            doubtful = (moment, flag)
    return doubtful


def _flag(moment: datetime, fetched_at: datetime) -> str | None:
    if moment < ANCIENT_BEFORE:
        return "ancient"
    # Subtracting cannot overflow, as adding the margin to the last day of year 9999 would.
    return "future" if moment - fetched_at > FUTURE_MARGIN else None


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _iso(text: str) -> datetime | None:
    # "20240503" alone would be ISO too, but so would any eight digits: those are left to the epoch reader.
    return datetime.fromisoformat(text) if "-" in text or "T" in text else None


def _epoch(text: str) -> datetime | None:
    if not re.fullmatch(r"\d{9,10}(?:\.\d+)?|\d{12,13}", text):
        return None
    seconds = float(text) if len(text.partition(".")[0]) < 12 else int(text) / 1000
    return datetime.fromtimestamp(seconds, UTC)


def _rfc822(text: str) -> datetime | None:
    if found := _YEAR_LAST.fullmatch(text):
        text = f"{found[2]} {found[1][:3]} {found[5]} {found[3]}{found[4] or ''}"
    if not _RFC822.match(text):
        return None
    moment = parsedate_to_datetime(text)
    # The reader takes an unknown zone for UTC; ours knows more names.
    name = text.rsplit(" ", 1)[-1].strip("()").lower()
    if moment.tzinfo is None and name in _ZONES:
        return moment.replace(tzinfo=timezone(timedelta(minutes=_ZONES[name])))
    return moment


def _written(text: str) -> datetime | None:
    lower = text.lower()
    found, day = _written_day(lower)
    if found is None:
        return None
    time = _TIME.search(lower, found.end()) or _TIME.search(lower[: found.start()])
    if time is None:
        return datetime(*day, tzinfo=UTC)
    hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
    if time[4]:
        hour = hour % 12 + (12 if time[4].startswith("p") else 0)
    offset = _ZONES.get(time[6] or "", 0)
    if time[5]:
        digits = time[5][1:].replace(":", "")
        hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
        offset = (hours * 60 + minutes) * (-1 if time[5][0] == "-" else 1)
    return datetime(*day, hour, minute, second, tzinfo=timezone(timedelta(minutes=offset)))


def _written_day(lower: str) -> tuple[re.Match[str] | None, tuple[int, int, int]]:
    """Find year, month and day in lower-case text."""
    if found := _YEAR_FIRST.search(lower):
        return found, (int(found[1]), int(found[2]), int(found[3]))
    if found := _DAY_FIRST.search(lower):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if found[2] == "." or first > 12:
            return found, (year, second, first)
        if second > 12 or first == second:
            return found, (year, first, second)
        return None, (0, 0, 0)
    if (found := _DAY_MONTH.search(lower)) and found[2] in _MONTHS:
        return found, (int(found[3]), _MONTHS[found[2]], int(found[1]))
    if (found := _MONTH_DAY.search(lower)) and found[1] in _MONTHS:
        return found, (int(found[3]), _MONTHS[found[1]], int(found[2]))
    return None, (0, 0, 0)
