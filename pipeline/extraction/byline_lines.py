"""The authors in the short lines at the headline that begin, or end, as a byline does: "By …", "Автор: …", "… skrifar"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.package_data import package_toml
from pipeline.extraction.bylines import BEFORE, KOREAN, LABEL, MAX_BYLINE_CHARS, alternatives, clean_authors
from pipeline.extraction.names import is_agency, is_capitalised

_DATA = package_toml("pipeline.extraction", "names.toml")
_BEFORE_IN = {
    language: re.compile(rf"^(?:{alternatives(words)})\s+(?=\S)", re.IGNORECASE)
    for language, words in _DATA["before_in"].items()
}
_BEHIND = re.compile(rf"\s(?:{alternatives(_DATA['behind'])})$", re.IGNORECASE)
_BARS = re.compile(r"\s?[|•·●]\s?")
_LABEL_BEHIND = re.compile(rf"\s(?:{alternatives(_DATA['labels'] + '|' + _DATA['before'])})\s*[:：]", re.IGNORECASE)
# As outlets of Taiwan write: the reporter and, behind a stroke, from where he reports.
_TAIWANESE = re.compile("(?:^|\\s)(?:記者|记者)\\s?([\u3400-\u9fff]{2,3})\\s?[／/]")
_NOTE_BEFORE = re.compile(r"\d|\w[:：]")


def lines_as_bylines(lines: Iterable[str], language: str | None = None) -> tuple[str, ...]:
    """The names in the first line that begins as a byline does ("By …", "Автор: …"), or ends as one does ("… skrifar").

    ``language``: the page's, whose short words before a name ("De …", "Na …") count in that language alone.
    """
    own = _BEFORE_IN.get(language or "")
    for line in lines:
        if len(line) > MAX_BYLINE_CHARS:
            continue
        if own is not None and (begun := own.match(line)) and (named := _full_names(line[begun.end() :])):
            return named
        if (behind := _BEHIND.search(line)) is not None and (named := _full_names(line[: behind.start()])):
            return named
        if found := KOREAN.match(line):
            return (found[1],)
        # A row of notes: "2026-11-29 10:20 来源：… 记者：…"
        if (
            not LABEL.match(line)
            and (inner := _LABEL_BEHIND.search(line)) is not None
            and _NOTE_BEFORE.search(line, 0, inner.start())
        ):
            line = line[inner.start() :].strip()
        if (found := _TAIWANESE.search(line)) and not is_agency(found[1]):
            return (found[1],)
        begun = LABEL.match(line) or BEFORE.match(line)
        if begun and (found_names := clean_authors([line], shown=True)):
            return found_names
        # "29.11.2026, 11:45 Uhr | Von Ann Keel": a byline as a part of a row of notes.
        for bar in _BARS.finditer(line):
            rest = line[bar.end() :]
            if (LABEL.match(rest) or BEFORE.match(rest)) and (named := _full_names(rest)):
                return named
    return ()


def _full_names(line: str) -> tuple[str, ...]:
    """The names in a line; none if it has anything but full names."""
    named = clean_authors([line], shown=True)
    return named if all(" " in name and is_capitalised(name) for name in named) else ()
