"""Articles of agencies and ministries in a <pre>: lines that are broken at a fixed width are joined to paragraphs."""

from __future__ import annotations

import re

from lxml.html import HtmlElement

from pipeline.extraction.shown import as_one_line

_MIN_CHARS = 200
_MIN_WIDTH, _MAX_WIDTH = 30, 110
_FULL, _MOSTLY = 0.7, 0.8
_MIN_LETTERS = 0.75
_INLINE = frozenset({"a", "b", "i", "em", "strong", "u", "span", "font", "br"})
_BLANK = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_INDENTED = re.compile(r"\n(?=[ \t]{2,}\S|\u3000)")


def prose_of(element: HtmlElement) -> None:
    """Make paragraphs of a <pre> that holds prose; code, tables and verses stay as they are."""
    if any(child.tag not in _INLINE for child in element.iter() if child is not element):
        return
    for child in list(element.iter("br")):
        child.tail = f"\n{child.tail or ''}"
    text = "".join(element.itertext()).replace("\r\n", "\n").strip("\n")
    letters = sum(char.isalpha() or char in " \n" for char in text)
    if len(text) < _MIN_CHARS or letters < _MIN_LETTERS * len(text):
        return
    parts = _BLANK.split(text)
    if len(parts) == 1:
        parts = _INDENTED.split(text)
    paragraphs = [lines for part in parts if (lines := [line.strip() for line in part.split("\n") if line.strip()])]
    if not _is_wrapped(paragraphs):
        return
    for child in list(element):
        element.remove(child)
    element.tag, element.text = "div", None
    for lines in paragraphs:
        paragraph = element.makeelement("p")
        paragraph.text = as_one_line(lines)
        element.append(paragraph)


def _is_wrapped(paragraphs: list[list[str]]) -> bool:
    """Whether the lines that others follow in their paragraph are nearly all as long as the longest, or a word shorter."""
    longest = max((len(line) for lines in paragraphs for line in lines), default=0)
    inner = [len(line) for lines in paragraphs for line in lines[:-1]]
    full = sum(length >= _FULL * longest for length in inner)
    return bool(inner) and _MIN_WIDTH <= longest <= _MAX_WIDTH and full >= _MOSTLY * len(inner)
