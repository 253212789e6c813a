"""The short lines around an article's headline, where its date and authors are, whatever the markup."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, takewhile
from typing import Any, NamedTuple

from lxml.etree import XPath
from lxml.html import HtmlElement

_MAX_CHARS = 120
_SENTENCE_CHARS = 80
_DENSE_SENTENCE_CHARS = 30

_FOLLOWING = XPath("following::text()[position() <= 60]")
_PRECEDING = XPath("preceding::text()[position() <= 24]")
_FIRST_TEXTS = XPath("//body/descendant::text()[position() <= 80]")
_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "em", "font", "i", "small", "span", "strong", "time", "u", "cite", "address"}
)
_UNSHOWN = frozenset({"script", "style", "noscript", "template", "title"})
_MAX_LINES = 24
_MAX_NOTES = 3


class Near(NamedTuple):
    """Short lines around a headline: ``below`` it up to the first paragraph, ``above`` it (nearest first), and those
    ``behind`` a first paragraph up to the second, which may be a standfirst with the byline below it. ``first`` is that
    paragraph.
    """

    below: list[str]
    above: list[str]
    behind: list[str]
    first: str = ""

    @property
    def lines(self) -> list[str]:
        """Those before the first paragraph, in the order in which they are asked."""
        return [*self.below, *self.above]

    @property
    def notes_behind(self) -> list[str]:
        """The notes directly behind the first paragraph: short lines that end otherwise than sentences do."""
        notes = takewhile(lambda line: len(line) <= _SENTENCE_CHARS and line[-1] not in ".!?؟。।۔", self.behind)
        return list(islice(notes, _MAX_NOTES))


def lines_near(headline: HtmlElement) -> Near:
    """The short lines around the headline."""
    below, behind = _lines(_FOLLOWING(headline), paragraphs=2)
    above, _ = _lines(reversed(_PRECEDING(headline)))
    first = below[-1] if below and _is_paragraph(below[-1]) else ""
    return Near(_short(below), _short(above)[::-1], _short(behind), first)


def lines_before_text(tree: HtmlElement) -> Near:
    """On a page without a headline: the short lines before its first paragraph are those above."""
    lines = _short(_lines(_FIRST_TEXTS(tree), paragraphs=1)[0])
    return Near([], lines[::-1] if len(lines) < _MAX_LINES else [], [])


def _is_paragraph(line: str) -> bool:
    if len(line) > _MAX_CHARS * 2 or (len(line) > _DENSE_SENTENCE_CHARS and line[-1] == "。"):
        return True
    return len(line) > _SENTENCE_CHARS and line[-1] in ".!?۔।؟…"


def _lines(texts: Iterable[Any], *, paragraphs: int = 0) -> tuple[list[str], list[str]]:
    """Texts joined into lines by their block, up to as many paragraphs (0: all): those up to the first, and those behind it."""
    lines: list[str] = []
    parts: list[str] = []
    last: HtmlElement | None = None
    first = -1  # where the first paragraph is among the lines
    for text in texts:
        element = text.getparent()
        if element is None or element.tag in _UNSHOWN or not text.strip():
            continue
        block = element.getparent() if text.is_tail else element
        while block is not None and block.tag in _INLINE:
            block = block.getparent()
        if parts and (block is not last or _behind_break(text, element)):
            lines.append(" ".join(" ".join(parts).split()))
            parts = []
            if paragraphs and _is_paragraph(lines[-1]):
                if first >= 0 or paragraphs == 1:
                    break
                first = len(lines) - 1
        last = block
        parts.append(str(text))
    if parts:
        lines.append(" ".join(" ".join(parts).split()))
    return (lines, []) if first < 0 else (lines[: first + 1], lines[first + 1 :])


def _short(lines: list[str]) -> list[str]:
    return [line for line in lines if len(line) <= _MAX_CHARS * 2][:_MAX_LINES]


def _behind_break(text: Any, element: HtmlElement) -> bool:
    """Whether a <br> stands directly before the text, or before the inline element that it begins."""
    if text.is_tail:
        return bool(element.tag == "br")
    before = element.getprevious()
    return before is not None and before.tag == "br" and not (before.tail or "").strip()
