"""A query of any dialect as a neutral tree, and the tree in our language.

Nodes say what is meant, not how it was written: every dialect's distances are already the number of words *between*, and
its fields have our names. Text comes out with a pair of parentheses around each group inside another, so that nobody has to
know which operator binds tighter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

_BARE = re.compile(r"\w[\w*?.'’-]*")
_RESERVED = re.compile(r"(?:AND|OR|NOT|O?NEAR|ATLEAST|LEAD)$")


class Word(msgspec.Struct, frozen=True):
    """One word as written, wildcards included."""

    text: str


class Phrase(msgspec.Struct, frozen=True):
    """Words side by side, without the quotes."""

    text: str


class Cased(msgspec.Struct, frozen=True):
    """A word or phrase whose capitals count."""

    part: Word | Phrase


class Near(msgspec.Struct, frozen=True):
    """``left`` and ``right`` with at most ``words`` words between; ``ordered``: left comes first."""

    left: Node
    right: Node
    words: int
    ordered: bool


class In(msgspec.Struct, frozen=True):
    """``part`` within the field that our language calls ``field``."""

    field: str
    part: Node


class Lead(msgspec.Struct, frozen=True):
    """``part`` within the first ``words`` words."""

    part: Node
    words: int


class AtLeast(msgspec.Struct, frozen=True):
    """``part`` this many times or more."""

    part: Node
    count: int


class All(msgspec.Struct, frozen=True):
    """All of two or more parts."""

    parts: tuple[Node, ...]


class Any(msgspec.Struct, frozen=True):
    """Any of two or more parts."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True):
    """Documents without ``part``."""

    part: Node


Node = Word | Phrase | Cased | Near | In | Lead | AtLeast | All | Any | Not


def show(node: Node) -> str:
    """``node`` in our language."""
    match node:
        case Word(text):
            return text if _BARE.fullmatch(text) and not _RESERVED.match(text) else f'"{text}"'
        case Phrase(text):
            return f'"{text}"'
        case Cased(part):
            return f"cs:{show(part)}"
        case Near(left, right, words, ordered):
            return f"{_inner(left)} {'O' if ordered else ''}NEAR/{words} {_inner(right)}"
        case In(field, part):
            return f"{field}:{_inner(part)}"
        case Lead(part, words):
            return f"LEAD/{words}({show(part)})"
        case AtLeast(part, count):
            return f"ATLEAST/{count}({show(part)})"
        case All(parts):
            return " AND ".join(_clause(part) for part in parts)
        case Any(parts):
            return " OR ".join(_clause(part) for part in parts)
        case Not(part):
            return f"NOT {_inner(part)}"
    raise TypeError(f"no text for {type(node).__name__}")


def _inner(node: Node) -> str:
    return f"({show(node)})" if isinstance(node, Near | All | Any | Not) else show(node)


def _clause(node: Node) -> str:
    return show(node) if isinstance(node, Not) else _inner(node)


def all_of(parts: Sequence[Node]) -> Node:
    """The conjunction of ``parts``, flat; the part itself where there is one."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, All) else (part,))]
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def any_of(parts: Sequence[Node]) -> Node:
    """The alternative of ``parts``, flat; the part itself where there is one."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, Any) else (part,))]
    return flat[0] if len(flat) == 1 else Any(tuple(flat))


def negative(node: Node) -> Node:
    """Not ``node``; two negations cancel out."""
    return node.part if isinstance(node, Not) else Not(node)


def leaves(node: Node) -> list[Word | Phrase]:
    """The words and phrases of ``node``, in reading order."""
    found: list[Word | Phrase] = []
    stack: list[Node] = [node]
    while stack:
        match stack.pop():
            case Word() | Phrase() as leaf:
                found.append(leaf)
            case Near(left, right):
                stack += [right, left]
            case All(parts) | Any(parts):
                stack += reversed(parts)
            case Cased(part) | In(_, part) | Lead(part, _) | AtLeast(part, _) | Not(part):
                stack.append(part)
    return found
