"""Names without a word such as "By" in the notes below a headline: "Liis Kask, reporter", "30 Nov 2026 at 15:12 Ann Keel".

Such a name looks like that of a place or a section, so something beside it must say that it is who wrote: a role, an agency or
the outlet behind it, or the date of publication in the same row or directly above or below. A name that the page's text
mentions, or that its menu has, is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pipeline.extraction.bylines import clean_authors, is_role
from pipeline.extraction.names import PARTICLES, is_agency, is_capitalised, is_desk
from pipeline.text.calendars import is_month, weekday_of
from pipeline.text.dates import parse_date

_FIRST_LINES, _MAX_CHARS, _MAX_DATE_CHARS = 6, 120, 90
_NAME_WORDS = range(2, 5)
_PARTS = re.compile(r"\s*[|•·●,;]\s*|\s+[/–—-]\s+")
_DATE_SPAN = re.compile(r"\d(?:.*\d)?(?:\s?(?:uhr|uur|hod|h|ч|год)\b\.?|\s?[ap]\.?m\b\.?)?", re.IGNORECASE)
_OF_THE_CLOCK = re.compile(
    r"\b(?:times?|tid|tijd|zeit|heure|hora|ora|czas\w*|vreme|врем\w*|час\w*|giờ|waktu|saat\w*)\b", re.IGNORECASE
)

Is = Callable[[str], bool]


def names_in_rows(below: Sequence[str], is_outlet: Is, is_mentioned: Is) -> tuple[str, ...]:
    """The names in the first of the lines directly below the headline that names who wrote by its form."""
    lines = [line for line in below[:_FIRST_LINES] if len(line) <= _MAX_CHARS]
    for place, line in enumerate(lines):
        beside = [lines[at] for at in (place - 1, place + 1) if 0 <= at < len(lines)]
        names = _names_of(line, any(map(_is_date, beside)), is_outlet)
        if names and not any(map(is_mentioned, names)):
            return names
    return ()


def _names_of(line: str, dated: bool, is_outlet: Is) -> tuple[str, ...]:
    if line.endswith((".", "!", "?", ":", "…", "”", "»")):
        return ()
    if (span := _DATE_SPAN.search(line)) is not None:
        before, behind = line[: span.start()], line[span.end() :]
        if not _is_date(line):
            return ()
        # The name stands at either end of the row, beside the date; what a comma parts from it is a weekday or a place.
        for part in (behind, _without_month(before) if before[-2:] != ", " else ""):
            if not _OF_THE_CLOCK.search(part) and (names := _persons(_alone(part), is_outlet)[0]):
                return names
        return ()
    names, told = _persons(line, is_outlet)
    return names if told or dated else ()


def _without_month(part: str) -> str:
    words = part.split()
    while words and (is_month(words[-1].strip(".,")) or weekday_of(words[-1].strip(".,"))):
        words.pop()
    return " ".join(words)


def _alone(part: str) -> str:
    """The part without the small words and the signs between it and a date."""
    return part.strip(" ,;|•·●/–—-")


def _persons(line: str, is_outlet: Is) -> tuple[tuple[str, ...], bool]:
    """The persons whom a row of parts names, and whether a role, an agency or the outlet behind them says that they wrote.

    None if any part is anything else, but for one word behind them: from where they wrote.
    """
    names: list[str] = []
    told = False
    for part in (one for one in _PARTS.split(line) if one):
        if names and (is_role(part) or is_agency(part) or is_outlet(part) or is_desk(part)):
            told = True
            continue
        listed = clean_authors([part], shown=True)
        persons = [name for name in listed if _is_full(name)]
        if persons and len(persons) == len(listed) and not told:
            names.extend(persons)
        elif not (names and " " not in part and part[0].isupper()):
            return (), False
    return tuple(names), told


def _is_full(name: str) -> bool:
    words = name.split()
    return (
        len(words) in _NAME_WORDS
        and is_capitalised(name)
        and sum(word.lower() not in PARTICLES for word in words) > 1
        and not name.isupper()
        and not is_agency(name)
        and not is_desk(name)
        and weekday_of(name) is None
        and not all(weekday_of(word) or is_month(word) for word in words)
    )


def _is_date(line: str) -> bool:
    return len(line) <= _MAX_DATE_CHARS and any(char.isdigit() for char in line) and parse_date(line) is not None
