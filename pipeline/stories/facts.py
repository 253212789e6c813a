"""What a text tells that a later one may tell anew: figures, quotes, corrections and retractions. Pure.

Figures are those of the title and the lead, where an article says what its news is; quotes those of its first 20,000
characters. A figure is its number (with a scale or unit: "3 million", "40%"), whatever stands around it; years, dates, clock
times and numbers glued to letters are none. A quote is the runs of four words in it, so that a shorter or slightly
different wording of a known one is not new.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from pipeline.stories.notices import Notice, notices_of
from pipeline.text.fingerprint import is_unspaced

LEAD_WORDS = 90
LEAD_CHARS_UNSPACED = 250
QUOTED_CHARS = 20_000
MIN_QUOTE_WORDS, MIN_QUOTE_CHARS_UNSPACED = 5, 12
MOST_QUOTE_CHARS = 1_200
MOST_QUOTES = 40
MOST_FIGURES = 40
SHOWN_CHARS = 240

_FIGURE = re.compile(
    r"(?<![\w.,:/\-–])(?P<money>[$€£¥₽₺₴])?\s?(?P<number>\d+(?:[.,\u00a0\u202f ]\d{3})*(?:[.,]\d+)?)"
    r"\s?(?P<scale>%|percent\b|per\s?cent\b|million\w*|billion\w*|bn\b|mn\b|млн\b|млрд\b|Mio\b|Mrd\b|Millionen\b|Milliarden\b"
    r"|milli(?:on|ard)s?\b|millones\b|milyon\b|milyar\b|миллион\w*|миллиард\w*|мільйон\w*|мільярд\w*|مليون|مليار|میلیون|میلیارد"
    r"|万|亿|億)?(?![\w]|[.,:/\-–]\d)",
    re.IGNORECASE,
)
_FIGURE_UNSPACED = re.compile(
    r"(?P<money>[$€£¥])?(?P<number>\d+(?:[.,]\d+)*)(?P<scale>%|万|亿|億)?(?![年月日時时点:\d])"
)
_MONTH = re.compile(
    r"\s*(?:de\s)?(?:jan|feb|f[ée]v|mar|m[äa]r|apr|avr|abr|may|ma[iy]|jun|juin|jul|juil|aug|ao[uû]t|ago|sep|o[ck]t|nov|de[cz]|d[ée]c|ene"
    r"|янв|фев|март|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек|січ|лют|бер|кві|тра|чер|лип|сер|вер|жов|лис|гру"
    r"|oca|şub|nis|haz|tem|ağu|eyl|eki|kas|ara|يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر"
    r"|ژانویه|فوریه|آوریل|ژوئن|ژوئیه|اوت|سپتامبر|اکتبر|نوامبر|دسامبر)",
    re.IGNORECASE,
)
_MONTH_BEFORE = re.compile(
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    r"|dec(?:ember)?)\.?\s$",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\s?(?:[ap]\.?m\b|h\b|uhr\b|gmt\b|utc\b|hours?\s+(?:gmt|local))", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_QUOTED = re.compile(
    r"“([^“”]{8,1200})”|«([^«»]{8,1200})»|„([^„“”]{8,1200})[“”]|「([^「」]{6,600})」|『([^『』]{6,600})』"
    r"|(?<!\w)\"([^\"\n]{8,1200})\"(?!\w)"
)
_WORD = re.compile(r"\w+")


class Figure(msgspec.Struct, frozen=True):
    """A number that the text gives. ``key`` tells it from others, ``text`` is it with the words around it."""

    key: int
    text: str


class Quote(msgspec.Struct, frozen=True):
    """What somebody is quoted as saying. ``keys`` are those of its runs of words."""

    keys: tuple[int, ...]
    text: str


class Facts(msgspec.Struct, frozen=True):
    """What one text tells, in reading order."""

    figures: tuple[Figure, ...] = ()
    quotes: tuple[Quote, ...] = ()
    notices: tuple[Notice, ...] = ()


def facts_of(title: str, text: str, *, reworded: Sequence[str] = ()) -> Facts:
    """The facts of an article. ``reworded``: stretches that an edit put in, whose figures count wherever they stand."""
    lead = _lead(text)
    figures: dict[int, Figure] = {}
    for part in (title, lead, *reworded):
        for figure in _figures(part):
            figures.setdefault(figure.key, figure)
    return Facts(
        tuple(figures.values())[:MOST_FIGURES],
        tuple(_quotes(text[:QUOTED_CHARS]))[:MOST_QUOTES],
        notices_of(title, text),
    )


def _lead(text: str) -> str:
    if is_unspaced(text[:500]):
        return text[:LEAD_CHARS_UNSPACED]
    words = text[: LEAD_WORDS * 30].split()[:LEAD_WORDS]
    return " ".join(words)


def _figures(text: str) -> Iterator[Figure]:
    pattern = _FIGURE_UNSPACED if is_unspaced(text) else _FIGURE
    for found in pattern.finditer(text):
        number, scale, money = found["number"], found["scale"] or "", found["money"] or ""
        digits = "".join(str(unicodedata.digit(char, "")) for char in number if char.isdigit())
        bare = not scale and not money
        if bare and (_YEAR.fullmatch(digits) and len(number) == 4):
            continue
        before, after = text[max(0, found.start() - 12) : found.start()], text[found.end() : found.end() + 14]
        if bare and (_MONTH.match(after) or _MONTH_BEFORE.search(before) or _CLOCK.match(after)):
            continue
        yield Figure(_key("#", money, _plain_number(number), _scale(scale)), _around(text, found.start(), found.end()))


def _plain_number(number: str) -> str:
    # 1,204 and 1.204 and 1 204 are one number; 3.5 and 3,5 are another.
    groups = re.split(r"[.,\u00a0\u202f ]", number)
    digits = ["".join(str(unicodedata.digit(char, "")) for char in group) for group in groups]
    if len(groups) > 1 and len(groups[-1]) != 3:
        return "".join(digits[:-1]) + "." + digits[-1]
    return "".join(digits)


def _scale(scale: str) -> str:
    folded = scale.casefold()
    if folded.startswith(("%", "per")):
        return "%"
    return folded[:3]


def _quotes(text: str) -> Iterator[Quote]:
    for found in _QUOTED.finditer(text):
        inner = next(group for group in found.groups() if group is not None)
        words = _WORD.findall(unicodedata.normalize("NFKC", inner).casefold())
        if is_unspaced(inner):
            letters = "".join(words)
            if len(letters) >= MIN_QUOTE_CHARS_UNSPACED:
                yield Quote(tuple(_key('"', letters[at : at + 6]) for at in range(0, len(letters) - 5, 3)), _cut(inner))
        elif len(words) >= MIN_QUOTE_WORDS:
            runs = (words[at : at + 4] for at in range(len(words) - 3))
            yield Quote(tuple(_key('"', *run) for run in runs), _cut(inner))


def _key(*parts: str) -> int:
    return zlib.crc32("\0".join(parts).encode("utf-8", "surrogatepass"))


def _around(text: str, start: int, end: int) -> str:
    """The figure with a few words on either side."""
    low = max(0, start - 30)
    low = 0 if low == 0 else text.find(" ", low, start) + 1 or low
    high = min(len(text), end + 40)
    high = high if high == len(text) else max(text.rfind(" ", end, high), end)
    return " ".join(text[low:high].split())


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    if len(plain) <= SHOWN_CHARS:
        return plain
    return plain[: plain.rfind(" ", 0, SHOWN_CHARS) if " " in plain[:SHOWN_CHARS] else SHOWN_CHARS] + " …"
