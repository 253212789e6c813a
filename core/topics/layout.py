"""The parts of an article that scores are made of: title, lead, passages of the body, and the sentences in them. Pure.

The lead is whole sentences up to the 60th word; the body is cut into paragraphs, long ones after the sentence that reaches
80 words. A title that is missing, or that only repeats how the text begins (a feed that cuts it off), says nothing of its
own: the first sentence then stands for it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.query import Document

LEAD_WORDS = 60
PASSAGE_WORDS = 80

# A run of marks is tried once, at its beginning, and never in parts: a page of 40,000 dots must not cost their square.
_SENTENCE_END = re.compile(r"(?<![.!?؟۔…])[.!?؟۔…]++[\"'”’»)]*+\s+|[。！？]+[”」』）]*|\n+")
_CUT_MARKS = "….·[]()-–—:;, \t\n\u200f\u200e"


class Passage(NamedTuple):
    """A stretch of the text in code points, ``kind`` is "lead" or "body"; ``place`` is its first word."""

    kind: str
    start: int
    end: int
    place: int


class Layout(NamedTuple):
    """The parts of one article. Sentences are numbered from 1 in the order of the text; number 0 is the title.

    ``sentences``: the first place of each; ``passages`` never is empty, and the first is the lead. ``lead``: how many
    sentences are in it. ``words``: the number of words of the body, two characters of an unspaced script counting as one.
    """

    titled: bool
    passages: tuple[Passage, ...]
    sentences: tuple[int, ...]
    lead: int
    words: int

    def sentence(self, place: int) -> int:
        """The number of the sentence that holds this place of the text."""
        return max(bisect_right(self.sentences, place), 1)

    def passage_places(self) -> list[int]:
        """The first place of each passage."""
        return [passage.place for passage in self.passages]


def layout_of(title: str, text: str, document: Document) -> Layout:
    """Cut an article; ``document`` is that of its title and text."""
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
    """Whether a title is there and is more than the beginning of the text, cut off."""
    shown = title.strip().rstrip(_CUT_MARKS)
    return bool(shown) and text.lstrip()[: len(shown)].casefold() != shown.casefold()


def _breaks(text: str, starts: Sequence[int], most: int) -> Iterable[int]:
    """Where a passage may end: after each sentence and line, at the end, and within a sentence of more than ``most`` places."""
    begin = 0
    for end in (*(found.end() for found in _SENTENCE_END.finditer(text)), len(text)):
        place, last = bisect_left(starts, begin), bisect_left(starts, end)
        while last - place > most:
            place += most
            yield starts[place]
        if end > begin or end == len(text):
            yield end
        begin = end
