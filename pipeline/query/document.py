"""An article as the matcher sees it: title and text, cut into words once, with what was worked out kept for the next query.

Hits are *positional* (field, first and last place), not spans of characters: that is what distances, order and "first n
words" are about. Only what is reported becomes a ``Match``.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, KeysView

from pipeline.query.ast import Exact, Phrase, Prefix, Wild, WordPattern
from pipeline.query.words import scan
from pipeline.records.article import Match

FIELDS = ("text", "title")
"""Names of the fields, in the order in which matches are sorted (that of ``Match``)."""

_BITS = 32
_MASK = (1 << _BITS) - 1

Hits = tuple[int, ...]
"""Hits, rising and without repeats. One integer each, field before first before last place: sets and sorts of integers
cost a third of those of tuples, and there are a thousand hits a document."""


def hit(field: int, first: int, last: int) -> int:
    """The hit on places ``first`` to ``last`` (both in) of the field with this number."""
    return (field << _BITS | first) << _BITS | last


class _Field:
    """The words of one field."""

    def __init__(self, number: int, text: str) -> None:
        self.number, self.text = number, text
        self.starts, self.ends, self.postings = scan(text)


class Document:
    """Title and text of one article. Not for use by several threads at once: it keeps what it works out."""

    def __init__(self, title: str, text: str) -> None:
        self.fields = (_Field(0, text), _Field(1, title))
        in_text, in_title = self.fields[0].postings, self.fields[1].postings
        self._words = {**in_text, **in_title} if in_title else in_text
        self._sorted: list[str] | None = None
        self._matches: dict[int, Match] = {}
        self._hits: dict[str, Hits] = {}

    @property
    def words(self) -> KeysView[str]:
        """The keys of all words of all fields."""
        return self._words.keys()

    def exact_hits(self, key: str, width: int) -> Hits:
        """Hits of the word ``key``, which is ``width`` places wide."""
        if (known := self._hits.get(key)) is None:
            known = self._hits[key] = tuple(
                hit(field.number, place, place + width - 1)
                for field in self.fields
                for place in field.postings.get(key, ())
            )
        return known

    def pattern_hits(self, pattern: Prefix | Wild, name: str) -> Hits:
        """Hits of a word with wildcards. ``name`` is its name here, different from that of any other node."""
        return self._remember(name, lambda: self._find_pattern(pattern))

    def phrase_hits(self, phrase: Phrase, name: str) -> Hits:
        """Hits of a phrase: each within one field. ``name`` as for ``pattern_hits``."""
        return self._remember(name, lambda: self._find_phrase(phrase))

    def match_of(self, found: int) -> Match:
        """The stretch of the original field that a hit covers."""
        if (known := self._matches.get(found)) is None:
            field = self.fields[found >> 2 * _BITS]
            start, end = field.starts[found >> _BITS & _MASK], field.ends[found & _MASK]
            known = self._matches[found] = Match(FIELDS[field.number], start, end, field.text[start:end])
        return known

    def _remember(self, name: str, find: Callable[[], Iterable[int]]) -> Hits:
        if (known := self._hits.get(name)) is None:
            known = self._hits[name] = tuple(sorted(set(find())))
        return known

    def _keys(self, pattern: WordPattern) -> list[str]:
        """The words that fit ``pattern``."""
        match pattern:
            case Exact(key, _):
                return [key] if key in self._words else []
            case Prefix(key):
                return self._beginning(key)
            case Wild(text):
                fits = wild_regex(text).fullmatch
                return [word for word in self._beginning(re.split(r"[*?]", text, maxsplit=1)[0]) if fits(word)]

    def _beginning(self, prefix: str) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self._words)
        low = bisect_left(self._sorted, prefix)
        high = bisect_left(self._sorted, prefix + "\U0010ffff", low)
        return self._sorted[low:high]

    def _find_pattern(self, pattern: Prefix | Wild) -> Iterable[int]:
        keys = self._keys(pattern)
        for field in self.fields:
            for key in keys:
                for place in field.postings.get(key, ()):
                    yield hit(field.number, place, place)

    def _find_phrase(self, phrase: Phrase) -> Iterable[int]:
        wanted = [(offset, self._keys(pattern)) for offset, pattern in phrase.words]
        offset, pattern = phrase.words[-1]
        length = offset + (pattern.width if isinstance(pattern, Exact) else 1)
        for field in self.fields:
            starts: set[int] | None = None
            for offset, keys in wanted:
                here = {place - offset for key in keys for place in field.postings.get(key, ())}
                starts = here if starts is None else starts & here
                if not starts:
                    break
            for start in starts or ():
                yield hit(field.number, start, start + length - 1)


def wild_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern with ``*`` and ``?``, without backtracking into an earlier ``*``.

    Taking the first place where a piece fits is enough, since only the last piece is bound to the end; so the time is at
    most the word's length times the pattern's, whatever a hostile page puts into one word.
    """
    first, *pieces = (".".join(map(re.escape, piece.split("?"))) for piece in pattern.split("*"))
    if not pieces:
        return re.compile(first, re.DOTALL)
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[:-1])
    last = pieces[-1]
    return re.compile(f"{first}{middle}.*{last}", re.DOTALL)
