"""A dialect's text into tokens. What all dialects share is here; a dialect adds its own rules, which are tried first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from core.errors import QueryError

QUOTES = '"“”„‟«»＂'
MAX_LENGTH = 100_000
"""Code points of the longest query that is taken."""


class Token(NamedTuple):
    """``kind`` is a rule's name; ``value`` its innermost capture (a number, a field's name), or the whole text."""

    kind: str
    text: str
    value: str
    start: int
    end: int


END = "END"


def alone(words: str) -> str:
    """The pattern of an operator that is a word by itself. A lower-case letter in ``words`` stands for either case."""
    return rf"(?:{words})(?=[\s()\[\]{QUOTES}]|$)"


class Lexer:
    """The rules of one dialect: pairs of a kind and a pattern, which may capture one value."""

    def __init__(self, rules: Iterable[tuple[str, str]], *, brackets: bool = False) -> None:
        opening, closing = (r"[(（\[]", r"[)）\]]") if brackets else (r"[(（]", r"[)）]")
        shared = (
            ("SPACE", r"[\s\u200b\ufeff]+"),
            ("PHRASE", rf"[{QUOTES}]([^{QUOTES}]*)[{QUOTES}]"),
            ("LPAR", opening),
            ("RPAR", closing),
            ("WORD", rf"[^\s()（）{QUOTES}\u200b\ufeff{re.escape('[]') if brackets else ''}]+"),
        )
        self._rules = [(kind, re.compile(pattern)) for kind, pattern in (*rules, *shared)]

    def tokens(self, query: str) -> list[Token]:
        """All tokens but spaces, with an END. Raises QueryError for a quote without a partner, and for an overlong query."""
        if len(query) > MAX_LENGTH:
            problem = f"the query has {len(query)} characters"
            raise QueryError(problem, query=query, position=MAX_LENGTH, expected=f"at most {MAX_LENGTH} characters")
        tokens: list[Token] = []
        position = 0
        while position < len(query):
            kind, found = self._match(query, position)
            if kind != "SPACE":
                value = next((group for group in found.groups() if group is not None), found[0])
                tokens.append(Token(kind, found[0], value, position, found.end()))
            position = found.end()
        tokens.append(Token(END, "", "", len(query), len(query)))
        return tokens

    def _match(self, query: str, position: int) -> tuple[str, re.Match[str]]:
        for kind, pattern in self._rules:
            if found := pattern.match(query, position):
                return kind, found
        raise QueryError("this quote is never closed", query=query, position=position, expected="a closing quote")
