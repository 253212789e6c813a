"""Factiva: adjN and w/N in order, counted from 1; nearN and /Nn/ in either order; /Fn/, atleastN, fields such as hd=.

Binding, tightest first: parentheses, distances, atleast and fields, not, and, or. Words side by side mean adj.
"""

from __future__ import annotations

import re
from typing import ClassVar

from core.query.importing.reader import DialectReader, Lexer, Token, alone
from core.query.importing.tree import AtLeastNode, LeadNode, Node, WordNode
from core.query.parse import QUOTES

_FIELDS = {"hd": "title", "by": "author", "la": "lang", "sn": "source"}
_CODES = frozenset({"rst", "sc", "fds", "co", "ns", "re", "in", "pe", "de", "pub"})
_INSTEAD = {
    "hlp": 'title:(…) OR LEAD/60(…), which is nearly "headline and lead paragraph"',
    "lp": "LEAD/60(…), the first 60 words",
    "td": "body:(…), which includes the lead paragraph",
}


class Factiva(DialectReader):
    """A Factiva query."""

    name = "Factiva"
    side_by_side = "ADJ"
    lexer: ClassVar = Lexer(
        (
            ("AND", alone("(?i:and)")),
            ("OR", alone("(?i:or)")),
            ("NOT", alone("(?i:not)")),
            ("ORDERED", alone(r"(?i:adj)(\d*)")),
            ("ORDERED", alone(r"(?i:w)/(\d+)")),
            ("EITHER", alone(r"(?i:near)(\d*)")),
            ("EITHER", r"/[nN](\d+)/"),
            ("FIRST", r"/[fF](\d+)/"),
            ("SAME", alone("(?i:same)")),
            ("ATLEAST", alone(r"(?i:atleast)(\d*)")),
            ("WC", r"(?i:wc)\s*[<>=]+\s*\d*"),
            ("DATE", r"(?i:date)\s+(?i:from|to|after|before|on)\b"),
            ("FIELD", r"([A-Za-z]{2,5})="),
            ("BLANK", r"['‘’](?=\s|$)"),
            ("WORD", rf"(?:(?!/[nNfF]\d+/)[^\s()（）\[\]{QUOTES}\u200b\ufeff])+"),
        ),
        brackets=True,
    )

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self._tokens = [token for token in self._tokens if token.kind != "BLANK"]

    def _distance(self, token: Token) -> tuple[int, bool] | None:
        if token.kind == "SAME":
            self._unknown(token, token.text, "articles are not divided into paragraphs", "NEAR/50 between the terms")
        if token.kind not in ("ORDERED", "EITHER"):
            return None
        ordered = token.kind == "ORDERED"
        if not token.value.isdecimal() and not ordered:
            self._fail(token, f"{token.text} without a number", "near1 to near500")
        count = self._number(token, token.value, 1) if token.value.isdecimal() else 1
        between = "the words side by side" if count == 1 else f"0 to {count - 1} words between"
        text = f"{token.text} became {'O' if ordered else ''}NEAR/{count - 1}: "
        self._note(token, text + f"Factiva counts from 1, so {token.text} means {between}")
        return count - 1, ordered

    def _behind(self, node: Node) -> Node:
        while self._token.kind == "FIRST":
            token = self._take()
            words = self._number(token, token.value, 1)
            self._note(token, f"{token.text} became LEAD/{words}(…): the first {words} words")
            node = LeadNode(node, words)
        return node

    def _special(self, token: Token) -> Node | None:
        if token.kind == "WC":
            self._unknown(
                token, token.text, "a query can't ask for an article's number of words", "the query without it"
            )
        if token.kind == "DATE":
            self._unknown(
                token, token.text, "a query can't contain dates", "the query without it; set dates where you search"
            )
        if token.kind == "ATLEAST":
            if not token.value.isdecimal():
                self._fail(token, f"{token.text} without a number", "atleast2 to atleast50")
            count = self._number(token, token.value, 1)
            self._note(token, f"{token.text} became ATLEAST/{count}(…)")
            return AtLeastNode(self._near(), count)
        return self._field(token) if token.kind == "FIELD" else None

    def _field(self, token: Token) -> Node:
        name = token.value.lower()
        if name in _CODES:
            self._unknown(token, token.text, "articles have no Dow Jones codes", "words, or topic:")
        why, instead = "none of our fields has exactly that", _INSTEAD.get(name, "one of hd= by= la= sn=")
        field = self._our_field(token, _FIELDS, token.text, why, instead)
        return self._within(token, field, self._near())

    def _word(self, token: Token, text: str) -> WordNode:
        if text == "%":
            self._unknown(token, "%", "no sign means exactly one word", "ONEAR/1, which allows none or one between")
        if found := re.search(r"\$(\d*)$", text):
            if found[1]:
                self._unknown(token, found[0], "a wildcard can't be limited to a number of letters", "* or ?")
            text = text[: found.start()] + "*"
            self._note(token, "$ at the end of a word became *")
        elif text.endswith("*"):
            self._note(token, "* stayed, and now also finds the word without more letters: Factiva wants one or more")
        return super()._word(token, text.strip("'‘’"))
