"""Splits HTML into text and tags, for feeds, lists and pages whose tree isn't needed. Pure, linear, never raises.

The standard library's parser rescans some texts from each ``<`` (unclosed comments, tags) and raises on others
(``<![x``, references of thousands of digits); neither may stop the poll of a feed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_RAW = frozenset({"script", "style"})
_NAME = re.compile(r"</?([A-Za-z][^\s/>]*+)")
_REST = re.compile(r"((?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+)>")
_ATTRIBUTE = re.compile(r"([^\s/>=\"'][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"'][^\s>]*+)))?+")
_CUT = re.compile(r"<[A-Za-z]\w*+\s++[\w:-]++\s*+=[^<]*+\Z")
_HUGE_REFERENCE = re.compile(r"&#(?:[xX][0-9A-Fa-f]{50,}+|[0-9]{50,}+);?")


class Tag(NamedTuple):
    """A tag. ``name`` is in lower case; ``inside`` is the text between the name and the closing ``>``, as written."""

    name: str
    inside: str
    closing: bool

    @property
    def empty(self) -> bool:
        """Whether it is self-closing: ``<br/>``."""
        return self.inside.endswith("/")

    def attributes(self) -> dict[str, str]:
        """Its attributes by lower-case name; the first of a name counts. An attribute without a value has an empty one."""
        found: dict[str, str] = {}
        for match in _ATTRIBUTE.finditer(self.inside):
            value = match[2] or match[3] or match[4] or ""
            found.setdefault(match[1].lower(), unescaped(value))
        return found


def unescaped(text: str) -> str:
    """``text`` with HTML's character references replaced by characters; a number of 50 digits or more is U+FFFD."""
    if "&" not in text:
        return text
    return html.unescape(_HUGE_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", text))


def tokens(markup: str) -> Iterator[str | Tag]:
    """Texts, with references resolved, and tags, in document order. Comments, declarations, scripts and styles are left out.

    A CDATA section is text, and so is anything that only looks like the beginning of a tag. As in browsers, a tag with
    attributes that is cut off at the end is left out, and an unclosed comment or script hides the rest.
    """
    place = begin = 0
    last = markup.rfind(">")
    quotes = True
    while (place := markup.find("<", place)) >= 0:
        end, tag = place, None
        if markup.startswith("<!--", place):
            end = _after(markup, "-->", place + 2)  # "<!-->" is a comment
        elif markup.startswith("<![CDATA[", place):
            if place > begin:
                yield unescaped(markup[begin:place])
            end = markup.find("]]>", place)
            yield markup[place + 9 : end if end >= 0 else len(markup)]
            begin = place = end + 3 if end >= 0 else len(markup)
            continue
        elif place > last:
            if _CUT.match(markup, place):
                end = len(markup)
        elif markup[place + 1] in "!?":
            end = _after(markup, ">", place)
        elif name := _NAME.match(markup, place):
            rest = _REST.match(markup, name.end()) if quotes else None
            if rest is None:  # an open quote swallows the rest: from here on, a tag ends at the first ">"
                quotes = False
                end = _after(markup, ">", place)
                inside = markup[name.end() : end - 1]
            else:
                end, inside = rest.end(), rest[1]
            tag = Tag(name[1].lower(), inside, markup[place + 1] == "/")
        if end == place:  # a "<" that is text
            place += 1
            continue
        if place > begin:
            yield unescaped(markup[begin:place])
        if tag:
            yield tag
            if tag.name in _RAW and not tag.closing:
                closed = re.compile(f"</{tag.name}", re.IGNORECASE).search(markup, end)
                end = closed.start() if closed else len(markup)
        begin = place = end
    if begin < len(markup):
        yield unescaped(markup[begin:])


def _after(markup: str, mark: str, place: int) -> int:
    """The position after the next ``mark``; the end if there is none."""
    found = markup.find(mark, place)
    return found + len(mark) if found >= 0 else len(markup)
