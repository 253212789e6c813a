"""Names without a word such as "By" in the notes below a headline: "Liis Kask, reporter", "30 Nov 2026 Ann Keel, Reuters".

Such a name looks like that of a place or a section, and a date beside it doesn't show that it is neither. So a role, an
agency, an address or the outlet must say that it is who wrote. A name that the page's text mentions, or that its menu has,
is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pipeline.extraction.bylines import clean_authors, is_role
from pipeline.extraction.names import PARTICLES, has_unspaced, is_agency, is_capitalised, is_desk
from pipeline.text.calendars import is_month, month_of, weekday_of
from pipeline.text.dates import parse_date

_FIRST_LINES, _MAX_CHARS, _MAX_DATE_CHARS = 6, 120, 90
_NAME_WORDS, _UNCASED_WORDS, _MAX_UNCASED_CHARS = range(2, 5), range(2, 4), 26
_LEAST = 2  # words of a name, which may be a month's: Marta, April
_PARTS = re.compile(r"(?<!\s)\s*+[|•·●,;]\s*+|(?<!\s)\s++[/–—-]\s++")
_FIGURES = re.compile(
    r"[\d٠-٩۰-۹०-९০-৯]+(?:[\s.,:/年月日時时分秒년월일시분초-]*[\d٠-٩۰-۹०-९০-৯]+)*[年月日時时分秒년월일시분초]?(?:\s?(?:uhr|uur|hod|h|ч|год)\b\.?|\s?[ap]\.?m\b\.?)?",
    re.IGNORECASE,
)
_OF_THE_CLOCK = re.compile(
    r"\b(?:times?|tid|tijd|zeit|heure|hora|ora|czas\w*|vreme|врем\w*|час\w*|giờ|waktu|saat\w*)\b", re.IGNORECASE
)
_ADDRESS = re.compile(r"(?<!\s)\s*+[(<]?[\w.+-]{1,60}@[\w-]{1,40}\.[\w.]{2,30}[)>]?\s*+")
_FROM_THERE = re.compile(
    r"(?:de|da|do|du|from|in|aus|à|z|ze|w|v|ve|из|з|fra|från|van|uit|din|dal|a)\s[^\W\d_][\w’'-]*(?:\s[^\W\d_][\w’'-]*){0,2}"
)
_SIGNS = frozenset("|•·●/–—-")
_SENTENCE_END = (".", "!", "?", ":", "…", "”", "»", "।", "۔", "؟", "。")

Is = Callable[[str], bool]


def names_in_rows(lines: Sequence[str], is_outlet: Is, is_mentioned: Is) -> tuple[str, ...]:
    """The names in the first of the lines directly below the headline that names who wrote by its form."""
    lines = [line for line in lines[:_FIRST_LINES] if len(line) <= _MAX_CHARS]
    for place, line in enumerate(lines):
        names = _names_of(line, _beside_role(lines, place), is_outlet)
        if names and not any(map(is_mentioned, names)):
            return names
    return ()


def _beside_role(lines: Sequence[str], place: int) -> bool:
    """Whether a line beside this one is a role; a single word may stand between, from where they wrote."""
    for step in (-1, 1):
        at = place + step
        if 0 <= at < len(lines) and " " not in lines[at] and lines[at].isalpha():
            at += step
        if 0 <= at < len(lines) and is_role(lines[at]):
            return True
    return False


def _names_of(line: str, has_role: bool, is_outlet: Is) -> tuple[str, ...]:
    """The names in a line. ``has_role``: whether a role stands beside the line."""
    if line.endswith(_SENTENCE_END):
        return ()
    if _ADDRESS.search(line) is not None:
        line, has_role = _ADDRESS.sub(" ", line).strip(), True
    if _FIGURES.search(line) is None:
        names, wrote = _persons(line, is_outlet)
        return names if wrote or has_role else ()
    if not _is_date(line):
        return ()
    # The name stands beside the figures of the date; what a comma parts from them is a weekday or a place.
    pieces = _FIGURES.split(line)
    for place, part in enumerate(pieces):
        if (place < len(pieces) - 1 and part.endswith(", ")) or _OF_THE_CLOCK.search(part):
            continue
        names, wrote = _persons(_alone(part), is_outlet)
        if not (wrote or has_role):
            continue
        # Without capitals it may be a month or a half of the day, unless signs part it from the figures.
        if names and (all(map(_is_cased, names)) or _is_parted(part, first=not place, last=place == len(pieces) - 1)):
            return names
    return ()


def _is_parted(part: str, *, first: bool, last: bool) -> bool:
    words = part.strip()
    return (first or words[0] in _SIGNS) and (last or words[-1] in _SIGNS)


def _alone(part: str) -> str:
    """The part without its months and weekdays at either end, and the signs between it and a date."""
    words = part.strip(" ,;|•·●/–—-()").split()
    while len(words) > _LEAST and _is_of_a_date(words[-1].strip(".,")):
        words.pop()
    while len(words) > _LEAST and _is_of_a_date(words[0].strip(".,")):
        words.pop(0)
    return " ".join(words).strip(" ,;|•·●/–—-()")


def _is_of_a_date(word: str) -> bool:
    return not word or is_month(word) or weekday_of(word) is not None


def _persons(line: str, is_outlet: Is) -> tuple[tuple[str, ...], bool]:
    """The persons whom a row of parts names, and whether a role, an agency or the outlet behind them says that they wrote.

    None if any part is anything else, but for words behind them that say from where they wrote.
    """
    names: list[str] = []
    has_role = False
    for part in (one for one in _PARTS.split(line) if one):
        if names and (is_role(part) or is_agency(part) or is_outlet(part) or is_desk(part)):
            has_role = True
            continue
        listed = clean_authors([part], shown=True)
        persons = [name for name in listed if _is_full(name)]
        if persons and len(persons) == len(listed) and not has_role:
            names.extend(persons)
        elif not (names and (_is_one_word(part) or _FROM_THERE.fullmatch(part))):
            return (), False
    return tuple(names), has_role


def _is_one_word(part: str) -> bool:
    return " " not in part and (part[0].isupper() or not _is_cased(part))


def _is_cased(name: str) -> bool:
    return any(char.lower() != char.upper() and not "\u10d0" <= char <= "\u10ff" for char in name)


def _is_full(name: str) -> bool:
    words = name.split()
    if is_agency(name) or is_desk(name) or weekday_of(name) is not None or all(map(_is_of_a_date, words)):
        return False
    if not _is_cased(name):
        return (
            not has_unspaced(name)
            and month_of(name) is None
            and len(words) in _UNCASED_WORDS
            and len(name) <= _MAX_UNCASED_CHARS
        )
    return (
        len(words) in _NAME_WORDS
        and is_capitalised(name)
        and sum(word.lower() not in PARTICLES for word in words) > 1
        and not name.isupper()
    )


def _is_date(line: str) -> bool:
    return len(line) <= _MAX_DATE_CHARS and any(char.isdigit() for char in line) and parse_date(line) is not None
