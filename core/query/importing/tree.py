"""A query of any dialect as a neutral tree, and its text in our language.

Nodes have the meaning, not the notation: distances of all dialects are the number of words *between*, and fields have
our names. In the text, each nested group has parentheses, so that a reader need not know the precedence of operators.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

_BARE = re.compile(r"\w[\w*?.'’-]*")
_RESERVED = re.compile(r"(?:AND|OR|NOT|O?NEAR|ATLEAST|LEAD)$")


class WordNode(msgspec.Struct, frozen=True):
    """One word as written, wildcards included."""

    text: str


class PhraseNode(msgspec.Struct, frozen=True):
    """Words side by side, without the quotes."""

    text: str


class CasedNode(msgspec.Struct, frozen=True):
    """A word or phrase matched with its case."""

    part: WordNode | PhraseNode


class NearNode(msgspec.Struct, frozen=True):
    """``left`` and ``right`` with at most ``words`` words between; ``ordered``: left comes first."""

    left: Node
    right: Node
    words: int
    ordered: bool


class FieldNode(msgspec.Struct, frozen=True):
    """``part`` within our field ``field``."""

    field: str
    part: Node


class LeadNode(msgspec.Struct, frozen=True):
    """``part`` within the first ``words`` words."""

    part: Node
    words: int


class AtLeastNode(msgspec.Struct, frozen=True):
    """``part`` this many times or more."""

    part: Node
    count: int


class AllNode(msgspec.Struct, frozen=True):
    """All of two or more parts."""

    parts: tuple[Node, ...]


class AnyNode(msgspec.Struct, frozen=True):
    """Any of two or more parts."""

    parts: tuple[Node, ...]


class NotNode(msgspec.Struct, frozen=True):
    """Documents without ``part``."""

    part: Node


Node = WordNode | PhraseNode | CasedNode | NearNode | FieldNode | LeadNode | AtLeastNode | AllNode | AnyNode | NotNode


def show(node: Node) -> str:
    """``node`` in our language."""
    match node:
        case WordNode(text):
            return text if _BARE.fullmatch(text) and not _RESERVED.match(text) else f'"{text}"'
        case PhraseNode(text):
            return f'"{text}"'
        case CasedNode(part):
            return f"cs:{show(part)}"
        case NearNode(left, right, words, ordered):
            return f"{_inner(left)} {'O' if ordered else ''}NEAR/{words} {_inner(right)}"
        case FieldNode(field, part):
            return f"{field}:{_inner(part)}"
        case LeadNode(part, words):
            return f"LEAD/{words}({show(part)})"
        case AtLeastNode(part, count):
            return f"ATLEAST/{count}({show(part)})"
        case AllNode(parts):
            return " AND ".join(_clause(part) for part in parts)
        case AnyNode(parts):
            return " OR ".join(_clause(part) for part in parts)
        case NotNode(part):
            return f"NOT {_inner(part)}"
    raise TypeError(f"no text for {type(node).__name__}")


def _inner(node: Node) -> str:
    return f"({show(node)})" if isinstance(node, NearNode | AllNode | AnyNode | NotNode) else show(node)


def _clause(node: Node) -> str:
    return show(node) if isinstance(node, NotNode) else _inner(node)


def all_of(parts: Sequence[Node]) -> Node:
    """The flat conjunction of ``parts``; a single part is returned unchanged."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllNode) else (part,))]
    return flat[0] if len(flat) == 1 else AllNode(tuple(flat))


def any_of(parts: Sequence[Node]) -> Node:
    """The flat disjunction of ``parts``; a single part is returned unchanged."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AnyNode) else (part,))]
    return flat[0] if len(flat) == 1 else AnyNode(tuple(flat))


def negative(node: Node) -> Node:
    """Not ``node``; two negations cancel out."""
    return node.part if isinstance(node, NotNode) else NotNode(node)


def leaves(node: Node) -> list[WordNode | PhraseNode]:
    """The words and phrases of ``node``, in reading order."""
    found: list[WordNode | PhraseNode] = []
    stack: list[Node] = [node]
    while stack:
        match stack.pop():
            case WordNode() | PhraseNode() as leaf:
                found.append(leaf)
            case NearNode(left, right):
                stack += [right, left]
            case AllNode(parts) | AnyNode(parts):
                stack += reversed(parts)
            case CasedNode(part) | FieldNode(_, part) | LeadNode(part, _) | AtLeastNode(part, _) | NotNode(part):
                stack.append(part)
    return found
