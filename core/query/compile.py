"""Tree of a query → what runs (``core``): fields and functions go down to the leaves, NEAR in between ANDs and NOTs."""

from __future__ import annotations

from collections.abc import Iterable
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
    Stemmed,
    Term,
)
from core.query.core import AllOf, AnyOf, Close, Core, Count, Never, NoneOf, Positional
from core.query.folding import fold
from core.query.leaves import CasedWord, Leaf, StemmedWord, WordTest, leaf
from core.query.parse import pattern_of
from core.query.words import query_words


class Around(msgspec.Struct, frozen=True):
    """What the functions around a node ask of its leaves. ``lead`` 0: nothing; of cs: and stem: the inner one counts."""

    scope: str | None = None
    lead: int = 0
    form: Literal["folded", "cased", "stemmed"] = "folded"
    impossible: bool = False


def around(node: Node, outer: Around) -> Around:
    """What holds for the parts of ``node``."""
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


def lower(node: Node, outer: Around = Around()) -> Core:  # noqa: B008 - frozen
    """What runs for ``node``. Depth and size were limited when it was parsed."""
    match node:
        case Term() | Phrase():
            return _leaf(node, outer)
        case And(parts=parts):
            return all_of(lower(part, outer) for part in parts)
        case Or(parts=parts):
            return any_of(lower(part, outer) for part in parts)
        case Not(part=part):
            return NoneOf(lower(part, outer))
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            return _near(lower(left, outer), lower(right, outer), distance, ordered)
        case AtLeast(count=count, part=part):
            return _count(count, lower(part, outer))
        case Field(part=part) | Lead(part=part) | Cased(part=part) | Stemmed(part=part):
            return lower(part, around(node, outer))
    raise TypeError(f"{type(node).__name__} does not run")


def all_of(parts: Iterable[Core]) -> Core:
    """AND, flat."""
    flat: dict[Core, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: Iterable[Core]) -> Core:
    """OR, flat."""
    flat: dict[Core, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, AnyOf) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else AnyOf(tuple(flat))


def _leaf(node: Term | Phrase, outer: Around) -> Leaf | Never:
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
    return leaf(words, outer.scope, outer.lead)


def _in_form(word: Exact, written: str, unspaced: bool, form: str) -> WordTest:
    if unspaced:
        return word  # neither case nor inflection
    if form == "cased":
        return CasedWord(word, written)
    return StemmedWord(word.key, written)


def _groups(parts: tuple[Core, ...]) -> list[Core]:
    """Parts of an OR, those with places of their own together."""
    placed = [part for part in parts if part.positional]
    others = [part for part in parts if not part.positional]
    return [any_of(placed), *others] if placed else others


def _near(left: Core, right: Core, distance: int, ordered: bool) -> Core:
    if left.positional and right.positional:
        return Close(cast("Positional", left), cast("Positional", right), distance, ordered)

    def near(part: Core) -> Core:
        return _near(left, part, distance, ordered) if left.positional else _near(part, right, distance, ordered)

    match right if left.positional else left:
        case AllOf(parts=parts):
            return all_of([near(part) for part in parts])
        case AnyOf(parts=parts):
            return any_of([near(part) for part in _groups(parts)])
        case NoneOf(part=part):
            return NoneOf(near(part))
        case Count(part=part) as count:
            return all_of([count, near(part)])
    raise TypeError("a node with places was taken for one without")


def _count(least: int, node: Core) -> Core:
    match node:
        case AllOf(parts=parts):
            return all_of([_count(least, part) for part in parts])
        case AnyOf(parts=parts, positional=False):
            return any_of([_count(least, part) for part in _groups(parts)])
        case NoneOf(part=part):
            return NoneOf(_count(least, part))
        case Count(count=count, part=part):
            return Count(max(least, count), part)
    return Count(least, node)
