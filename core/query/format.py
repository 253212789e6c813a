"""Tree of a query → its text in one form: AND written out, straight quotes, no needless parentheses or quotes."""

from __future__ import annotations

import re

from core.query.ast import And, AtLeast, Cased, Field, Lead, Near, Node, Not, Or, Phrase, Query, Stemmed, Term
from core.query.check import Problem, check_word
from core.query.grammar import PREFIXES, QUOTES

_OR, _AND, _NOT, _NEAR, _SINGLE = range(5)  # how tightly a node binds
_BARE = re.compile(rf"[^\s()（）{QUOTES}\u200b]+")
_TAKEN = re.compile(rf"(?:AND|OR|NOT|O?NEAR/[0-9]+)$|(?:{'|'.join(PREFIXES)}):", re.IGNORECASE)


def format_query(query: Query) -> str:
    """One line that means the same: ``parse`` makes an equal query of it. Words stay as they were written."""
    return _text(query.root, _OR)


def format_node(node: Node) -> str:
    """``format_query`` of a part of a query."""
    return _text(node, _OR)


def _text(node: Node, within: int) -> str:
    binds, text = _bound(node)
    return text if binds >= within else f"({text})"


def _bound(node: Node) -> tuple[int, str]:
    match node:
        case Term(text=text) | Phrase(text=text):
            return _SINGLE, text if _stands_bare(text) else f'"{text}"'
        case And(parts=parts):
            return _AND, " AND ".join(_text(part, _NOT) for part in parts)
        case Or(parts=parts):
            return _OR, " OR ".join(_text(part, _AND) for part in parts)
        case Not(part=part):
            return _NOT, f"NOT {_text(part, _NOT)}"
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            operator = f"{'ONEAR' if ordered else 'NEAR'}/{distance}"
            return _NEAR, f"{_text(left, _NEAR)} {operator} {_text(right, _SINGLE)}"
        case Field(name=name, part=part):
            return _SINGLE, f"{name}:{_text(part, _SINGLE)}"
        case Cased(part=part):
            return _SINGLE, f"cs:{_text(part, _SINGLE)}"
        case Stemmed(part=part):
            return _SINGLE, f"stem:{_text(part, _SINGLE)}"
        case AtLeast(count=count, part=part):
            return _SINGLE, f"ATLEAST/{count}({_text(part, _OR)})"
        case Lead(count=count, part=part):
            return _SINGLE, f"LEAD/{count}({_text(part, _OR)})"
    raise TypeError(f"no text for {type(node).__name__}")


def _stands_bare(text: str) -> bool:
    if not _BARE.fullmatch(text) or _TAKEN.match(text):
        return False
    try:
        check_word(text, 0)
    except Problem:
        return False
    return True
