"""How much a line is made of the words of calls to the reader: to subscribe, follow, share, write, read on. Pure.

Such a line stands between the paragraphs of an article and is about the page, its reader or its outlet. Each word, by its
first letters, has the logarithm of how much likelier it is in such a line than in an article's sentence, in hundredths; a word
that no call had counts as an article's. The mean over the line is its odds. Where words are not separated by spaces, pairs of
letters count instead. The weights in ``page_words.toml`` are whole numbers, fitted by ``python -m benchmarks.lines`` to the
lines in ``tests/quality/lines``; no phrase is compared.

A line within quotation marks is a quotation, and one that only asks a question may be an interview's: they are never
calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from core.package_data import package_toml
from pipeline.text.characters import folded

STEM = 5
"""So many letters of a word count."""
UNKNOWN = -100
"""The weight of a word that no call had, and the lowest weight."""

MAX_CALL_CHARS = 260
"""A longer line is a paragraph."""
SURE = 70
"""Odds that a line needs if it is also shown as something else than text."""
ENDING, _ASKING = 110, 50
"""Odds that a plain line needs, and only as the last one; how much less if it asks something and goes on. Elsewhere words alone
never suffice: news about apps, telecoms and newsletters has the words of calls."""
LEAST = 10
"""The lowest odds of a call, whatever else speaks for it."""
_ENOUGH_WORDS, _LEAST_WORDS, _FOR_A_MISSING_WORD = 6, 3, 30

_DRESSED = 20
"""Other evidence that counts for so much makes up for half of what few words lack."""

_QUOTED = re.compile(r"[\"“”„«»「」『』‹›]")
_ONLY_ASKS = re.compile(r"[^.!?。！？؟।]*[?？؟;]\W*")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_RUN = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED} ]+")
_PAIRS_FOR_A_WORD = 2


class PageOdds(NamedTuple):
    """``mean``: the odds in hundredths. ``words``: how many words count, two pairs of letters as one."""

    mean: int
    words: int


def page_odds(flat: str) -> PageOdds:
    """The odds that a line (``folded``) is a call to the reader and not an article's sentence."""
    stems = stems_of(flat)
    if not stems:
        return PageOdds(UNKNOWN, 0)
    get = _weights().get
    total = sum([get(stem, UNKNOWN) for stem in stems])
    words = len(stems) if flat.isascii() or not _HAS_UNSPACED.search(flat) else -(-len(stems) // _PAIRS_FOR_A_WORD)
    return PageOdds(total // len(stems), words)


def is_call(line: str, odds: PageOdds, eased: int = 0) -> bool:
    """Whether a line with these odds is a call. ``eased``: by how much other evidence lowers the odds that it needs."""
    for_missing = _FOR_A_MISSING_WORD // 2 if eased >= _DRESSED else _FOR_A_MISSING_WORD
    return (
        odds.mean >= LEAST
        and odds.words >= _LEAST_WORDS
        and odds.mean >= SURE + for_missing * max(0, _ENOUGH_WORDS - odds.words) - eased
        and len(line) <= MAX_CALL_CHARS
        and not _QUOTED.search(line)
        and not _ONLY_ASKS.fullmatch(line)
    )


def ends_as_call(line: str, odds: PageOdds | None = None) -> bool:
    """Whether a plain line, which is the last of a text that has others, is a call by its words."""
    odds = odds or page_odds(folded(line))
    asks = any(sign in line[:-1] for sign in "?？؟;")
    return is_call(line, odds, SURE - ENDING + (_ASKING if asks else 0))


def stems_of(flat: str) -> list[str]:
    """What is counted of a folded line: its words' first letters, and pairs of letters in runs without spaces."""
    if flat.isascii() or not _HAS_UNSPACED.search(flat):
        return [word[:STEM] for word in flat.split()]
    stems: list[str] = []
    for run in _RUN.findall(flat):
        if _HAS_UNSPACED.match(run):
            stems += [run[place : place + 2] for place in range(max(1, len(run) - 1))]
        else:
            stems.append(run[:STEM])
    return stems


@cache
def _weights() -> Mapping[str, int]:
    return {
        stem: int(weight)
        for weight, stems in package_toml("pipeline.text", "page_words.toml").items()
        for stem in stems.split()
    }
