"""Brandwatch: NEAR/x in either order, NEAR/xf in order, "…"~n, raw: with capitals, fields for the place of a mention."""

from __future__ import annotations

import re
from typing import ClassVar

from core.query.importing.reader import DialectReader, Lexer, Token, alone
from core.query.importing.tree import CasedNode, Node, PhraseNode, WordNode
from core.query.parse import OPERAND

_FIELDS = {"title": "title", "url": "url", "author": "author", "authorname": "author", "site": "url"}
_FIELDS |= {"language": "lang", "lang": "lang"}


class Brandwatch(DialectReader):
    """A Brandwatch query."""

    name = "Brandwatch"
    lexer: ClassVar = Lexer(
        (
            ("COMMENT", r"<<<(?:(?!>>>).|\n)*>>>"),
            ("AND", alone("AND")),
            ("OR", alone("OR")),
            ("NOT", alone("NOT")),
            ("NEAR", alone(r"(?i:near)/\d+[fF]?")),
            ("SLOP", r"~(\d+)"),
            ("CASED", r"\{([^{}]*)\}"),
            ("RAW", r"raw:"),
            ("FIELD", r"([A-Za-z_][\w.]*):(?!//)"),
            ("WORD", r"[^\s()（）\"“”„‟«»＂\u200b\ufeff~{}]+"),
        )
    )

    def __init__(self, query: str) -> None:
        super().__init__(query)
        for token in self._tokens:
            if token.kind == "COMMENT":
                self._note(token, "comments (<<< … >>>) were left out")
            if token.kind == "WORD" and token.text in ("and", "or", "not"):
                self._note(
                    token, f"lower-case {token.text} stayed a word, as in Brandwatch; an operator is in upper case"
                )
        self._tokens = [token for token in self._tokens if token.kind != "COMMENT"]

    def _distance(self, token: Token) -> tuple[int, bool] | None:
        if token.kind != "NEAR":
            if token.text == "NEAR":
                self._fail(token, "NEAR without a number", "NEAR/n or NEAR/nf")
            return None
        count = token.text.lower().removeprefix("near/")
        ordered, words = count.endswith("f"), self._number(token, count.removesuffix("f"))
        if ordered:
            self._note(token, f"{token.text} became ONEAR/{words}: the same order and distance")
        elif not token.text.isupper():
            self._upper(token, f"NEAR/{words}")
        return words, ordered

    def _special(self, token: Token) -> Node | None:
        if token.kind in ("RAW", "CASED"):
            return self._cased(token)
        if token.kind != "FIELD":
            return None
        why, instead = "articles have no such field", "one of title: site: url: author: language:"
        field = self._our_field(token, _FIELDS, f"{token.value}:", why, instead)
        return self._within(token, field, self._operand())

    def _word(self, token: Token, text: str) -> WordNode:
        if text[0] in "#@" and len(text) > 1:
            self._note(token, f"{text} became {text[1:]}: signs are not part of a word here")
            text = text[1:]
        return super()._word(token, text)

    def _cased(self, token: Token) -> CasedNode:
        value = token
        if token.kind == "RAW":
            value = self._take()
            if value.kind not in ("WORD", "PHRASE"):
                self._fail(value, f"raw: before {value.text or 'the end'}", 'a word or a "phrase" after raw:')
        text = " ".join(
            (value.value if value.kind == "PHRASE" else token.value if value is token else value.text).split()
        )
        if not text:
            self._fail(value, "nothing to search for", OPERAND)
        if sign := re.search(r"[^\w\s.'’-]", text):
            self._unknown(
                value, f"raw:{text}", f"signs such as {sign[0]} are not part of a word here", "letters and digits"
            )
        self._note(token, f"{'raw:' if token.kind == 'RAW' else '{…}'} became cs: capitals count")
        return CasedNode(PhraseNode(text) if " " in text else WordNode(text))

    def _suffix(self, node: Node) -> Node:
        if self._token.kind != "SLOP":
            return node
        return self._slop(self._take(), node)
