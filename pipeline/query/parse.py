"""Text of a query → tree. Every error names the place and what was expected, in the words of the query language."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from pipeline.errors import QueryError
from pipeline.query.ast import And, Exact, Node, Not, Or, Phrase, Prefix, Query, Term, Wild, WordPattern
from pipeline.query.grammar import GRAMMAR, OPERAND, OPERATOR
from pipeline.query.words import query_words

MAX_LENGTH = 100_000
"""Code points of the longest query that is taken."""
MAX_DEPTH = 64
"""Levels of AND within OR within NOT …; parentheses that add no level are free, however many."""

_FIELD = re.compile(r"([^\W\d_]+):")
_RESERVED = re.compile(r"(?:O?NEAR(?:/\d*)?|(?:ATLEAST|LEAD)/\d*)$")
_EXCLUDED = re.compile(r"[-!]\w")
_SHOWN = {"_AND": "AND", "_OR": "OR", "_NOT": "NOT", "_LPAR": '"("', "_RPAR": '")"'}


class _Problem(Exception):
    """A QueryError in the making: the query's text is added by ``parse``."""

    def __init__(self, position: int, problem: str, expected: str | None) -> None:
        super().__init__(problem)
        self.position, self.problem, self.expected = position, problem, expected


class _Part(NamedTuple):
    """A node with its height, so that flattening and the limit of depth need no walk."""

    node: Node
    height: int


def _pattern(key: str, position: int) -> WordPattern:
    if not key.strip("*?"):
        raise _Problem(position, f"{key} stands alone", "a letter or digit before the wildcard")
    if key[0] in "*?":
        raise _Problem(position, "a word can't begin with a wildcard", "a letter or digit before the wildcard")
    key = re.sub(r"\*+", "*", key)
    if key.endswith("*") and not set(key[:-1]) & {"*", "?"}:
        return Prefix(key[:-1])
    return Wild(key) if set(key) & {"*", "?"} else Exact(key)


def _words(text: str, start: int, end: int) -> Term | Phrase:
    """The node of a bare word or of the inside of a phrase, which lies at ``start`` to ``end`` of the query."""
    words = query_words(text)
    placed: list[tuple[int, WordPattern]] = []
    for i, word in enumerate(words):
        if word.unspaced:
            placed.append((word.offset, Exact(word.key, word.width)))
            continue
        if i and words[i - 1].unspaced and not word.key.strip("*?"):
            problem = "no wildcard can stand inside words that are written without spaces"
            raise _Problem(start + word.start, problem, "the characters themselves, or AND between the parts")
        placed.append((word.offset, _pattern(word.key, start + word.start)))
    if not placed:
        raise _Problem(start, f"no letter or digit in {text}", OPERAND)
    if len(placed) == 1:
        return Term(placed[0][1], start, end)
    return Phrase(tuple(placed), start, end)


def _check(token: Token) -> None:
    """Refuse a bare word that would silently mean something else than its writer thinks."""
    text, start = str(token), token.start_pos or 0
    if field := _FIELD.match(text):
        problem = f'"{field[0]}" is no part of the query language yet'
        raise _Problem(start, problem, 'a term; put words with a colon into quotes, "like: this"')
    if _RESERVED.match(text):
        raise _Problem(start, f"{text} is no part of the query language yet", f"{OPERAND}; in lower case it is a word")
    if _EXCLUDED.match(text):
        raise _Problem(start, f'"{text[0]}" excludes nothing here', "NOT before the term that must be absent")
    if set(text) <= {"&", "|", "!"}:
        raise _Problem(start, f"{text} is no operator", "AND, OR or NOT")


@v_args(inline=True)
class _Builder(Transformer[Token, _Part]):
    """Called by the parser at each reduction, from the leaves up: nothing here walks a tree."""

    def word(self, token: Token) -> _Part:
        _check(token)
        return _Part(_words(str(token), token.start_pos or 0, token.end_pos or 0), 1)

    def phrase(self, token: Token) -> _Part:
        start, end = token.start_pos or 0, token.end_pos or 0
        inside = str(token)[1:-1]
        if not inside.strip():
            raise _Problem(start, "nothing between the quotes", "words between the quotes")
        node = _words(inside, start + 1, end - 1)
        return _Part(Term(node.word, start, end) if isinstance(node, Term) else Phrase(node.words, start, end), 1)

    def group(self, part: _Part) -> _Part:
        return part

    def negated(self, part: _Part) -> _Part:
        if isinstance(part.node, Not):
            return _Part(part.node.part, part.height - 1)
        return _raised(Not(part.node, part.node.start, part.node.end), part.height)

    def all_of(self, *parts: _Part) -> _Part:
        nodes: list[Node] = []
        for part in parts:
            nodes.extend(part.node.parts if isinstance(part.node, And) else (part.node,))
        height = max(part.height - isinstance(part.node, And) for part in parts)
        return _raised(And(tuple(nodes), nodes[0].start, nodes[-1].end), height)

    def any_of(self, *parts: _Part) -> _Part:
        nodes: list[Node] = []
        for part in parts:
            nodes.extend(part.node.parts if isinstance(part.node, Or) else (part.node,))
        height = max(part.height - isinstance(part.node, Or) for part in parts)
        return _raised(Or(tuple(nodes), nodes[0].start, nodes[-1].end), height)


def _raised(node: Node, below: int) -> _Part:
    if below >= MAX_DEPTH:
        raise _Problem(
            node.start, f"AND, OR and NOT are nested more than {MAX_DEPTH} deep", "fewer levels of parentheses"
        )
    return _Part(node, below + 1)


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", transformer=_Builder(), maybe_placeholders=False)


def _unexpected(error: UnexpectedToken, query: str) -> _Problem:
    kind = str(error.token.type)
    at_end = kind == "$END"
    position = len(query) if at_end else error.token.start_pos or 0
    if "WORD" in error.expected and "_AND" not in error.expected:  # an operand has to come next
        return _Problem(position, "the query ends here" if at_end else f"found {_SHOWN[kind]}", OPERAND)
    if at_end:
        return _Problem(_unclosed(query), 'this "(" is never closed', '")" before the end of the query')
    return _Problem(position, 'this ")" closes nothing', OPERATOR)


def _unclosed(query: str) -> int:
    """Position of the innermost parenthesis that is open at the end of ``query``."""
    opened: list[int] = []
    for token in _parser().lex(query):
        if token.type == "_LPAR":
            opened.append(token.start_pos or 0)
        elif token.type == "_RPAR":
            opened.pop()
    return opened[-1]


def parse(query: str) -> Query:
    """The tree of ``query``. Raises QueryError, whose position counts code points from 0.

    ``a NOT b`` is ``a AND NOT b``; ``NOT NOT a`` is ``a``. A query of nothing but NOT is legal: it matches every document
    without the word, and shows nothing. Errors of single words are found in reading order, with those of syntax.
    """
    if not query.strip():
        raise QueryError("the query is empty", query=query, position=0, expected=OPERAND)
    if len(query) > MAX_LENGTH:
        problem = f"the query has {len(query)} characters"
        raise QueryError(problem, query=query, position=MAX_LENGTH, expected=f"at most {MAX_LENGTH} characters")
    try:
        part = cast("_Part", _parser().parse(query))  # the transformer's result, not a tree
    except _Problem as problem:
        found = problem
    except UnexpectedToken as error:
        found = _unexpected(error, query)
    except UnexpectedCharacters as error:
        found = _Problem(error.pos_in_stream or 0, "this quote is never closed", "a closing quote")
    else:
        return Query(query, part.node)
    raise QueryError(found.problem, query=query, position=found.position, expected=found.expected)
