"""What a query asks of the inverted index: a query of the index that finds every match, and whether it finds nothing else.

Exact are words, phrases, wildcards, ``stem:``, ``cs:`` of plain words, fields, LEAD of words, AND, OR, NOT, and NEAR and
ATLEAST of plain words. The rest (NEAR of phrases, ATLEAST of wildcards …) is narrowed down as far as the index can, for the
exact matcher to finish.
A new construct of ``core.query.core`` needs a case here; what is unknown raises TypeError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import tantivy

from core.query.ast import Exact, Prefix, Wild
from core.query.core import AllOf, AnyOf, Close, Core, Count, Never, NoneOf
from core.query.leaves import CasedWord, Leaf, StemmedWord, Word, WordTest, query_stems
from core.search.combine import both, either, none
from core.search.counts import MOST_TIMES, at_least, counted_words
from core.search.schema import LONG, LONGEST, START, term_of

_TITLE_WEIGHT = 2.0
_MOST_PAIRS = 64
"""Pairs of words that one NEAR may be looked up for; above that only that both sides occur in one field."""
_LIST = 48
"""Words of an OR that are looked up one by one, so that they count for relevance; longer lists as one set."""
_TEXT = ("title", "text")


class Plan(NamedTuple):
    """``query`` finds every document that matches (None: it rules nothing out); with ``exact``, no other."""

    query: tantivy.Query | None
    exact: bool


EVERYTHING, ANYTHING = Plan(None, True), Plan(None, False)


class Planner:
    """Plans for one state of the index. ``cut_words``: some documents have words longer than terms may be."""

    def __init__(self, schema: tantivy.Schema, *, cut_words: bool) -> None:
        self._schema, self._cut_words = schema, cut_words

    def plan(self, node: Core) -> Plan:
        """The plan of what a query comes down to (``CompiledQuery.core``)."""
        match node:
            case Never():
                return Plan(tantivy.Query.empty_query(), True)
            case Leaf():
                return self._leaf(node)
            case AllOf(parts=parts):
                return self._all(parts)
            case AnyOf():
                return self._any(node)
            case NoneOf(part=part):
                inner = self.plan(part)
                if not inner.exact:
                    return ANYTHING
                return Plan(none(inner.query), True)
            case Close():
                return self._close(node)
            case Count():
                return self._count(node)
        raise TypeError(f"{type(node).__name__} has no plan")

    def _all(self, parts: Iterable[Core]) -> Plan:
        plans = [self.plan(part) for part in parts]
        return Plan(both(*(one.query for one in plans)), all(one.exact for one in plans))

    def _any(self, node: AnyOf) -> Plan:
        plans = []
        parts: Iterable[Core] = node.parts
        if len(node.keys) > _LIST:
            listed = sorted(node.keys)
            sets = [
                tantivy.Query.term_set_query(self._schema, name, [term_of(key) for key in listed]) for name in _TEXT
            ]
            plans.append(Plan(either(sets), max(map(len, listed)) <= LONGEST))
            parts = (part for part in node.parts if not (isinstance(part, Word) and part.width == 1))
        plans += [self.plan(part) for part in parts]
        queries = [one.query for one in plans if one.query is not None]
        # One part that rules nothing out, and neither does the whole.
        return Plan(either(queries) if len(queries) == len(plans) else None, all(one.exact for one in plans))

    def _count(self, node: Count) -> Plan:
        """ATLEAST: of plain words by how often they stand there, of anything else that it stands there."""
        words = counted_words(node.part)
        if words is None or node.count <= 1:
            inner = self.plan(node.part)
            return Plan(inner.query, inner.exact and node.count <= 1)
        least = min(node.count, MOST_TIMES)
        query = at_least(self._schema, [term_of(word.key) for word in words], least)
        # Two keys of one place (initials, particles) count once, but as two terms.
        alone = len(words) == 1 or all(_plain(word) and "." not in word.key for word in words)
        exact = alone and least == node.count and all(len(word.key) <= LONGEST for word in words)
        return Plan(query, exact)

    def _leaf(self, leaf: Leaf) -> Plan:
        fields = _fields(leaf)
        plans = [self._leaf_in(field, leaf) for field in fields]
        queries = [one.query for one in plans if one.query is not None]
        found = either(queries) if len(queries) == len(plans) else None
        extra = [self._anywhere(word) for _, word in leaf.words]
        if fields == _TEXT and len(leaf.words) == 1 and isinstance(word := leaf.words[0][1], StemmedWord):
            known = not leaf.lead and max(len(word.key), len(word.written)) <= LONGEST
            return Plan(either([*queries, self._stem(word)]), known)
        narrowed = both(found, *(one.query for one in extra))
        if fields == _TEXT and len(leaf.words) == 1 and isinstance(leaf.words[0][1], CasedWord):
            return Plan(narrowed, extra[0].exact and not leaf.lead)
        led = not leaf.lead or (len(leaf.words) == 1 and isinstance(leaf.words[0][1], Exact) and fields[0] in _TEXT)
        return Plan(narrowed, all(one.exact for one in plans) and led)

    def _leaf_in(self, field: str, leaf: Leaf) -> Plan:
        """The words of a leaf in one field, as far as keys and places go."""
        leading = self._leading(field, leaf)
        if len(leaf.words) == 1 and leading is not None:
            return leading
        found = self._together(field, leaf)
        return found if leading is None else Plan(both(found.query, leading.query), False)

    def _leading(self, field: str, leaf: Leaf) -> Plan | None:
        """That the first word of a leaf under LEAD is near the beginning; None where that can't be asked."""
        word = leaf.words[0][1]
        if not leaf.lead or field not in _TEXT or not isinstance(word, Exact):
            return None
        if (behind := leaf.lead - _extent(leaf)) < 0:
            return Plan(tantivy.Query.empty_query(), True)
        # As ONEAR: from 1 to behind + 1 places after START.
        words: list[str | tuple[int, str]] = [(0, START), (1 + behind // 2, term_of(word.key))]
        query = tantivy.Query.phrase_query(self._schema, field, words, (behind + 1) // 2)
        return Plan(query, len(word.key) <= LONGEST)

    def _together(self, field: str, leaf: Leaf) -> Plan:
        if len(leaf.words) == 1:
            return self._word(field, leaf.words[0][1])
        exact = [(offset, term_of(word.key)) for offset, word in leaf.words if isinstance(word, Exact)]
        if len(exact) == len(leaf.words):
            query = tantivy.Query.phrase_query(self._schema, field, _words(exact))
            return Plan(query, all(isinstance(word, Exact) and len(word.key) <= LONGEST for _, word in leaf.words))
        folded = [
            (offset, term_of(word.pattern.key))
            for offset, word in leaf.words
            if isinstance(word, CasedWord) and isinstance(word.pattern, Exact)
        ]
        together = sorted({*exact, *folded})
        phrase = tantivy.Query.phrase_query(self._schema, field, _words(together)) if len(together) > 1 else None
        parts = [self._word(field, word).query for _, word in leaf.words]
        return Plan(both(phrase, *parts), False)

    def _word(self, field: str, word: WordTest) -> Plan:
        match word:
            case Exact(key, _):
                query = tantivy.Query.term_query(self._schema, field, term_of(key))
                if field == "title":
                    query = tantivy.Query.boost_query(query, _TITLE_WEIGHT)
                return Plan(query, len(key) <= LONGEST)
            case Prefix(key):
                if len(key) > LONGEST:
                    return Plan(tantivy.Query.term_query(self._schema, field, term_of(key)), False)
                return Plan(self._regex(field, f"{_escaped(key)}.*"), True)
            case Wild(pattern):
                return self._wild(field, pattern)
            case CasedWord(pattern, _):
                return Plan(self._word(field, pattern).query, False)
            case StemmedWord(key, written):
                plain = self._word(field, Exact(key)).query
                if field not in _TEXT:
                    # Metadata has no language, so that its words have no stems.
                    return Plan(plain, False)
                return Plan(either([*filter(None, [plain]), self._stem(StemmedWord(key, written))]), False)

    def _wild(self, field: str, pattern: str) -> Plan:
        expression = "".join(
            ".*" if char == "*" else "." if char == "?" else _escaped(char) for char in re.sub(r"\*+", "*", pattern)
        )
        found = self._regex(field, expression)
        if not self._cut_words:
            return Plan(found, True)
        literal = re.split(r"[*?]", pattern, maxsplit=1)[0][:LONGEST]
        return Plan(either([found, self._regex(field, f"{_escaped(literal)}.*{LONG}")]), False)

    def _regex(self, field: str, expression: str) -> tantivy.Query:
        return tantivy.Query.regex_query(self._schema, field, expression)

    def _stem(self, word: StemmedWord) -> tantivy.Query:
        stems = [term_of(stem) for stem in sorted(query_stems(word.written))]
        return tantivy.Query.term_set_query(self._schema, "stem", stems) if stems else tantivy.Query.empty_query()

    def _anywhere(self, word: WordTest) -> Plan:
        """What a word asks of title and text together: that it is there as it is written."""
        if not isinstance(word, CasedWord) or not isinstance(word.pattern, Exact) or set(word.shape) & {"*", "?"}:
            return ANYTHING
        if word.shape == word.pattern.key or word.pattern.width > 1:
            return ANYTHING
        query = tantivy.Query.term_query(self._schema, "cased", term_of(word.shape))
        return Plan(query, word.shape.isascii() and len(word.shape) <= LONGEST)

    def _close(self, node: Close) -> Plan:
        """NEAR: pairs of words at most so far apart, else both sides in one field."""
        left, right = _leaves(node.left), _leaves(node.right)
        if left is not None and right is not None and len(left) * len(right) <= _MOST_PAIRS:
            plans = [
                self._pair(field, one, other, node)
                for one, other in product(left, right)
                for field in _fields(one)
                if field in _fields(other)
            ]
            queries = [plan.query for plan in plans if plan.query is not None]
            if len(queries) == len(plans):
                return Plan(either(queries), all(plan.exact for plan in plans))
        return Plan(both(self.plan(node.left).query, self.plan(node.right).query), False)

    def _pair(self, field: str, one: Leaf, other: Leaf, near: Close) -> Plan:
        first, second = _first_key(one), _first_key(other)
        found = both(self._leaf_in(field, one).query, self._leaf_in(field, other).query)
        if first is None or second is None or first == second:
            return Plan(found, False)
        if near.ordered:
            # From 1 to distance + 1 places behind the first side's last word. Where that is an odd number of places, one
            # more: the first word's own place, which no other word has.
            behind, slop = _extent(one) + near.distance // 2, (near.distance + 1) // 2
        else:
            behind, slop = 0, near.distance + max(_extent(one), _extent(other))
        words: list[str | tuple[int, str]] = [(0, first), (behind, second)]
        query = tantivy.Query.phrase_query(self._schema, field, words, slop)
        # The place of initials has two keys, with and without dots.
        plain = _plain(one) and _plain(other) and first.replace(".", "") != second.replace(".", "")
        return Plan(query if plain else both(found, query), plain)


def _fields(leaf: Leaf) -> tuple[str, ...]:
    match leaf.scope:
        case None:
            return _TEXT
        case "body":
            return ("text",)
        case name:
            return (name,)


def _leaves(node: Core) -> list[Leaf] | None:
    """The leaves that a side of a NEAR may be: itself, or the parts of an OR; None where it is anything else."""
    if isinstance(node, Leaf):
        return [node]
    if isinstance(node, AnyOf) and all(isinstance(part, Leaf) for part in node.parts):
        return [part for part in node.parts if isinstance(part, Leaf)]
    return None


def _first_key(leaf: Leaf) -> str | None:
    word = leaf.words[0][1]
    return term_of(word.key) if isinstance(word, Exact) else None


def _extent(leaf: Leaf) -> int:
    offset, word = leaf.words[-1]
    return offset + (word.width if isinstance(word, Exact) else 1)


def _plain(leaf: Leaf) -> bool:
    """One word of a script that has one key at a place."""
    word = leaf.words[0][1]
    return (
        len(leaf.words) == 1
        and not leaf.lead
        and isinstance(word, Exact)
        and word.width == 1
        and len(word.key) <= LONGEST
        and all(char < "\u0590" for char in word.key)
    )


def _words(pairs: list[tuple[int, str]]) -> list[str | tuple[int, str]]:
    base = pairs[0][0]
    return [(offset - base, term) for offset, term in pairs]


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char.isascii() and not char.isalnum() else char for char in text)
