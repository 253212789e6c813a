"""Applies rules of topics to an article: where they match, and what that adds to the score. Pure, in integers.

The places of terms are kept as sets of sentences and of passages, each an integer with one bit per element. A rule
matches in the sentences that all its parts share.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import NamedTuple

from core.topics.definitions import Rule, lists_in
from core.topics.layout import Layout
from core.topics.terms import Hit

HUNDREDTHS = 100
BODY_PASSAGES = 4
"""Most passages of the body in which a rule counts."""
BODY_WORDS = 600
"""In a body with more words, what a rule adds per passage is reduced in proportion."""


class Spread(NamedTuple):
    """Where the terms of a list occur: bits of sentences and of passages. Bit 0 is the title in both."""

    sentences: int
    passages: int


class Holds(NamedTuple):
    """Where a rule matches: in the title, in the lead, and in how many passages of the body."""

    title: int
    lead: int
    body: int

    def __bool__(self) -> bool:
        return bool(self.title or self.lead or self.body)


class Parts(NamedTuple):
    """The parts of a rule as numbers of lists: one of each of ``all`` must occur, and none of ``none``."""

    all: tuple[tuple[int, ...], ...]
    none: tuple[int, ...]

    def possible(self, found: set[int]) -> bool:
        """Whether the rule may match in an article with terms of only these lists."""
        return all(any(number in found for number in part) for part in self.all)


def parts_of(written: Iterable[str], numbers: Mapping[str, int], none: Iterable[str] = ()) -> Parts:
    """The parts of a rule in a file (``definitions.Rule``); ``numbers``: list numbers by name."""
    return Parts(
        tuple(tuple(numbers[name] for name in lists_in((part,))) for part in written),
        tuple(numbers[name] for name in lists_in(none)),
    )


def spread_of(hits: Iterable[Hit], layout: Layout, passage_places: Sequence[int]) -> Spread:
    """The places of hits. In an article without a proper title, the first sentence is also the title."""
    sentences, passages = set[int](), set[int]()
    for field, first, _ in hits:
        if field:
            if layout.titled:
                sentences.add(0)
                passages.add(0)
            continue
        sentences.add(number := layout.sentence(first))
        passages.add(max(bisect_right(passage_places, first), 1))
        if number == 1 and not layout.titled:
            sentences.add(0)
            passages.add(0)
    return Spread(_bits(sentences), _bits(passages))


def holds(rule: Rule, parts: Parts, spreads: Mapping[int, Spread], layout: Layout) -> Holds:
    """Where a rule matches."""
    if rule.within == "article":
        return _in_article(parts, spreads)
    by_passage = rule.within == "passage"
    at = _shared(parts, {number: one.passages if by_passage else one.sentences for number, one in spreads.items()})
    if not at:
        return Holds(0, 0, 0)
    if by_passage:
        return Holds(at & 1, at >> 1 & 1, min((at >> 2).bit_count(), BODY_PASSAGES))
    lead = at >> 1 & ((1 << layout.lead) - 1)
    return Holds(at & 1, int(bool(lead)), _passages_with(at >> (layout.lead + 1), layout))


def _in_article(parts: Parts, spreads: Mapping[int, Spread]) -> Holds:
    met = {number: int(bool(spread.passages & 3)) | 2 * bool(spread.passages) for number, spread in spreads.items()}
    at = _shared(parts, met)
    return Holds(0, at & 1, at >> 1)


def _shared(parts: Parts, bits: Mapping[int, int]) -> int:
    at = reduce(and_, (reduce(or_, (bits.get(number, 0) for number in part)) for part in parts.all))
    for number in parts.none:
        at &= ~bits.get(number, 0)
    return at


def _passages_with(sentences: int, layout: Layout) -> int:
    """The number of body passages with one of these body sentences, up to the most that counts."""
    found = 0
    places = [passage.place for passage in layout.passages]
    while sentences and found < BODY_PASSAGES:
        number = (sentences & -sentences).bit_length() - 1
        found += 1
        # Continue with the first sentence of the next passage.
        passage = bisect_right(places, layout.sentences[layout.lead + number])
        if passage >= len(places):
            break
        following = layout.sentence(places[passage]) - 1 - layout.lead
        sentences = sentences >> following << following
    return found


def points(rule: Rule, where: Holds, words: int) -> int:
    """What a rule adds to the score, in hundredths; ``words``: number of words of the body."""
    title, lead, body = (round(weight * HUNDREDTHS) for weight in (rule.title, rule.lead, rule.body))
    found = title * where.title + lead * where.lead
    if rule.within == "article":
        return found + body * where.body
    # An integer quotient of the magnitude, so that it is the same for both signs and on every machine.
    damped = abs(body) * where.body * BODY_WORDS // max(BODY_WORDS, words)
    return found + (damped if body > 0 else -damped)


def _bits(numbers: set[int]) -> int:
    """The integer with these bits, in time proportional to the highest."""
    if not numbers:
        return 0
    found = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        found[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(found, "little")
