"""Repairs the XML of feeds before parsing: document types, entities and character references. Pure, linear.

A parser silently drops entities of an external document type, and gives up the whole feed for an invalid character
reference or a lone ampersand. So document type declarations are removed, entities become their characters, and invalid
references become U+FFFD or stay visible as written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.entities import html5

_PROLOG_CHARS = 65_536
_MAX_ENTITIES = 500
_MAX_VALUE = 1_000
_MAX_GROWTH = 1 << 20
"""Most characters that a feed's entities may add in total; further ones stay as written."""

_DOCTYPE = re.compile(r"(<!DOCTYPE\b[^>\[]*+)(?:>|\[(.*?)\]\s*+>)", re.IGNORECASE | re.DOTALL)
_BEFORE = re.compile(r"(?:\s|<\?(?:[^?]|\?(?!>))*+\?>|<!--(?:[^-]|-(?!->))*+-->)*+")
_ENTITY = re.compile(r"<!ENTITY\s+([A-Za-z_][\w.:-]{0,99})\s+(?:\"([^\"]*)\"|'([^']*)')\s*>")
_VERBATIM = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_NAMED = re.compile(r"&(?:([A-Za-z_][\w.:-]{0,99});|(?!#))")
"""A named reference, or an ampersand that does not begin one: many feeds write "R&D"."""
_NUMBER = re.compile(r"&#(?:[xX]([0-9A-Fa-f]++)|([0-9]++));")
_XML = frozenset({"amp", "lt", "gt", "quot", "apos"})
_HIGH, _LOW, _END, _BEYOND = 0xD800, 0xDC00, 0xE000, 0x110000


def mended(text: str) -> str:
    """``text`` without its document type's declarations, and with only entities and references that XML knows.

    The same text if nothing needs repair.
    """
    declared: dict[str, str] = {}
    before = _BEFORE.match(text, 0, _PROLOG_CHARS)
    place = before.end() if before else 0
    if doctype := _DOCTYPE.match(text, place, place + _PROLOG_CHARS):
        declared = dict(_declared(doctype[2] or ""))
        text = f"{text[:place]}{doctype[1]}>{text[doctype.end() :]}"
    if "&" not in text:
        return text
    return "".join(_pieces(_NUMBER.sub(_character, _joined_pairs(text)), declared))


def _declared(subset: str) -> Iterator[tuple[str, str]]:
    """The general entities of an internal subset, as plain text, without those that refer to files or other entities."""
    for count, match in enumerate(_ENTITY.finditer(subset)):
        if count >= _MAX_ENTITIES:
            return
        value = match[2] if match[2] is not None else match[3]
        yield match[1], html.unescape(value[:_MAX_VALUE])


def _pieces(text: str, declared: dict[str, str]) -> Iterator[str]:
    """The text with its named entities resolved; CDATA and comments are unchanged."""
    grown = 0

    def resolve(match: re.Match[str]) -> str:
        nonlocal grown
        name = match[1]
        if name is None:
            return "&amp;"
        if name in _XML:
            return match[0]
        value = declared.get(name) or html5.get(f"{name};")
        if value is None:
            return f"&amp;{name};"
        grown += len(value)
        # A field that is read as text: its content is never markup.
        return html.escape(value, quote=True) if grown <= _MAX_GROWTH else f"&amp;{name};"

    last = 0
    for verbatim in _VERBATIM.finditer(text):
        yield _NAMED.sub(resolve, text[last : verbatim.start()])
        yield verbatim[0]
        last = verbatim.end()
    yield _NAMED.sub(resolve, text[last:])


_PAIR = re.compile(
    r"&#(?:[xX]0{0,9}[dD][89abAB][0-9A-Fa-f]{2}|0{0,9}5[5-7][0-9]{3});"
    r"&#(?:[xX]0{0,9}[dD][c-fC-F][0-9A-Fa-f]{2}|0{0,9}5[67][0-9]{3});"
)


def _joined_pairs(text: str) -> str:
    """Two references to the halves of a surrogate pair, as the intended character."""
    return _PAIR.sub(_pair, text)


def _pair(match: re.Match[str]) -> str:
    high, low = (_code(number) for number in _NUMBER.finditer(match[0]))
    if _HIGH <= high < _LOW <= low < _END:
        return f"&#{0x10000 + ((high - _HIGH) << 10) + (low - _LOW)};"
    return match[0]


def _code(match: re.Match[str]) -> int:
    digits = (match[1] or match[2]).lstrip("0") or "0"
    return int(digits, 16 if match[1] else 10) if len(digits) < 10 else _BEYOND


def _character(match: re.Match[str]) -> str:
    """A reference, unchanged if XML allows its character; for Windows' numbers, as in browsers; otherwise U+FFFD."""
    code = _code(match)
    if code in (0x9, 0xA, 0xD) or 0x20 <= code < 0x80 or 0xA0 <= code < _HIGH or _END <= code < 0xFFFE:
        return match[0]
    if 0x10000 <= code < _BEYOND:
        return match[0]
    read = html.unescape(match[0]) if 0x80 <= code < 0xA0 else ""
    return read if read and not 0x80 <= ord(read) < 0xA0 else "\N{REPLACEMENT CHARACTER}"
