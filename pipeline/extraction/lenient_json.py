"""Reads the JSON in pages: parsed directly if it is well-formed, otherwise repaired in one pass over the text.

Pages often have invalid JSON: comments, CDATA marks, missing, trailing and repeated commas, names without quotes,
quotes within strings, backslashes before any character, raw line ends, JavaScript and Python values, missing values,
unfilled template marks, several values in a row, a truncated end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from core.html_tokens import unescaped

_MAX_JSON_CHARS = 4_000_000
_HEAD_CHARS = 200
_TYPOGRAPHIC = str.maketrans(dict.fromkeys("“”„‟", '"'))
_TYPOGRAPHIC_NAME = re.compile(r"[{\[,]\s*[“”„‟]@?\w")


def read_json(text: str) -> list[Any]:
    """The values in a script of JSON, repaired as far as possible; an empty list if nothing can be read."""
    text = _bare(text)
    if not text or len(text) > _MAX_JSON_CHARS:
        return []
    if text[:1] in "{[" and '"' not in text[:_HEAD_CHARS]:
        if "&quot;" in text[:_HEAD_CHARS]:
            text = unescaped(text)
        elif _TYPOGRAPHIC_NAME.search(text[:_HEAD_CHARS]):
            text = text.translate(_TYPOGRAPHIC)
    try:
        return [json.loads(text, strict=False)]
    except (ValueError, RecursionError):
        pass
    try:
        return list(_values(_Mender(text).mended()))
    except RecursionError:
        return []


_HEAD = re.compile(r"\A(?:\s|\ufeff|//(?=\s*<)|/\*|\*/|<!--|-->|<!\[CDATA\[|\]\]>|;)++")
# Of the text from its end: searched for at the end of a long text, each place would be a beginning.
_TAIL_REVERSED = re.compile(r"\A(?:\s|\ufeff|//|\*/|/\*|--!<|>--|\[ATADC\[!<|>\]\]|;)++")


def _bare(text: str) -> str:
    """Without the marks that hide a script from old browsers and XML parsers."""
    head = _HEAD.match(text)
    text = text[head.end() :] if head else text
    tail = _TAIL_REVERSED.match(text[::-1])
    return text[: len(text) - tail.end()] if tail else text


def _values(text: str) -> Iterator[Any]:
    """Every value in a text that holds several one after another."""
    decoder = json.JSONDecoder(strict=False)
    place = 0
    while place < len(text):
        while place < len(text) and text[place] not in "{[":
            place += 1
        if place >= len(text):
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError:
            place += 1
            if place > 1_000:  # a broken value is not tried again from each of its brackets
                return
        else:
            yield value


_NEXT = re.compile(r"\s*")
_AFTER_COMMA = re.compile(r"\s*(?:[\"'{\[}\]\d-]|[A-Za-z_$@][\w$@]{0,60}\s*(?:[:,}\]]|$)|/[/*]|\\[nrt]|$)")
# The next line begins with a name: the comma between was left out.
_NAME_BELOW = re.compile(r"[ \t\r]*\n\s*([\"'])@?[\w$.-]{1,60}\1\s*:")
_COLON = re.compile(r"\s*:")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_WORD = re.compile(r"[A-Za-z_$@%<][\w$@%.<>]*+")
_DIGITS = re.compile(r"-?[\d.][\w.+-]*+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_JUNK = re.compile(r"[^,}\]\n\"'()]*+")
_CLOSERS = {"{": "}", "[": "]"}
_LITERALS = {"true": "true", "false": "false"}
"""Any other bare word where a value stands (undefined, None, NaN, a call) is null."""


class _Mender:
    """Rewrites a text as JSON, token by token, in one pass. ``last`` is the kind of the previous token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.out: list[str] = []
        self.open: list[str] = []
        self.last = ""

    def mended(self) -> str:
        text, end = self.text, len(self.text)
        while self.place < end:
            char = text[self.place]
            if not self.open and char not in "{[/":
                self.place += 1
            elif char in "\"'`":
                is_name = self.open[-1] == "{" and self.last != ":"
                piece, self.place = _string(text, self.place, is_name=is_name)
                self._value(piece)
            elif char == "/" and text[self.place + 1 : self.place + 2] in ("/", "*"):
                self.place = _after_comment(text, self.place)
            elif char in "{[":
                self._opened(char)
            elif char in "}]":
                self._closed(char)
            elif char in ",:":
                self._mark(char)
            elif char.isdigit() or char in "-.":
                self._number()
            elif _WORD.match(text, self.place):
                self._word()
            else:
                self.place += 1
        if self.last == ":":
            self.out.append("null")
        self.out.extend(_CLOSERS[bracket] for bracket in reversed(self.open))
        return "".join(self.out)

    def _value(self, piece: str) -> None:
        if self.last == "value":
            self.out.append(",")
        self.out.append(piece)
        self.last = "value"

    def _opened(self, char: str) -> None:
        if char == "{" and self.last == ":" and self.text.startswith("{{", self.place):
            end = self.text.find("}}", self.place)  # a template's mark
            self.place = len(self.text) if end < 0 else end + 2
            self._value("null")
            return
        if self.last == "value" and self.open:
            self.out.append(",")
        self.out.append(char)
        self.open.append(char)
        self.last = char
        self.place += 1

    def _closed(self, char: str) -> None:
        self.place += 1
        if _CLOSERS[self.open[-1]] != char:
            return
        if self.last == ":":
            self.out.append("null")
        self.out.append(char)
        self.open.pop()
        self.last = "value" if self.open else ""

    def _mark(self, char: str) -> None:
        self.place += 1
        if char == ",":
            following = _NEXT.match(self.text, self.place)
            after = self.text[following.end() : following.end() + 1] if following else ""
            if self.last == ":":
                self._value("null")
            if after in ("}", "]", ",", "") or self.last != "value":
                return
        elif self.last != "value":
            return
        self.out.append(char)
        self.last = char

    def _number(self) -> None:
        found = _DIGITS.match(self.text, self.place)
        if found is None:
            self.place += 1
            return
        self.place = found.end()
        self._value(found[0] if _NUMBER.fullmatch(found[0]) else "null" if "nfinity" in found[0] else f'"{found[0]}"')

    def _word(self) -> None:
        found = _WORD.match(self.text, self.place)
        if found is None:
            return
        self.place = found.end()
        following = _NEXT.match(self.text, self.place)
        behind = following.end() if following else self.place
        if self.text[behind : behind + 1] == ":" and self.last != ":" and self.open[-1] == "{":
            self._value(json.dumps(found[0]))
        elif self.last == ":" or (self.last != "value" and self.open[-1] == "["):
            self._value(_LITERALS.get(found[0].lower(), "null"))
            self._skip_call()

    def _skip_call(self) -> None:
        """Skip the rest after a word that is not a value: "new Date(...)"."""
        if (junk := _JUNK.match(self.text, self.place)) is not None:
            self.place = junk.end()
        if self.text[self.place : self.place + 1] == "(":
            end = self.text.find(")", self.place)
            self.place = len(self.text) if end < 0 else end + 1


def _after_comment(text: str, place: int) -> int:
    mark = "*/" if text[place + 1] == "*" else "\n"
    found = text.find(mark, place + 2)
    return len(text) if found < 0 else found + len(mark)


def _string(text: str, start: int, *, is_name: bool) -> tuple[str, int]:
    """The string that begins at ``start``, as JSON, and the place behind it."""
    quote = text[start]
    out = ['"']
    place, end = start + 1, len(text)
    while place < end:
        char = text[place]
        if char == "\\":
            follower = text[place + 1 : place + 2]
            if (follower in '"\\/bfnrt' and follower) or (follower == "u" and _HEX.match(text, place + 2)):
                out.append(text[place : place + 2])
            elif follower == '"':
                out.append('\\"')
            else:
                out.append(follower)
            place += 2
        elif char == quote and ((is_name and _COLON.match(text, place + 1)) or _closes(text, place)):
            return "".join([*out, '"']), place + 1
        else:
            out.append(
                '\\"'
                if char == '"'
                else char
                if char >= " "
                else " "
                if char == "\t"
                else "\\n"
                if char == "\n"
                else ""
            )
            place += 1
    return "".join([*out, '"']), end


def _closes(text: str, place: int) -> bool:
    """Whether the quote at ``place`` ends its string: what follows must be what follows strings."""
    following = _NEXT.match(text, place + 1)
    behind = following.end() if following else place + 1
    char = text[behind : behind + 1]
    if char in "\"'" and _NAME_BELOW.match(text, place + 1):
        return True
    if char in ("", "}", "]", ":"):
        return (
            char != ":"
            or text[behind + 1 : behind + 2].strip() in ("", '"', "'", "{", "[", "t", "f", "n", "-")
            or text[behind + 1 : behind + 2].isdigit()
        )
    return (char == "," and _AFTER_COMMA.match(text, behind + 1) is not None) or text[behind : behind + 2] in (
        "//",
        "/*",
    )
