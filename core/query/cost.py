"""Estimates the steps (``budget``) that a query takes, from its form: for an article of 1,000 words in which each word is as
frequent as words of its length usually are. docs/queries.md has the table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from core.query.ast import Exact, Prefix, Wild
from core.query.budget import MOST_STEPS
from core.query.chains import DEEPEST
from core.query.compiled import AllOf, AnyOf, Close, Compiled, Counted, NoneOf
from core.query.terms import CasedWord, Leaf, StemmedWord, WildLeaf, WordTest

WARNED_STEPS, REFUSED_STEPS = MOST_STEPS // 4, 5 * MOST_STEPS
"""Estimated steps (``estimated_steps``) from which a query gets a warning, and from which it can't be saved."""
WORDS = 1_000
"""Length in words of the article for which steps are estimated."""
_OFTEN = 20, 4
"""How often a word occurs in it, for words of up to three letters and for longer ones."""
_MOST_LISTED = 100
"""How many of its words are in a list of words without wildcards, however long the list is."""
_OFTEN_BEGUN = 60, 25, 10, 5
"""How many of its words begin with a prefix of one, two, three or more letters. Outside ASCII, a letter counts as two."""


def estimated_steps(node: Compiled, deviations: float = 0) -> int:
    """Estimated steps for deciding a query on an article of ``WORDS`` words.

    ``deviations``: 0 is the average over such articles; 2 is seldom exceeded. They differ by the pairs that a NEAR
    makes: the more words a chain has, and the more often the same one, the more their number depends on chance.
    """
    return round(_estimate(node, deviations).decide)


class _Estimate(NamedTuple):
    """Steps for deciding whether a node matches, for finding its places, and for following its ends in a chain (``chains``).

    ``hits``: the number of its places. They begin and end with words of ``begins`` and ``ends``, which have the number
    of each: a stretch from one to the other is found once, and the places of a word on both sides of a NEAR count once.
    ``span``: the most words that a place has. ``uneven``: for each word, how often a place has it, divided by the root of its
    number in the article; the root of the sum of squares is the relative standard deviation of the number of pairs.
    """

    decide: float
    find: float = 0
    hits: float = 0
    follow: float = 0
    begins: Mapping[Compiled, float] = {}
    ends: Mapping[Compiled, float] = {}
    span: int = 1
    uneven: Mapping[Compiled, float] = {}


def _estimate(node: Compiled, deviations: float) -> _Estimate:
    match node:
        case Close():
            return _estimate_near(node, deviations)
        case AnyOf(parts=parts):
            several = [_estimate(part, deviations) for part in parts]
            listed = sum(one.hits for part, one in zip(parts, several, strict=True) if _listed(part))
            others = sum(one.hits for part, one in zip(parts, several, strict=True) if not _listed(part))
            hits = min(WORDS, min(_MOST_LISTED, listed) + others)
            find = sum(one.find for one in several)
            follow = sum(one.follow for one in several) if node.depth else find + hits
            # Only some words of a long list occur in an article, whichever: it counts as one word.
            begins, ends = _either(*(one.begins for one in several)), _either(*(one.ends for one in several))
            if sum(begins.values()) > hits:
                begins = {node: hits}
            if sum(ends.values()) > hits:
                ends = {node: hits}
            span = max((one.span for one in several), default=1)
            every = sum(one.hits for one in several) or 1
            uneven = _sums(*((one.uneven, one.hits / every) for one in several))
            return _Estimate(sum(one.decide for one in several), find, hits, follow, begins, ends, span, uneven)
        case AllOf(parts=parts):
            return _Estimate(sum(_estimate(part, deviations).decide for part in parts))
        case NoneOf(part=part):
            return _Estimate(_estimate(part, deviations).decide)
        case Counted(part=part):
            return _Estimate(_estimate(part, deviations).find)
        case Leaf():
            return _estimate_leaf(node)
    return _Estimate(0)


def _estimate_near(node: Close, deviations: float) -> _Estimate:
    """The estimate for two sides. Pairs count only if they are made: in ATLEAST, or in a chain that is too deep to follow."""
    one, other = _estimate(node.left, deviations), _estimate(node.right, deviations)
    reach = min(1.0, (1 if node.ordered else 2) * (node.distance + 1) / WORDS)
    begins, ends = one.begins, other.ends
    if not node.ordered:
        begins, ends = _either(begins, other.begins), _either(ends, one.ends)
    span = one.span + node.distance + other.span
    stretches = min(WORDS, sum(begins.values())) * min(WORDS, sum(ends.values())) * min(0.5, span / WORDS)
    uneven = _sums((one.uneven, 1), (other.uneven, 1))
    pairs = one.hits * other.hits * reach
    hits = min(pairs, stretches)
    both = one.find + one.hits + other.find + other.hits
    find = both + pairs * (1 + deviations * math.hypot(*uneven.values()))
    # Each order of the sides is followed separately, so this doubles with each NEAR around another.
    follow = (1 if node.ordered else 2) * (one.follow + other.follow) if node.depth <= DEEPEST else find + hits
    here = follow if 1 < node.depth <= DEEPEST else both
    return _Estimate(one.decide + other.decide + here, find, hits, follow, begins, ends, span, uneven)


def _sums(*sides: tuple[Mapping[Compiled, float], float]) -> Mapping[Compiled, float]:
    """For each word the sum of its values on all sides, each multiplied by the weight of its side."""
    sums: dict[Compiled, float] = {}
    for side, weight in sides:
        for word, value in side.items():
            sums[word] = sums.get(word, 0) + weight * value
    return sums


def _either(*sides: Mapping[Compiled, float]) -> Mapping[Compiled, float]:
    """The words of all sides; leaves are shared, so one that is on several sides occurs once."""
    return {word: hits for side in sides for word, hits in side.items()}


def _listed(node: Compiled) -> bool:
    """Whether it is a word or phrase without wildcards; of a long list of these, few occur in one article."""
    return isinstance(node, Leaf) and not any(isinstance(word, Prefix | Wild) for _, word in node.words)


def _estimate_leaf(leaf: Leaf) -> _Estimate:
    words = [_often(word) for _, word in leaf.words]
    hits = min(words) / len(words)
    if leaf.scope not in (None, "body"):
        hits = min(hits, 2)
    if leaf.lead:
        hits *= min(1.0, leaf.lead / WORDS)
    compared = sum(words) if isinstance(leaf, WildLeaf) else 0
    uneven: dict[Compiled, float] = {leaf: 1 / math.sqrt(max(1.0, hits))}
    return _Estimate(compared, compared, hits, compared + hits, {leaf: hits}, {leaf: hits}, len(words), uneven)


def _often(word: WordTest) -> float:
    """How often such a word occurs in an article of 1,000 words."""
    match word:
        case CasedWord(pattern=pattern):
            return _often(pattern)
        case Exact(key=key) | StemmedWord(key=key):
            return _OFTEN[0] if key.isascii() and len(key) <= 3 else _OFTEN[1]
        case Prefix(key=literal):
            pass
        case Wild(pattern=pattern):
            literal = re.split(r"[*?]", pattern, maxsplit=1)[0]
    letters = len(literal) if literal.isascii() else 2 * len(literal)
    return _OFTEN_BEGUN[min(letters, len(_OFTEN_BEGUN)) - 1]
