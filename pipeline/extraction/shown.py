"""Approximates what a browser shows of a tree: removes hidden text, turns inline elements shown as blocks into blocks,
and removes line ends of the source in scripts without spaces.

Chinese and Japanese have no spaces between words, and such pages break lines of their source anywhere; CSS Text lets browsers
remove those (segment break transformation). Hangul is written with spaces and keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lxml.html import HtmlElement

from pipeline.extraction.places import above, remove
from pipeline.extraction.values import line_of

_UNSPACED = "\u2e80-\u303f\u3040-\u30ff\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff60"
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_BROKEN = re.compile(rf"(?<=[{_UNSPACED}])[ \t\r\f]*+\n[ \t\r\n\f]*+(?=[{_UNSPACED}])")
_BEGINS = re.compile(rf"[ \t\r\f]*+\n[ \t\r\n\f]*+(?=[{_UNSPACED}])")
_ENDS = re.compile(rf"(?<=[{_UNSPACED}])[ \t\r\f]*+\n[ \t\r\n\f]*+\Z")
_AS_WRITTEN = ("pre", "textarea", "code", "listing", "xmp", "script", "style")
_SHOWN_INLINE = ("span", "b", "strong", "i", "em", "font", "a", "small")
_MIN_PARAGRAPH = 60


def join_broken_lines(tree: HtmlElement, as_written: Iterable[HtmlElement]) -> None:
    """Join lines of the source that end and go on with letters of scripts without spaces, but not within ``as_written``."""
    if not (
        (tree.get("lang") or "")[:2].lower() in ("zh", "ja")
        or _HAS_UNSPACED.search(tree.findtext(".//title") or "")
        or any(_HAS_UNSPACED.search(line_of(heading)) for heading in tree.iter("h1", "h2"))
    ):
        return
    kept = {inner for outer in (*as_written, *tree.iter(*_AS_WRITTEN)) for inner in outer.iter()}
    for element in tree.iter():
        text, tail = element.text, element.tail
        if text and "\n" in text and element not in kept and isinstance(element.tag, str):
            text = _BROKEN.sub("", text)
            if len(element) and _HAS_UNSPACED.match(_first(element[0])):
                text = _ENDS.sub("", text)
            element.text = text
        if tail and "\n" in tail and element.getparent() not in kept:
            tail = _BROKEN.sub("", tail)
            if (begun := _BEGINS.match(tail)) and _HAS_UNSPACED.match(_last(element)):
                tail = tail[begun.end() :]
            following = element.getnext()
            if following is not None and _HAS_UNSPACED.match(_first(following)):
                tail = _ENDS.sub("", tail)
            element.tail = tail


def as_one_line(lines: Iterable[str]) -> str:
    """Lines of a text joined with spaces, or without if both sides of the break are letters of scripts without spaces."""
    return _BROKEN.sub("", "\n".join(lines)).replace("\n", " ")


def _first(element: HtmlElement) -> str:
    """The first letter in an element; "" if there is none, and of a ruby: its reading in brackets stays set apart."""
    if element.tag == "ruby":
        return ""
    return next((part.lstrip()[:1] for part in element.itertext() if not part.isspace()), "")


def _last(element: HtmlElement) -> str:
    """The last letter in an element that holds only text, "" if it holds more."""
    return (element.text or "").rstrip()[-1:] if not len(element) else ""


def blocks_as_shown(elements: Iterable[HtmlElement]) -> None:
    """Inline elements whose style shows them as blocks are paragraphs if they are as long as one, and else blocks."""
    for element in elements:
        if element.tag in _SHOWN_INLINE:
            parent = element.getparent()
            if parent is not None and parent.tag == "p":
                parent.tag = "div"
            element.tag = "p" if len(line_of(element)) >= _MIN_PARAGRAPH else "div"


def drop_hidden(tree: HtmlElement, hidden: Sequence[HtmlElement]) -> None:
    """Drop what a page hides from its readers, unless it hides most of its text: then a script is to show it."""
    hidden = [one for one in hidden if not _opens(one)]
    if not hidden:
        return
    all_hidden = set(hidden)
    outer = [one for one in hidden if not any(around in all_hidden for around in above(one) if around is not one)]
    lengths = {block: len(line_of(block)) for element in outer for block in element.iter("p")}
    unseen = sum(lengths.values())
    if unseen <= sum(len(line_of(block)) for block in tree.iter("p") if block not in lengths):
        for element in outer:
            remove(element)


def _opens(element: HtmlElement) -> bool:
    """Whether it is the rest of the text behind a switch: paragraphs behind a paragraph and a button or a link to nowhere."""
    switch = element.getprevious()
    if switch is None or not (
        switch.tag == "button" or (switch.tag == "a" and (switch.get("href") or "#").startswith(("#", "javascript:")))
    ):
        return False
    before = switch.getprevious()
    return (
        before is not None
        and before.tag == "p"
        and any(len(line_of(one)) >= _MIN_PARAGRAPH for one in element.iter("p"))
        and len(line_of(before)) >= _MIN_PARAGRAPH
    )
