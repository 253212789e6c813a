"""Translates a query for the inverted index: into an index query that finds every match, and whether it finds nothing else.

Exact are words, phrases, wildcards, ``stem:``, ``cs:`` of plain words, fields, LEAD of words, AND, OR, NOT, and NEAR
and ATLEAST of plain words. For the rest (NEAR of phrases, ATLEAST of wildcards …) the index narrows the candidates as
far as it can, and the exact matcher decides. A new construct of ``core.query.compiled`` needs a case here; an unknown
one raises TypeError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import NamedTuple

import tantivy

from core.query import Document
from core.query.ast import Exact, Prefix, Wild
from core.query.compiled import AllOf, AnyOf, Close, Compiled, Counted, Never, NoneOf
from core.query.terms import CasedWord, Leaf, StemmedWord, Word, WordTest, query_stems
from core.search.schema import LONG, LONGEST, MOST_TIMES, START, TIMES, term_of

_TITLE_WEIGHT = 2.0
_MOST_PAIRS = 64
"""Most pairs of words for which one NEAR is looked up; with more, only whether both sides occur in one field."""
_LIST = 48
"""Most words of an OR that are looked up one by one and so count for relevance; a longer list is looked up as one set."""
_MOST_COUNTED = 48
"""Most words of an OR that ATLEAST counts in the index."""
_MOST_PATTERN_COSTS = 4_000
"""Most cost of looking up a query's wildcards, about 2 s: 1 for a prefix, 10 for each wildcard within a word."""
_TEXT = ("title", "text")


class IndexPlan(NamedTuple):
    """``query`` finds every document that matches (None: all documents); with ``exact``, nothing else."""

    query: tantivy.Query | None
    exact: bool


EVERYTHING, ANYTHING = IndexPlan(None, True), IndexPlan(None, False)


class Planner:
    """Makes plans for one state of the index. ``cut_words``: some documents have words longer than a term may be.

    ``share``: whether two keys share a place in some document. ``labels``: the labels of outlets, by case-folded name.
    """

    def __init__(
        self,
        schema: tantivy.Schema,
        *,
        cut_words: bool,
        share: Callable[[str, str], bool],
        labels: Mapping[str, Sequence[str]],
    ) -> None:
        self._schema, self._cut_words, self._share = schema, cut_words, share
        self._labels = labels
        self._pattern_costs = 0

    def plan(self, node: Compiled) -> IndexPlan:
        """The plan for a compiled query (``CompiledQuery.root``)."""
        match node:
            case Never():
                return IndexPlan(tantivy.Query.empty_query(), True)
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
                return IndexPlan(none(inner.query), True)
            case Close():
                return self._close(node)
            case Counted():
                return self._count(node)
        raise TypeError(f"{type(node).__name__} has no plan")

    def _all(self, parts: Iterable[Compiled]) -> IndexPlan:
        plans = [self.plan(part) for part in parts]
        return IndexPlan(both(*(one.query for one in plans)), all(one.exact for one in plans))

    def _any(self, node: AnyOf) -> IndexPlan:
        plans = []
        parts: Iterable[Compiled] = node.parts
        if len(node.keys) > _LIST:
            listed = sorted(node.keys)
            sets = [
                tantivy.Query.term_set_query(self._schema, name, [term_of(key) for key in listed]) for name in _TEXT
            ]
            plans.append(IndexPlan(either(sets), max(map(len, listed)) <= LONGEST))
            parts = (part for part in node.parts if not (isinstance(part, Word) and part.width == 1))
        plans += [self.plan(part) for part in parts]
        queries = [one.query for one in plans if one.query is not None]
        # If one part rules nothing out, neither does the whole.
        return IndexPlan(either(queries) if len(queries) == len(plans) else None, all(one.exact for one in plans))

    def _count(self, node: Counted) -> IndexPlan:
        """ATLEAST: for plain words by how often they occur, for anything else by whether it occurs."""
        words = counted_words(node.part)
        if words is None or node.count <= 1:
            inner = self.plan(node.part)
            return IndexPlan(inner.query, inner.exact and node.count <= 1)
        least = min(node.count, MOST_TIMES)
        query = at_least(self._schema, [term_of(word.key) for word in words], least)
        # Two keys of one place (initials, particles, apostrophes) are one word but two terms.
        alone = len(words) == 1 or (
            all(_plain(word) and "." not in word.key for word in words)
            and not any(self._share(one.key, other.key) for one, other in combinations(words, 2))
        )
        exact = alone and least == node.count and all(len(word.key) <= LONGEST for word in words)
        return IndexPlan(query, exact)

    def _kind(self, leaf: Leaf) -> IndexPlan:
        """The articles of the outlets whose labels match. Labels are not in the index, since they change."""
        outlets = [outlet for outlet, labels in self._labels.items() if leaf.hits(Document("", "", labels=labels))]
        if not outlets:
            return IndexPlan(tantivy.Query.empty_query(), True)
        return IndexPlan(tantivy.Query.term_set_query(self._schema, "from_source", outlets), True)

    def _leaf(self, leaf: Leaf) -> IndexPlan:
        if leaf.scope == "kind":
            return self._kind(leaf)
        fields = _fields(leaf)
        plans = [self._leaf_in(field, leaf) for field in fields]
        queries = [one.query for one in plans if one.query is not None]
        found = either(queries) if len(queries) == len(plans) else None
        extra = [self._anywhere(word) for _, word in leaf.words]
        if fields == _TEXT and len(leaf.words) == 1 and isinstance(word := leaf.words[0][1], StemmedWord):
            known = not leaf.lead and max(len(word.key), len(word.written)) <= LONGEST
            return IndexPlan(either([*queries, self._stem(word)]), known)
        narrowed = both(found, *(one.query for one in extra))
        if fields == _TEXT and len(leaf.words) == 1 and isinstance(leaf.words[0][1], CasedWord):
            return IndexPlan(narrowed, extra[0].exact and not leaf.lead)
        led = not leaf.lead or (len(leaf.words) == 1 and isinstance(leaf.words[0][1], Exact) and fields[0] in _TEXT)
        return IndexPlan(narrowed, all(one.exact for one in plans) and led)

    def _leaf_in(self, field: str, leaf: Leaf) -> IndexPlan:
        """The words of a leaf in one field, as far as keys and places can express it."""
        leading = self._leading(field, leaf)
        if len(leaf.words) == 1 and leading is not None:
            return leading
        found = self._together(field, leaf)
        return found if leading is None else IndexPlan(both(found.query, leading.query), False)

    def _leading(self, field: str, leaf: Leaf) -> IndexPlan | None:
        """The first word of a leaf under LEAD near the beginning; None if the index can't express that."""
        word = leaf.words[0][1]
        if not leaf.lead or field not in _TEXT or not isinstance(word, Exact):
            return None
        if (behind := leaf.lead - _extent(leaf)) < 0:
            return IndexPlan(tantivy.Query.empty_query(), True)
        # Like ONEAR: from 1 to behind + 1 places after START.
        words: list[str | tuple[int, str]] = [(0, START), (1 + behind // 2, term_of(word.key))]
        query = tantivy.Query.phrase_query(self._schema, field, words, (behind + 1) // 2)
        return IndexPlan(query, len(word.key) <= LONGEST)

    def _together(self, field: str, leaf: Leaf) -> IndexPlan:
        if len(leaf.words) == 1:
            return self._word(field, leaf.words[0][1])
        exact = [(offset, term_of(word.key)) for offset, word in leaf.words if isinstance(word, Exact)]
        if len(exact) == len(leaf.words):
            query = tantivy.Query.phrase_query(self._schema, field, _words(exact))
            return IndexPlan(query, all(isinstance(word, Exact) and len(word.key) <= LONGEST for _, word in leaf.words))
        folded = [
            (offset, term_of(word.pattern.key))
            for offset, word in leaf.words
            if isinstance(word, CasedWord) and isinstance(word.pattern, Exact)
        ]
        together = sorted({*exact, *folded})
        phrase = tantivy.Query.phrase_query(self._schema, field, _words(together)) if len(together) > 1 else None
        parts = [self._word(field, word).query for _, word in leaf.words]
        return IndexPlan(both(phrase, *parts), False)

    def _word(self, field: str, word: WordTest) -> IndexPlan:
        match word:
            case Exact(key, _):
                query = tantivy.Query.term_query(self._schema, field, term_of(key))
                if field == "title":
                    query = tantivy.Query.boost_query(query, _TITLE_WEIGHT)
                return IndexPlan(query, len(key) <= LONGEST)
            case Prefix(key):
                if len(key) > LONGEST:
                    return IndexPlan(tantivy.Query.term_query(self._schema, field, term_of(key)), False)
                found = self._regex(field, f"{_escaped(key)}.*")
                return IndexPlan(found, found is not None)
            case Wild(pattern):
                return self._wild(field, pattern)
            case CasedWord(pattern, _):
                return IndexPlan(self._word(field, pattern).query, False)
            case StemmedWord(key, written):
                plain = self._word(field, Exact(key)).query
                if field not in _TEXT:
                    # Metadata has no language, so its words have no stems.
                    return IndexPlan(plain, False)
                return IndexPlan(either([*filter(None, [plain]), self._stem(StemmedWord(key, written))]), False)

    def _wild(self, field: str, pattern: str) -> IndexPlan:
        expression = "".join(
            ".*" if char == "*" else "." if char == "?" else _escaped(char) for char in re.sub(r"\*+", "*", pattern)
        )
        found = self._regex(field, expression)
        literal = re.split(r"[*?]", pattern, maxsplit=1)[0][:LONGEST]
        if found is None:
            return IndexPlan(self._regex(field, f"{_escaped(literal)}.*"), False)
        if not self._cut_words:
            return IndexPlan(found, True)
        cut = self._regex(field, f"{_escaped(literal)}.*{LONG}")
        return IndexPlan(None if cut is None else either([found, cut]), False)

    def _regex(self, field: str, expression: str) -> tantivy.Query | None:
        """The words that match an expression; None if it is one too many, or too large, which only the index knows."""
        inner = expression.removesuffix(".*")
        self._pattern_costs += 1 + 10 * (inner.count(".") - inner.count("\\."))
        if self._pattern_costs > _MOST_PATTERN_COSTS:
            return None
        try:
            return tantivy.Query.regex_query(self._schema, field, expression)
        except ValueError:
            return None

    def _stem(self, word: StemmedWord) -> tantivy.Query:
        stems = [term_of(stem) for stem in sorted(query_stems(word.written))]
        return tantivy.Query.term_set_query(self._schema, "stem", stems) if stems else tantivy.Query.empty_query()

    def _anywhere(self, word: WordTest) -> IndexPlan:
        """A word in title or text as it is written."""
        if not isinstance(word, CasedWord) or not isinstance(word.pattern, Exact) or set(word.shape) & {"*", "?"}:
            return ANYTHING
        # A name with signs inside (צה"ל) is indexed without them.
        if word.shape == word.pattern.key or word.pattern.width > 1 or not word.shape.isalnum():
            return ANYTHING
        query = tantivy.Query.term_query(self._schema, "cased", term_of(word.shape))
        return IndexPlan(query, word.shape.isascii() and len(word.shape) <= LONGEST)

    def _close(self, node: Close) -> IndexPlan:
        """NEAR: pairs of words within the distance or, if that can't be expressed, both sides in one field."""
        left, right = _leaves(node.left), _leaves(node.right)
        if left and right and not _of_kind((*left, *right)) and len(left) * len(right) <= _MOST_PAIRS:
            plans = [
                self._pair(field, one, other, node)
                for one, other in product(left, right)
                for field in _fields(one)
                if field in _fields(other)
            ]
            queries = [plan.query for plan in plans if plan.query is not None]
            if len(queries) == len(plans):
                return IndexPlan(either(queries), all(plan.exact for plan in plans))
        return IndexPlan(both(self.plan(node.left).query, self.plan(node.right).query), False)

    def _pair(self, field: str, one: Leaf, other: Leaf, near: Close) -> IndexPlan:
        first, second = _first_key(one), _first_key(other)
        found = both(self._leaf_in(field, one).query, self._leaf_in(field, other).query)
        if first is None or second is None or first == second:
            return IndexPlan(found, False)
        if near.ordered:
            # From 1 to distance + 1 places after the last word of the first side. If that is an odd number of places,
            # one more: the first word's own place, which no other word has.
            behind, slop = _extent(one) + near.distance // 2, (near.distance + 1) // 2
        else:
            behind, slop = 0, near.distance + max(_extent(one), _extent(other))
        words: list[str | tuple[int, str]] = [(0, first), (behind, second)]
        query = tantivy.Query.phrase_query(self._schema, field, words, slop)
        # The place of initials has two keys, with and without dots.
        plain = (
            field in _TEXT
            and _plain(one)
            and _plain(other)
            and first.replace(".", "") != second.replace(".", "")
            and not self._share(first, second)
        )
        return IndexPlan(query if plain else both(found, query), plain)


def _fields(leaf: Leaf) -> tuple[str, ...]:
    match leaf.scope:
        case None:
            return _TEXT
        case "body":
            return ("text",)
        case name:
            return (name,)


def _leaves(node: Compiled) -> list[Leaf] | None:
    """The leaves of one side of a NEAR: itself, or the parts of an OR; None if it is anything else."""
    if isinstance(node, Leaf):
        return [node]
    if isinstance(node, AnyOf) and all(isinstance(part, Leaf) for part in node.parts):
        return [part for part in node.parts if isinstance(part, Leaf)]
    return None


def _of_kind(leaves: Iterable[Leaf]) -> bool:
    return any(leaf.scope == "kind" for leaf in leaves)


def _first_key(leaf: Leaf) -> str | None:
    word = leaf.words[0][1]
    return term_of(word.key) if isinstance(word, Exact) else None


def _extent(leaf: Leaf) -> int:
    offset, word = leaf.words[-1]
    return offset + (word.width if isinstance(word, Exact) else 1)


def _plain(leaf: Leaf) -> bool:
    """A single word in a script that has one key per place."""
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


def counted_words(part: Compiled) -> Sequence[Word] | None:
    """The words that an ATLEAST counts; None if it counts anything else."""
    words = [part] if isinstance(part, Word) else part.parts if isinstance(part, AnyOf) else ()
    several = [word for word in words if isinstance(word, Word)]
    return several if several and len(several) == len(words) <= _MOST_COUNTED else None


def at_least(schema: tantivy.Schema, terms: Sequence[str], count: int) -> tantivy.Query:
    """Documents in which the words of these terms together occur ``count`` times or more (2 to MOST_TIMES)."""
    clauses = [
        tantivy.Query.term_query(schema, "often", f"{term}{TIMES}{times}")
        for term in terms
        for times in range(2, count + 1)
    ]
    if len(terms) == 1:
        return clauses[-1]
    # The first occurrence of a word is not in ``often``.
    clauses += [
        tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, tantivy.Query.term_query(schema, name, term)) for name in ("title", "text")]
        )
        for term in terms
    ]
    return tantivy.Query.boolean_query(
        [(tantivy.Occur.Should, one) for one in clauses], minimum_number_should_match=count
    )


def both(*queries: tantivy.Query | None) -> tantivy.Query | None:
    """Matches all of them; None rules nothing out."""
    needed = [query for query in queries if query is not None]
    if len(needed) < 2:
        return needed[0] if needed else None
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in needed])


def either(queries: list[tantivy.Query]) -> tantivy.Query:
    """Matches any of them; an empty list matches nothing."""
    if len(queries) == 1:
        return queries[0]
    if not queries:
        return tantivy.Query.empty_query()
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])


def none(query: tantivy.Query | None) -> tantivy.Query:
    """Matches everything that it does not."""
    if query is None:
        return tantivy.Query.empty_query()
    everything = tantivy.Query.const_score_query(tantivy.Query.all_query(), 0.0)
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, everything), (tantivy.Occur.MustNot, query)])
