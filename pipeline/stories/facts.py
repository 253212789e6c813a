"""What a text tells that a later one may tell anew: figures, quotes, corrections and retractions. Pure.

Figures are those of the title and the lead, where an article says what its news is; quotes those of its first 20,000
characters. What a figure is says ``figures``. A quote is the runs of four words in it, so that a shorter or slightly
different wording of a known one is not new.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence

import msgspec

from pipeline.stories.figures import figures_in
from pipeline.stories.notices import Notice, notices_of
from pipeline.text.difference import Change, settled, words_of
from pipeline.text.fingerprint import is_unspaced

LEAD_WORDS = 90
LEAD_CHARS_UNSPACED = 250
QUOTED_CHARS = 20_000
MIN_QUOTE_WORDS, MIN_QUOTE_CHARS_UNSPACED = 5, 12
MOST_QUOTE_CHARS = 1_200
MOST_QUOTES = 40
MOST_FIGURES = 40
SHOWN_CHARS = 240
_AROUND_CHANGE = 60

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


def facts_of(title: str, text: str, *, language: str | None = None, changes: Sequence[Change] = ()) -> Facts:
    """The facts of an article in ``language``. ``changes``: what an edit changed, whose figures count wherever they stand."""
    body = settled(text)
    figures: dict[int, Figure] = {}
    for part in (title, _lead(body)):
        for one in figures_in(part, language):
            figures.setdefault(one.key, Figure(one.key, _around(part, one.start, one.end)))
    for start, end in _changed(body, changes):
        # A figure that was changed in part is whole in the text, not in the words of the change.
        low, high = max(0, start - _AROUND_CHANGE), min(len(body), end + _AROUND_CHANGE)
        for one in figures_in(body[low:high], language):
            if one.end + low > start and one.start + low < end:
                figures.setdefault(one.key, Figure(one.key, _around(body, one.start + low, one.end + low)))
    return Facts(
        tuple(figures.values())[:MOST_FIGURES],
        tuple(_quotes(text[:QUOTED_CHARS]))[:MOST_QUOTES],
        notices_of(title, text),
    )


def _changed(body: str, changes: Sequence[Change]) -> Iterator[tuple[int, int]]:
    """Where in the new text its changed words are, in code points."""
    wanted = [(one.at, len(one.after.split(" "))) for one in changes if one.field == "text" and one.after]
    if not wanted:
        return
    places: list[tuple[int, int]] = []
    at = 0
    for word in words_of(body):
        at = body.find(word, at)
        if at < 0:
            return  # a letter that was composed: the lead must do
        places.append((at, at + len(word)))
        at += len(word)
    for first, count in wanted:
        if first + count <= len(places):
            yield places[first][0], places[first + count - 1][1]


def _lead(text: str) -> str:
    if is_unspaced(text[:500]):
        return text[:LEAD_CHARS_UNSPACED]
    words = text[: LEAD_WORDS * 30].split()[:LEAD_WORDS]
    return " ".join(words)


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
