"""Parses a vendor's query into tokens and these into the neutral tree: a lexer and a recursive parser for all dialects.

Loosest first: OR, AND (also side by side), NOT, fields and functions, distances. ``or_first`` swaps the two loosest
(Google). A dialect is a subclass with its own lexer rules, which are tried first, and the meanings of its tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple, NoReturn

from core.errors import QueryError
from core.query.importing.tree import (
    AllNode,
    FieldNode,
    NearNode,
    Node,
    PhraseNode,
    WordNode,
    all_of,
    any_of,
    leaves,
    negative,
)
from core.query.parse import MAX_LENGTH, MAX_NUMBER, OPERAND, QUOTES

MAX_DEPTH = 60
"""Levels of parentheses, below the limit of our own parser."""
_FOREIGN = re.compile(r"(?:o?near|adj|w|pre)/\d+f?|(?:o?near|adj)\d+", re.IGNORECASE)
_FIELD = re.compile(r"[A-Za-z_][\w.]*:(?!//|\d)")
CURLY = "curly quotes became straight ones"
END = "END"


class Token(NamedTuple):
    """``kind`` is the rule's name; ``value`` is its innermost capture (a number, a field's name), or the whole text."""

    kind: str
    text: str
    value: str
    start: int
    end: int


def alone(words: str) -> str:
    """The pattern for an operator that is a separate word."""
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
        """All tokens except spaces, and END. Raises QueryError for an unpaired quote and for a query that is too long."""
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


class ImportNote(NamedTuple):
    """A difference of the result. ``position`` is the code point of the vendor's text at which it first occurs."""

    position: int
    text: str


class DialectReader:
    """A query in one dialect. ``any_case``: AND, OR and NOT may also be written in lower case."""

    name: ClassVar[str]
    lexer: ClassVar[Lexer]
    or_first: ClassVar[bool] = False
    side_by_side: ClassVar[str] = "AND"
    any_case: ClassVar[bool] = False

    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = self.lexer.tokens(query)
        self._at = 0
        self._depth = 0
        self.changes: dict[str, int] = {}

    # Overridden by dialects.

    def _distance(self, token: Token) -> tuple[int, bool] | None:  # noqa: ARG002 - for dialects
        """The words between, and whether in order, if ``token`` is a distance operator."""
        return None

    def _special(self, token: Token) -> Node | None:  # noqa: ARG002 - for dialects
        """The operand that begins with ``token`` (already taken), if it is special to the dialect."""
        return None

    def _suffix(self, node: Node) -> Node:
        """The operand ``node`` with what follows directly and binds only to it."""
        return node

    def _behind(self, node: Node) -> Node:
        """``node``, joined by distances so far, with what follows and binds as tightly."""
        return node

    # For dialects.

    @property
    def _token(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    def _take(self) -> Token:
        """Take the next token."""
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        if self.any_case and token.kind in ("AND", "OR", "NOT") and not token.text.isupper():
            self._upper(token, token.text.upper())
        return token

    def _upper(self, token: Token, ours: str) -> None:
        self._note(token, f"{token.text} became {ours}: our operators are upper case")

    def _note(self, token: Token, text: str) -> None:
        """Record a change, once."""
        self.changes.setdefault(text, token.start)

    def _fail(self, token: Token, problem: str, expected: str | None = None) -> NoReturn:
        """Raise QueryError at ``token``."""
        raise QueryError(problem, query=self._query, position=token.start, expected=expected)

    def _unknown(self, token: Token, what: str, why: str, instead: str | None = None) -> NoReturn:
        """Raise QueryError for a construct without equivalent."""
        self._fail(token, f"{what} has no equivalent here: {why}", instead)

    def _our_field(self, token: Token, fields: Mapping[str, str], written: str, why: str, instead: str) -> str:
        """Our field for one of the dialect's, with a note if its name differs. Raises QueryError if there is none."""
        name = token.value.lower()
        if (field := fields.get(name)) is None:
            self._unknown(token, written, why, instead)
        if name == "site":
            self._note(token, "site: became url: the host is searched for in the article's address")
        elif written != f"{field}:":
            self._note(token, f"{written} became {field}:")
        return field

    def _within(self, token: Token, field: str, node: Node) -> Node:
        """``node`` in one of our fields. Raises QueryError for a language that is not a two-letter code."""
        return FieldNode(field, self._language(token, node) if field == "lang" else node)

    def _number(self, token: Token, text: str, least: int = 0) -> int:
        """The number in an operator, from ``least`` to MAX_NUMBER."""
        if not text.isdecimal() or len(text) > 4 or not least <= int(text) <= MAX_NUMBER:
            self._fail(token, f"{token.text} needs a number from {least} to {MAX_NUMBER}")
        return int(text)

    def _language(self, token: Token, node: Node) -> Node:
        """``node``, a value of lang:. Raises QueryError unless it consists of two-letter codes."""
        for leaf in leaves(node):
            if not re.fullmatch(r"[A-Za-z]{2}", leaf.text):
                self._fail(token, f"{leaf.text} is not a language code", "two letters, such as en or fr")
        return node

    # The grammar.

    def read(self) -> Node:
        """The whole query."""
        if self._token.kind == END:
            self._fail(self._token, "the query is empty", OPERAND)
        node = self._group()
        if self._token.kind != END:
            self._fail(
                self._token, f"{self._token.text} has no opening bracket", "an operator, another term or the end"
            )
        return node

    def _group(self) -> Node:
        """A query within parentheses, or the whole query."""
        return self._all() if self.or_first else self._any()

    def _any(self) -> Node:
        parts = [self._unit() if self.or_first else self._all()]
        while self._token.kind == "OR":
            self._take()
            parts.append(self._unit() if self.or_first else self._all())
        return any_of(parts)

    def _all(self) -> Node:
        parts = [self._any() if self.or_first else self._unit()]
        while self._token.kind not in (END, "RPAR", "OR"):
            if self._token.kind == "AND":
                self._take()
            elif self._token.kind != "NOT" and self.side_by_side != "AND":
                self._fail(self._token, f"found {self._token.text}", "and, or or not before it")
            parts.append(self._any() if self.or_first else self._unit())
        return all_of(parts)

    def _unit(self) -> Node:
        """A term, possibly negated, with its distances."""
        flips = 0
        while self._token.kind == "NOT":
            self._take()
            flips += 1
        node = self._near()
        return negative(node) if flips % 2 else node

    def _near(self) -> Node:
        """Operands with distances between them, from left to right, all with the same precedence."""
        node, distances = self._behind(self._run()), 0
        while (found := self._distance(self._token)) is not None:
            # In our language each needs its own parentheses.
            distances += 1
            if distances > MAX_DEPTH:
                self._fail(self._token, f"more than {MAX_DEPTH} distances in a row", "a shorter chain")
            self._take()
            words, ordered = found
            node = self._behind(NearNode(node, self._run(), words, ordered))
        return node

    def _run(self) -> Node:
        """An operand; if side by side means adj, all operands side by side.

        They bind before any distance: Factiva's own examples read "carrefour near5 retail sales" this way.
        """
        node = self._operand()
        while self.side_by_side == "ADJ" and self._token.kind in ("WORD", "PHRASE", "LPAR"):
            self._note(self._token, f'terms side by side must be written so: {self.name} reads them as "a adj b"')
            right = self._operand()
            if isinstance(node, WordNode | PhraseNode) and isinstance(right, WordNode | PhraseNode):
                node = PhraseNode(f"{node.text} {right.text}")
            else:
                node = NearNode(node, right, 0, True)
        return node

    def _operand(self) -> Node:
        """The operand of a distance."""
        token = self._token
        if token.kind in (END, "RPAR", "AND", "OR", "NOT"):
            self._fail(token, f"found {token.text}" if token.text else "the query ends here", OPERAND)
        if self._depth > MAX_DEPTH:
            self._fail(token, f"groups and fields are nested more than {MAX_DEPTH} levels deep", "fewer parentheses")
        self._take()
        self._depth += 1
        node = self._special(token)
        if node is None:
            node = self._common(token)
        self._depth -= 1
        return self._suffix(node)

    def _common(self, token: Token) -> Node:
        if token.kind == "LPAR":
            return self._closed(token)
        if token.kind == "PHRASE":
            return self._phrase(token)
        if token.kind != "WORD":
            self._fail(token, f"found {token.text}", OPERAND)
        return self._word(token, token.text)

    def _closed(self, opening: Token) -> Node:
        """The group after ``opening``, which is already taken."""
        node = self._group()
        if self._token.kind != "RPAR":
            self._fail(
                opening, f"this {opening.text[-1]} is never closed", "its closing bracket before the end of the query"
            )
        self._take()
        return node

    def _phrase(self, token: Token) -> WordNode | PhraseNode:
        """The words between quotes."""
        if token.text[0] != '"' or token.text[-1] != '"':
            self._note(token, CURLY)
        text = " ".join(token.value.split())
        if not any(char.isalnum() for char in text):
            self._fail(token, "nothing to search for between the quotes", "words between the quotes")
        for word in text.split():
            self._wildcards(token, word)
        return PhraseNode(text) if " " in text else WordNode(text)

    def _word(self, token: Token, text: str) -> WordNode:
        """A bare word."""
        text = text.strip(QUOTES + ",;")
        if not any(char.isalnum() for char in text):
            self._fail(token, f"no letter or digit in {token.text}", OPERAND)
        # Each of these would be searched for as words, which would silently change the query's meaning.
        if re.fullmatch(r"~\d*", text):
            self._unknown(token, text, f"{self.name} is not known to have a distance after a phrase")
        if _FOREIGN.fullmatch(text):
            self._unknown(token, text, f"{self.name} has no such operator", "quotes around it if you mean the word")
        if field := _FIELD.match(text):
            self._unknown(token, field[0], f"{self.name} has no such field", "quotes around it if you mean the words")
        self._wildcards(token, text)
        return WordNode(text)

    def _slop(self, token: Token, node: Node) -> Node:
        """``node`` with the distance of ``token``, which follows it, between all its words."""
        words = self._number(token, token.value)
        parts: tuple[Node, ...] = ()
        if isinstance(node, PhraseNode):
            parts = tuple(WordNode(word) for word in node.text.split())
        elif isinstance(node, AllNode):
            parts = node.parts
        if len(parts) < 2:
            what = "a single term" if isinstance(node, WordNode) else "no phrase"
            self._fail(token, f"{token.text} follows {what}", 'a "phrase" of two or more words before it')
        near = parts[0]
        for part in parts[1:]:
            near = NearNode(near, part, words, False)
        if len(parts) == 2:
            self._note(token, f"{token.text} after a phrase became NEAR/{words} between its words")
        else:
            self._note(
                token,
                f"{token.text} after {len(parts)} words became NEAR/{words} from each to the next: a little wider than "
                f"{self.name}, which counts the distance once for all",
            )
        return near

    def _wildcards(self, token: Token, word: str) -> None:
        """Raise QueryError for a wildcard that our language does not have."""
        if word[0] in "*?":
            self._unknown(token, word, "no word can begin with a wildcard", "a letter or digit before the wildcard")
