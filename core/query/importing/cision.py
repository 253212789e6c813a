"""Cision: w/n in either order, AND NOT, functions such as cs("BEST") and headline(…). Accepts both of its syntaxes."""

from __future__ import annotations

from typing import ClassVar

from core.query.importing.reader import DialectReader, Lexer, Token, alone
from core.query.importing.tree import AllNode, AnyNode, CasedNode, Node, PhraseNode, WordNode

_FIELDS = {
    "headline": "title", "title": "title", "publication": "source", "source": "source", "outlet": "source",
    "author": "author", "byline": "author", "body": "body", "url": "url", "language": "lang",
}  # fmt: skip


class Cision(DialectReader):
    """A Cision query."""

    name = "Cision"
    any_case = True
    lexer: ClassVar = Lexer(
        (
            ("AND", alone("(?i:and)")),
            ("OR", alone("(?i:or)")),
            ("NOT", alone("(?i:not)")),
            ("NEAR", alone(r"(?i:w|pre|near|onear)/(?:\d+)")),
            ("FUNCTION", r"([A-Za-z_]+)[(（]"),
        )
    )

    def _distance(self, token: Token) -> tuple[int, bool] | None:
        if token.kind != "NEAR":
            return None
        name, _, count = token.text.partition("/")
        ordered = name.lower() in ("pre", "onear")
        words = self._number(token, count)
        becomes = f"{'O' if ordered else ''}NEAR/{words}"
        if becomes != token.text:
            self._note(token, f"{token.text} became {becomes}: up to {words} words between")
        return words, ordered

    def _special(self, token: Token) -> Node | None:
        if token.kind != "FUNCTION":
            return None
        name = token.value.lower()
        if name == "cs":
            self._note(token, "cs(…) became cs: capitals count")
            return self._cased(token, self._closed(token))
        why, instead = "none of our fields has it", "headline() publication() author() or cs()"
        field = self._our_field(token, _FIELDS, f"{token.value}(…)", why, instead)
        return self._within(token, field, self._closed(token))

    def _cased(self, token: Token, node: Node) -> Node:
        match node:
            case WordNode() | PhraseNode():
                return CasedNode(node)
            case AnyNode(parts):
                return AnyNode(tuple(self._cased(token, part) for part in parts))
            case AllNode(parts):
                return AllNode(tuple(self._cased(token, part) for part in parts))
            case _:
                why, instead = "capitals belong to single words", "cs() around each word"
                return self._unknown(token, "cs() around anything but words", why, instead)
