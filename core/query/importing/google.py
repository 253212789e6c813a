"""Google search and Alerts: words side by side mean AND, OR binds tighter than that, -term excludes, site: and intitle:."""

from __future__ import annotations

from typing import ClassVar

from core.query.importing.reader import DialectReader, Lexer, Token, alone
from core.query.importing.tree import FieldNode, Node, PhraseNode, WordNode
from core.query.parse import QUOTES

_FIELDS = {"intitle": "title", "inurl": "url", "site": "url", "intext": "body", "inbody": "body", "source": "source"}
_FIELDS |= {"author": "author", "inauthor": "author"}
_ALL_OF = {"allintitle": "title", "allinurl": "url", "allintext": "body"}


class Google(DialectReader):
    """A Google query."""

    name = "Google"
    or_first = True
    lexer: ClassVar = Lexer(
        (
            ("OR", alone("OR")),
            ("OR", r"\|+"),
            ("AND", alone("AND")),
            ("NOT", rf"[-−–](?=[\w({QUOTES}])"),
            ("PLUS", rf"\+(?=[\w{QUOTES}])"),
            ("NEAR", r"(?i:around)\((\d+)\)"),
            ("SYNONYM", r"~\w+"),
            ("RANGE", r"\$?\d+\.\.\$?\d*"),
            ("FIELD", r"([A-Za-z_][\w.]*):(?!//)\s*"),
        )
    )

    def __init__(self, query: str) -> None:
        super().__init__(query)
        for token in self._tokens:
            if token.kind == "PLUS":
                self._note(token, "+ was left out: here a word is always found as written")
            elif token.kind == "OR" and "|" in token.text:
                self._note(token, "| became OR")
            elif token.kind == "NOT":
                self._note(token, "- before a term became NOT")
            elif token.kind == "WORD" and token.text in ("or", "and", "NOT"):
                self._note(token, f"{token.text} stayed a word: it is not an operator in Google's search either")
        self._tokens = [token for token in self._tokens if token.kind != "PLUS"]

    def _distance(self, token: Token) -> tuple[int, bool] | None:
        if token.kind != "NEAR":
            return None
        words = self._number(token, token.value)
        self._note(token, f"{token.text} became NEAR/{words}")
        return words, False

    def _special(self, token: Token) -> Node | None:
        if token.kind == "SYNONYM":
            self._unknown(token, token.text, "there are no synonyms", "the words that you mean, with OR between")
        if token.kind == "RANGE":
            self._unknown(token, token.text, "there are no ranges of numbers", "the numbers, with OR between")
        if token.kind != "FIELD":
            return None
        name = token.value.lower()
        if name in _ALL_OF:
            field = _ALL_OF[name]
            self._note(token, f"{token.value}: became {field}:(…) around all that follows")
            return FieldNode(field, self._group())
        why, instead = "articles have no such field", "one of site: intitle: inurl: intext: source:"
        return FieldNode(self._our_field(token, _FIELDS, f"{token.value}:", why, instead), self._operand())

    def _phrase(self, token: Token) -> WordNode | PhraseNode:
        if "*" in token.value:
            self._unknown(token, "* within a phrase", "no sign means any words", "ONEAR/n between the two halves")
        return super()._phrase(token)

    def _word(self, token: Token, text: str) -> WordNode:
        if "*" in text:
            self._unknown(token, text, "Google's * means whole words", "ONEAR/n between the words around it")
        text = text.strip("?!.,;")
        self._note(
            token,
            "Google also finds other forms and spellings of a word without quotes; here it is found as written: to find its "
            "forms, write stem:word or word*",
        )
        return super()._word(token, text)
