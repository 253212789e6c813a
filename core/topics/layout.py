"""The parts of an article that scores are based on: title, lead, passages of the body, and their sentences. Pure.

The lead consists of whole sentences up to the 60th word. The body is split into paragraphs, long ones after the
sentence that reaches 80 words. If the title is missing, or only repeats the beginning of the text (a feed that cuts it
off), the first sentence is used in its place.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.query import Document

LEAD_WORDS = 60
PASSAGE_WORDS = 80

# A run of marks is tried once, at its beginning, and never in parts: a page of 40,000 dots must not take quadratic
# time.
_SENTENCE_END = re.compile(r"(?<![.!?؟۔…])[.!?؟۔…]++[\"'”’»)]*+\s+|[。！？]+[”」』）]*|\n+")
_CUT_MARKS = "….·[]()-–—:;, \t\n\u200f\u200e"


class Passage(NamedTuple):
    """A stretch of the text in code points. ``kind`` is "lead" or "body"; ``place`` is that of its first word."""

    kind: str
    start: int
    end: int
    place: int


class Layout(NamedTuple):
    """The parts of an article. Sentences are numbered from 1 in text order; number 0 is the title.

    ``sentences``: the first place of each; ``passages`` is never empty, and the first is the lead. ``lead``: the number
    of its sentences. ``words``: the number of words of the body; two characters of an unspaced script count as one.
    """

    titled: bool
    passages: tuple[Passage, ...]
    sentences: tuple[int, ...]
    lead: int
    words: int

    def sentence(self, place: int) -> int:
        """The number of the sentence with this place of the text."""
        return max(bisect_right(self.sentences, place), 1)

    def passage_places(self) -> list[int]:
        """The first place of each passage."""
        return [passage.place for passage in self.passages]


def layout_of(title: str, text: str, document: Document) -> Layout:
    """Split an article; ``document`` has its title and text."""
    starts = document.fields[0].starts
    covered = sum(document.fields[0].ends) - sum(starts)
    # If places are single characters (Chinese …), two of them are about a word.
    per_word = 2 if starts and covered < 1.5 * len(starts) else 1
    passages: list[Passage] = []
    sentences: list[int] = []
    kind, begin, first, sentence, lead = "lead", 0, 0, 0, 0
    for end in _breaks(text, starts, PASSAGE_WORDS * per_word):
        place = bisect_left(starts, end)
        if place > sentence:
            sentences.append(sentence)
            sentence = place
        words = (place - first) / per_word
        paragraph_ends = "\n" in text[max(0, end - 4) : end] or end == len(text)
        enough = words >= LEAD_WORDS or end == len(text) if kind == "lead" else words >= PASSAGE_WORDS or paragraph_ends
        if not enough:
            continue
        if place > first or kind == "lead":
            passages.append(Passage(kind, begin, end, first))
        if kind == "lead":
            kind, lead = "body", len(sentences)
        begin, first = end, place
    in_body = len(starts) - (passages[1].place if len(passages) > 1 else len(starts))
    return Layout(says_more(title, text), tuple(passages), tuple(sentences), lead, in_body // per_word)


def says_more(title: str, text: str) -> bool:
    """Whether there is a title, and it is more than the cut-off beginning of the text."""
    shown = title.strip().rstrip(_CUT_MARKS)
    return bool(shown) and text.lstrip()[: len(shown)].casefold() != shown.casefold()


def _breaks(text: str, starts: Sequence[int], most: int) -> Iterable[int]:
    """Where a passage can end: after each sentence and line, at the end, and within a sentence of more than ``most`` places."""
    begin = 0
    for end in (*(found.end() for found in _SENTENCE_END.finditer(text)), len(text)):
        place, last = bisect_left(starts, begin), bisect_left(starts, end)
        while last - place > most:
            place += most
            yield starts[place]
        if end > begin or end == len(text):
            yield end
        begin = end
