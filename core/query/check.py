"""What a parser's grammar can't refuse well: words that would silently mean something else than their writer thinks."""

from __future__ import annotations

import re
from difflib import get_close_matches

from lark import Token

from core.query.ast import And, AtLeast, Cased, Exact, Field, Lead, Near, Node, Not, Or, Phrase, Stemmed, Term
from core.query.grammar import OPERAND, PREFIXES

MAX_NUMBER = 1_000
"""Largest n of NEAR/n, ATLEAST/n; LEAD/n may be ten times that."""

_FIELD = re.compile(r"([^\W\d_]+):(?!//)")
_OPERATOR = re.compile(r"(O?NEAR|ATLEAST|LEAD)(?:/.*)?$", re.DOTALL)
_EXCLUDED = re.compile(r"[-!]\w")


class Problem(Exception):
    """A QueryError in the making: the query's text is added by ``parse``."""

    def __init__(self, position: int, problem: str, expected: str) -> None:
        super().__init__(problem)
        self.position, self.problem, self.expected = position, problem, expected


def nearest_field(name: str) -> str | None:
    """The field that was probably meant by ``name``."""
    known = {"site": "url", "domain": "url", "text": "body", "headline": "title", "hd": "title", "intitle": "title",
             "language": "lang", "by": "author", "byline": "author", "publication": "source", "case": "cs"}  # fmt: skip
    close = get_close_matches(name.lower(), PREFIXES, n=1)
    return known.get(name.lower()) or (close[0] if close else None)


def check_word(text: str, start: int) -> None:
    """Raise Problem where the bare word ``text`` looks like an operator or field that it is not."""
    if field := _FIELD.match(text):
        meant = nearest_field(field[1])
        known = f"{meant}:" if meant else ", ".join(f"{name}:" for name in PREFIXES)
        raise Problem(
            start, f'unknown field "{field[0]}"', f"a term or a field ({known}); words with a colon in quotes"
        )
    if operator := _OPERATOR.match(text):
        name = operator[1]
        if name.endswith("NEAR"):
            raise Problem(
                start, f"{text} is no operator", f"{name}/5 with spaces around it, or in lower case for the word"
            )
        raise Problem(start, f"{text} is no function", f"{name}/5(...), or in lower case for the word")
    if _EXCLUDED.match(text):
        raise Problem(start, f'"{text[0]}" excludes nothing here', "NOT before the term that must be absent")
    if set(text) <= {"&", "|", "!"}:
        raise Problem(start, f"{text} is no operator", "AND, OR or NOT")


def number_of(token: Token, least: int) -> int:
    """The n of ``NEAR/n`` and its like."""
    name, _, digits = str(token).partition("/")
    most = 10 * MAX_NUMBER if name == "LEAD" else MAX_NUMBER
    # The length first: Python refuses to read numbers of thousands of digits.
    if len(digits) > 9 or not least <= int(digits) <= most:
        shown = digits if len(digits) < 12 else f"{digits[:9]}..."
        raise Problem(
            token.start_pos or 0, f"{name}/{shown} is out of range", f"{name}/n with n from {least} to {most}"
        )
    return int(digits)


def raise_for_wildcard(node: Node) -> None:
    """Raise Problem for the first word below ``node`` that has a wildcard."""
    if isinstance(node, Term | Phrase):
        words = (node.word,) if isinstance(node, Term) else tuple(word for _, word in node.words)
        if not all(isinstance(word, Exact) for word in words):
            raise Problem(
                node.start,
                f"stem: finds inflections by itself, {node.text} has a wildcard",
                f"{OPERAND} without wildcards",
            )
    for part in children(node):
        raise_for_wildcard(part)


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
