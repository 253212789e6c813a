"""What a query means, as a tree of frozen structs.

``start`` and ``end`` are code points of the query's own text, for messages and ``explain``. A new construct is a new
struct here, a rule in ``grammar``, a case in ``match.compile_node`` and one in ``index.necessary``; a checker finds the
places that were forgotten, since ``Node`` is a closed union.
"""

from __future__ import annotations

import msgspec


class Exact(msgspec.Struct, frozen=True):
    """A word with this key. ``width`` is in places: 2 for a pair of characters of an unspaced script."""

    key: str
    width: int = 1


class Prefix(msgspec.Struct, frozen=True):
    """A word that begins with ``key``, the word itself included."""

    key: str


class Wild(msgspec.Struct, frozen=True):
    """A word that fits ``pattern`` in full: ``*`` is any number of characters, ``?`` exactly one. Begins with neither."""

    pattern: str


WordPattern = Exact | Prefix | Wild


class Term(msgspec.Struct, frozen=True):
    """One word, in any field."""

    word: WordPattern
    start: int = 0
    end: int = 0


class Phrase(msgspec.Struct, frozen=True):
    """Words at fixed distances in one field: ``(offset in places, word)``, offsets rising from 0. Two words or more."""

    words: tuple[tuple[int, WordPattern], ...]
    start: int = 0
    end: int = 0


class And(msgspec.Struct, frozen=True):
    """All of ``parts`` (two or more, none of them an And)."""

    parts: tuple[Node, ...]
    start: int = 0
    end: int = 0


class Or(msgspec.Struct, frozen=True):
    """Any of ``parts`` (two or more, none of them an Or)."""

    parts: tuple[Node, ...]
    start: int = 0
    end: int = 0


class Not(msgspec.Struct, frozen=True):
    """The document doesn't match ``part`` (never a Not). Nothing below a Not is shown as a match."""

    part: Node
    start: int = 0
    end: int = 0


Node = Term | Phrase | And | Or | Not


class Query(msgspec.Struct, frozen=True):
    """A parsed query: its text as it was written, and its tree."""

    text: str
    root: Node
