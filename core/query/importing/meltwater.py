"""Meltwater: NEAR is up to 4 words between, NEAR/n up to n, ONEAR in order; NOT binds tighter than AND, AND tighter than OR."""

from __future__ import annotations

from typing import ClassVar

from core.query.importing.reader import DialectReader, Lexer, Token, alone
from core.query.importing.tree import AtLeastNode, LeadNode, Node

_NEAR_WORDS = 4
_INGRESS_WORDS = 60
_FIELDS = {
    "title": "title", "url": "url", "author": "author", "source": "source", "metadata.source.name": "source",
    "language": "lang", "lang": "lang",
}  # fmt: skip


class Meltwater(DialectReader):
    """A Meltwater query."""

    name = "Meltwater"
    any_case = True
    lexer: ClassVar = Lexer(
        (
            ("AND", alone("(?i:and)")),
            ("OR", alone("(?i:or)")),
            ("NOT", alone("(?i:not)")),
            ("NEAR", alone(r"(?i:onear|near)(?:/\d+)?")),
            ("WORD", alone(r"(?i:w|pre|adj)/\d+")),
            ("SLOP", r"~(\d+)"),
            ("BOOST", r"\^\d*"),
            ("TIMES", r"/(\d+)(?=[\s()（）^\u200b\ufeff]|$)"),
            ("FIELD", r"([A-Za-z_][\w.]*):(?!//)\s*"),
            (
                "WORD",
                r"(?:(?!~\d+(?:[\s()（）^]|$))[^\s()（）\"“”„‟«»＂\u200b\ufeff^/])+(?:/(?!\d+(?:[\s()（）^\u200b\ufeff]|$))[^\s()（）\"“”„‟«»＂\u200b\ufeff^/]*)*",
            ),
        )
    )

    def _distance(self, token: Token) -> tuple[int, bool] | None:
        if token.kind != "NEAR":
            return None
        operator, _, count = token.text.upper().partition("/")
        if not count:
            self._note(
                token, f"{operator} became {operator}/{_NEAR_WORDS}: Meltwater allows {_NEAR_WORDS} words between"
            )
        elif token.text != token.text.upper():
            self._upper(token, token.text.upper())
        return self._number(token, count) if count else _NEAR_WORDS, operator == "ONEAR"

    def _special(self, token: Token) -> Node | None:
        if token.kind != "FIELD":
            return None
        name = token.value.lower()
        if name == "ingress":
            self._note(
                token,
                f"ingress: became LEAD/{_INGRESS_WORDS}(…): Meltwater's opening paragraph has no fixed length; the first "
                f"{_INGRESS_WORDS} words are used instead",
            )
            return LeadNode(self._operand(), _INGRESS_WORDS)
        why, instead = "none of our fields has it", "one of title: url: author: source: lang:"
        field = self._our_field(token, _FIELDS, f"{token.value}:", why, instead)
        return self._within(token, field, self._operand())

    def _suffix(self, node: Node) -> Node:
        while self._token.kind in ("BOOST", "TIMES", "SLOP"):
            token = self._take()
            if token.kind == "SLOP":
                node = self._slop(token, node)
                continue
            if token.kind == "TIMES":
                count = self._number(token, token.value, 1)
                self._note(token, f"{token.text} after a term became ATLEAST/{count}(…): that many times or more")
                node = AtLeastNode(node, count)
                continue
            self._note(token, f"{token.text} was left out: it only selects the sentence that Meltwater shows")
        return node
