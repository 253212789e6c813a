"""Compiles a query's tree to nodes (``compiled``, ``terms``): moves fields and functions to the leaves, and NEAR below AND."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, cast

import msgspec

from core.query.ast import (
    WHOLE_FIELDS,
    And,
    AtLeast,
    Cased,
    Exact,
    Field,
    Lead,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Stemmed,
    Term,
)
from core.query.budget import NotDecided
from core.query.compiled import AllOf, AnyOf, Close, Compiled, Counted, Never, NoneOf, Positional, words_near
from core.query.document import Document, Shown
from core.query.folding import fold
from core.query.parse import pattern_of
from core.query.terms import CasedWord, StemmedWord, Word, WordTest, leaf
from core.query.words import query_words
from core.records.article import Match


class CompiledQuery:
    """A query that can be run on any number of documents; it keeps no state of them."""

    __slots__ = ("guard", "required", "root", "text", "unguarded")

    def __init__(self, text: str, root: Compiled) -> None:
        self.text, self.root = text, root
        self.required: frozenset[str] = frozenset()
        """Words that the document must have; it must have at least one of ``guard``, and ``unguarded`` must match in addition.

        With these, an index rules out most candidates without a call.
        """
        self.guard: frozenset[str] | None = None
        self.unguarded: tuple[Compiled, ...] = (root,)
        if isinstance(root, Word):
            self.required, self.unguarded = frozenset((root.key,)), ()
        elif isinstance(root, AllOf):
            self.required, self.guard, self.unguarded = root.required, root.guard, root.unguarded
        elif isinstance(root, Close) and not (root.left.costly or root.right.costly):
            # Words that a NEAR needs and the document lacks are noticed before any places are compared.
            self.required, self.guard = words_near(root)

    def holds(self, document: Document) -> bool:
        """Whether the document matches, at half the cost of ``match``."""
        return self.admits(document.words) and self.holds_besides(document, self.unguarded)

    def admits(self, words: set[str]) -> bool:
        """Whether a document with these words may match: it has all ``required`` ones and one of ``guard``."""
        return self.required <= words and (self.guard is None or not self.guard.isdisjoint(words))

    @property
    def parts(self) -> tuple[Compiled, ...]:
        """The parts of the query if it is an AND, otherwise the whole query, in the order in which they are tried."""
        return self.root.ordered if isinstance(self.root, AllOf) else (self.root,)

    def holds_besides(self, document: Document, parts: tuple[Compiled, ...]) -> bool:
        """Whether a document matches ``parts``, given that it matches all other ``self.parts``. Raises NotDecided."""
        for part in parts:  # noqa: SIM110 - a third faster than all()
            if not part.holds(document):
                return False
        return True

    def match(self, document: Document, most: int | None = None) -> tuple[Match, ...] | None:
        """The matches in ``document``, sorted, without duplicates; None if the query does not match.

        These are the stretches of the leaves (terms and phrases) of every part that matches: for ``(a AND b) OR c``
        only those of c if b is missing; for a NEAR those that are near. Only matches in title and text are returned,
        none below a NOT or in other fields, so a document that matches by its source or by the absence of a word gives
        ``()``. Raises NotDecided, like ``holds``, if the query takes too many steps; if only finding the stretches
        does, those found by then are returned. ``most``: at most so many in the text, and in the rest.
        """
        return self.shown(document, most) if self.holds(document) else None

    def shown(self, document: Document, most: int | None = None) -> tuple[Match, ...]:
        """``match`` for a document that is known to match; the first ``most`` each in text and title."""
        found = Shown(most)
        self.root.show(document, None, found)
        return document.matches_of(found, shown=True, most=most)


class BudgetedQuery(CompiledQuery):
    """A query that counts its steps, because it has a NEAR or a wildcard within a word."""

    __slots__ = ()

    def holds_besides(self, document: Document, parts: tuple[Compiled, ...]) -> bool:
        """``CompiledQuery.holds_besides``, with a budget of its own."""
        document.budget.begin()
        return super().holds_besides(document, parts)

    def shown(self, document: Document, most: int | None = None) -> tuple[Match, ...]:
        """``match`` for a document that is known to match. Call it right after ``holds_besides``, whose places it reuses."""
        document.budget.renew()
        found = Shown(most)
        with suppress(NotDecided):
            self.root.show(document, None, found)
        return document.matches_of(found, shown=True, most=most)


def compile_query(query: Query) -> CompiledQuery:
    """Compile ``query``. Parsing has limited its depth. The tree is not kept, since it is ten times as large."""
    root = compile_node(query.root)
    return BudgetedQuery(query.text, root) if root.costly else CompiledQuery(query.text, root)


class Around(msgspec.Struct, frozen=True):
    """What enclosing functions require of a node's leaves. ``lead`` 0: anywhere; of cs: and stem:, the inner one counts."""

    scope: str | None = None
    lead: int = 0
    form: Literal["folded", "cased", "stemmed"] = "folded"
    impossible: bool = False


def around(node: Node, outer: Around) -> Around:
    """The requirements that apply to the parts of ``node``."""
    change = msgspec.structs.replace
    match node:
        case Field(name=name):
            return change(outer, scope=name, impossible=outer.impossible or outer.scope not in (None, name))
        case Lead(count=count):
            return change(outer, lead=min(outer.lead, count) if outer.lead else count)
        case Cased():
            return change(outer, form="cased")
        case Stemmed():
            return change(outer, form="stemmed")
        case _:
            return outer


def compile_node(node: Node, outer: Around = Around()) -> Compiled:  # noqa: B008 - frozen
    """The compiled form of ``node``. Parsing has limited its depth and size."""
    match node:
        case Term() | Phrase():
            return _leaf(node, outer)
        case And(parts=parts):
            return all_of(compile_node(part, outer) for part in parts)
        case Or(parts=parts):
            return any_of(compile_node(part, outer) for part in parts)
        case Not(part=part):
            return NoneOf(compile_node(part, outer))
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            return _near(compile_node(left, outer), compile_node(right, outer), distance, ordered)
        case AtLeast(count=count, part=part):
            return _count(count, compile_node(part, outer))
        case Field(part=part) | Lead(part=part) | Cased(part=part) | Stemmed(part=part):
            return compile_node(part, around(node, outer))
    raise TypeError(f"{type(node).__name__} can't be compiled")


def all_of(parts: Iterable[Compiled]) -> Compiled:
    """An AND without nested ANDs."""
    flat: dict[Compiled, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: Iterable[Compiled]) -> Compiled:
    """An OR without nested ORs."""
    flat: dict[Compiled, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, AnyOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AnyOf(tuple(flat))


def _leaf(node: Term | Phrase, outer: Around) -> Compiled:
    if outer.impossible:
        return Never()
    if outer.scope in WHOLE_FIELDS:
        whole = pattern_of(fold(node.text), node.start)
        return leaf(((0, whole),), outer.scope, outer.lead)
    words: tuple[tuple[int, WordTest], ...] = ((0, node.word),) if isinstance(node, Term) else node.words
    if outer.form != "folded":
        written = query_words(node.text)
        words = tuple(
            (offset, _in_form(cast("Exact", word), found.written, found.unspaced, outer.form))
            for (offset, word), found in zip(words, written, strict=True)
        )
    elif node.spellings:
        return any_of(leaf(each, outer.scope, outer.lead) for each in (words, *node.spellings))
    return leaf(words, outer.scope, outer.lead)


def _in_form(word: Exact, written: str, unspaced: bool, form: str) -> WordTest:
    if unspaced:
        return word  # neither case nor inflection
    if form == "cased":
        return CasedWord(word, written)
    return StemmedWord(word.key, written)


def _groups(parts: tuple[Compiled, ...]) -> list[Compiled]:
    """The parts of an OR, with the positional ones combined into one."""
    placed = [part for part in parts if part.positional]
    others = [part for part in parts if not part.positional]
    return [any_of(placed), *others] if placed else others


def _near(left: Compiled, right: Compiled, distance: int, ordered: bool) -> Compiled:
    if left.positional and right.positional:
        return Close(cast("Positional", left), cast("Positional", right), distance, ordered)

    def near(part: Compiled) -> Compiled:
        return _near(left, part, distance, ordered) if left.positional else _near(part, right, distance, ordered)

    match right if left.positional else left:
        case AllOf(parts=parts):
            return all_of([near(part) for part in parts])
        case AnyOf(parts=parts):
            return any_of([near(part) for part in _groups(parts)])
        case NoneOf(part=part):
            return NoneOf(near(part))
        case Counted(part=part) as count:
            return all_of([count, near(part)])
    raise TypeError("a node with places was taken for one without")


def _count(least: int, node: Compiled) -> Compiled:
    match node:
        case AllOf(parts=parts):
            return all_of([_count(least, part) for part in parts])
        case AnyOf(parts=parts, positional=False):
            return any_of([_count(least, part) for part in _groups(parts)])
        case NoneOf(part=part):
            return NoneOf(_count(least, part))
        case Counted(count=count, part=part):
            return Counted(max(least, count), part)
    return Counted(least, node)
