"""The syntax tree of a query, made of frozen structs.

``start`` and ``end`` are code points of the query's text, for messages and ``explain``; comparisons of trees ignore
them. A new construct is a new struct here, a rule in ``parse.GRAMMAR`` and a case in ``compile_node``,
``explain.format_node`` and the tests' oracle; the type checker finds missing cases, since ``Node`` is a closed union.

Operators nest freely. Functions and NEAR distribute over their operands: ``title:(a AND NOT b)`` is
``title:a AND NOT title:b``, and ``(a AND b) NEAR/3 c`` is ``(a NEAR/3 c) AND (b NEAR/3 c)``; the same holds for OR and
NOT, and for LEAD, ATLEAST, cs: and stem:. Only ATLEAST counts the terms of an OR together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

FieldName = Literal["title", "body", "source", "lang", "topic", "kind", "url", "author"]
WHOLE_FIELDS = frozenset({"lang", "topic", "kind"})
"""Fields whose values each count as one word, whatever they contain: ``topic:iran`` does not match ``topic:iran-saudi``."""


class Exact(msgspec.Struct, frozen=True):
    """A word with this key. ``width`` is in places: 2 for a pair of characters in an unspaced script."""

    key: str
    width: int = 1


class Prefix(msgspec.Struct, frozen=True):
    """A word that begins with ``key``, including the word itself."""

    key: str


class Wild(msgspec.Struct, frozen=True):
    """A word that matches ``pattern`` in full: ``*`` is any number of characters, ``?`` exactly one. It begins with neither."""

    pattern: str


WordPattern = Exact | Prefix | Wild
PlacedWords = tuple[tuple[int, WordPattern], ...]
"""``(offset in places, word)``, offsets rising from 0."""


class _Placed(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A node with a place in the query's text, which equality ignores."""

    start: int = 0
    end: int = 0

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._meaning() == other._meaning()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._meaning()))

    def _meaning(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name not in ("start", "end"))


class Term(_Placed, frozen=True, eq=False):
    """One word, in title or text unless it is below a Field. ``text`` is the word as written, without quotes.

    ``spellings``: other words that are also found, for words that Arabic script writes joined or apart
    (``parse.spellings_of``).
    """

    word: WordPattern
    text: str
    spellings: tuple[PlacedWords, ...] = ()


class Phrase(_Placed, frozen=True, eq=False):
    """Two or more words at fixed distances in one field. ``spellings`` as in a Term."""

    words: PlacedWords
    text: str
    spellings: tuple[PlacedWords, ...] = ()


class And(_Placed, frozen=True, eq=False):
    """All of ``parts`` (two or more, none of them an And)."""

    parts: tuple[Node, ...]


class Or(_Placed, frozen=True, eq=False):
    """Any of ``parts`` (two or more, none of them an Or)."""

    parts: tuple[Node, ...]


class Not(_Placed, frozen=True, eq=False):
    """The document doesn't match ``part`` (never a Not). Nothing below a Not is shown as a match."""

    part: Node


class Near(_Placed, frozen=True, eq=False):
    """``left`` and ``right`` in one field, not overlapping, with at most ``distance`` words between; in either order
    unless ``ordered``. As a part of another Near, it is the stretch from its first to its last word.
    """

    left: Node
    right: Node
    distance: int
    ordered: bool


class Field(_Placed, frozen=True, eq=False):
    """``part`` within the field ``name``. Nested fields must both apply, so different ones never match."""

    name: FieldName
    part: Node


class AtLeast(_Placed, frozen=True, eq=False):
    """``part`` at ``count`` or more places, in title and text together."""

    count: int
    part: Node


class Lead(_Placed, frozen=True, eq=False):
    """``part`` within the first ``count`` words of its field (without a field: of the title or of the text)."""

    count: int
    part: Node


class Cased(_Placed, frozen=True, eq=False):
    """The words of ``part`` exactly as written: case and diacritics matter."""

    part: Node


class Stemmed(_Placed, frozen=True, eq=False):
    """The words of ``part`` in any inflection that the stemmer of the document's language knows. Without wildcards."""

    part: Node


Node = Term | Phrase | And | Or | Not | Near | Field | AtLeast | Lead | Cased | Stemmed


class Query(msgspec.Struct, frozen=True, eq=False):
    """A parsed query: its text as written, and its tree. Queries with equal trees are equal."""

    text: str
    root: Node

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node, in reading order."""
    match node:
        case Term() | Phrase():
            return ()
        case And(parts=parts) | Or(parts=parts):
            return parts
        case Near(left=left, right=right):
            return left, right
        case (
            Not(part=part)
            | Field(part=part)
            | AtLeast(part=part)
            | Lead(part=part)
            | Cased(part=part)
            | Stemmed(part=part)
        ):
            return (part,)


def walk(node: Node) -> Iterator[Node]:
    """The node and all that is below it, in reading order."""
    yield node
    for part in children(node):
        yield from walk(part)
