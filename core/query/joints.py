"""Marks inside words: what counts as one word although it contains an apostrophe, a Hebrew sign or a half-space.

A *run* consists of letters with such marks between them, and becomes one or more places:

- clitics are words of their own: ``l'Iran``, ``Iran's``, ``we'll`` (``shed`` does not find ``she'd``, ``lair`` not ``l'air``);
- ``don't`` is one word, and so are Cyrillic words (``зв'язок``), which are found only as a whole;
- any other run is one word, found by its letters without the marks (``Sana'a`` is ``sanaa``, ``צה"ל`` is ``צהל``, Persian
  ``آتش‌بس`` is ``آتشبس``) and by each of its pieces of two letters or more (``Türkiye'de`` by ``türkiye``).

Documents and queries use the same rule. A run of more than ``MOST_PIECES`` pieces is split at each mark.
"""

from __future__ import annotations

from typing import NamedTuple

import regex  # type: ignore[import-untyped]

from core.query.folding import APOSTROPHES, INVISIBLE, fold

MOST_PIECES = 4
HEBREW = r"\u05d0-\u05ea"
HALF_SPACE = "\u200c"
_QUOTES = '"“”„\u05f4'
ARABIC = r"\u0621-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f"

_PROCLITICS_WORDS = """l d j c n s m t qu lorsqu puisqu jusqu un all dell nell dall sull coll gl quell quest bell"""
PROCLITICS = frozenset(_PROCLITICS_WORDS.split())
"""Elided words of Romance languages, which are elided only before a vowel: ``N'Djamena`` and ``M'hamed`` are names."""
ENCLITICS = frozenset(["s", "d", "ll", "re", "ve", "m"])


def joint_pattern(wild: str) -> str:
    """The regular expression for a mark inside a word; ``wild``: characters that also count as letters in a query."""
    before, after = rf"[\p{{L}}\p{{M}}{INVISIBLE}{wild}]", rf"[\p{{L}}{wild}]"
    hebrew = rf"(?<=[{HEBREW}])(?:[{_QUOTES}]|[{APOSTROPHES}]{{2}})(?=[{HEBREW}])"
    return rf"(?:(?<={before})[{APOSTROPHES}](?={after})|{hebrew})"


class Place(NamedTuple):
    """One word of a run: a stretch of it, and its pieces if it has several that are words in their own right."""

    start: int
    end: int
    pieces: tuple[str, ...] = ()


_JOINT = regex.compile(joint_pattern("*?"))
_UNSEEN = regex.compile(rf"(?<=[{ARABIC}])[{INVISIBLE}]++(?=[{ARABIC}*?])")
_CYRILLIC = regex.compile(r"\p{Cyrillic}")
_VOWELS = frozenset("aeiouy")
_ANY = regex.compile(rf"[{APOSTROPHES}{_QUOTES}{HALF_SPACE}]")


def has_marks(run: str) -> bool:
    """Whether ``run`` contains a mark that may divide it."""
    return _ANY.search(run) is not None


def places_of(run: str) -> list[Place]:
    """The places of a run of letters and marks, ascending: at least one."""
    spans = _spans(run, _JOINT)
    if len(spans) == 1:
        halves = _spans(run, _UNSEEN)
        pieces = tuple(run[start:end] for start, end in halves) if 1 < len(halves) <= MOST_PIECES else ()
        return [Place(0, len(run), pieces)]
    if len(spans) > MOST_PIECES:
        return [Place(*span) for span in spans]
    if all(_CYRILLIC.search(run[start:end]) for start, end in spans):
        return [Place(0, len(run))]
    words = [run[start:end].lower() for start, end in spans]
    # A wildcard behind an English genitive adds nothing.
    words[-1] = "s" if words[-1] == "s*" else words[-1]
    if words[-1].rstrip("*?") == "t" and words[-2].endswith("n"):
        negated = Place(spans[-2][0], spans[-1][1])
        return [*(Place(*span) for span in spans[:-2]), negated]
    first, last = 0, len(spans)
    while last - first > 1 and words[first] in PROCLITICS and _before_vowel(words[first + 1]):
        first += 1
    while last - first > 1 and words[last - 1] in ENCLITICS:
        last -= 1
    core = spans[first:last]
    inner = tuple(run[start:end] for start, end in core) if len(core) > 1 else ()
    found = [*(Place(*span) for span in spans[:first]), Place(core[0][0], core[-1][1], inner)]
    for index in range(last, len(spans)):
        start = spans[index][0]
        found.append(Place(start, start + len(words[index])))
    return found


def keys_of_pieces(pieces: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of a place with pieces: first all as one word, then each piece of two letters or more."""
    alone = (key for piece in pieces if len(key := fold(piece)) > 1)
    return tuple(dict.fromkeys((fold("".join(pieces)), *alone)))


def forms_of(word: str) -> tuple[str, ...]:
    """A word of a document and its pieces as written, which ``cs:`` and ``stem:`` compare."""
    if word.isalnum() or not has_marks(word):
        return (word,)
    places = places_of(word)
    return (word, *(piece for piece in places[0].pieces if len(fold(piece)) > 1)) if len(places) == 1 else (word,)


def _spans(run: str, marks: regex.Pattern[str]) -> list[tuple[int, int]]:
    spans, begin = [], 0
    for mark in marks.finditer(run):
        if marks is _UNSEEN and HALF_SPACE not in mark[0]:
            continue
        spans.append((begin, mark.start()))
        begin = mark.end()
    spans.append((begin, len(run)))
    return spans


def _before_vowel(word: str) -> bool:
    return fold(word)[:1] in _VOWELS
