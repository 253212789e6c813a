"""The short lines around an article's headline, where its date and authors are, whatever the markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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


def lines_near(headline: HtmlElement) -> list[str]:
    """The short lines after the headline, up to the first paragraph, then those before it, nearest first."""
    return [*_lines(_FOLLOWING(headline), stop=True), *_lines(reversed(_PRECEDING(headline)), stop=False)[::-1]]


def lines_before_text(tree: HtmlElement) -> list[str]:
    """On a page without a headline: the short lines before its first paragraph, nearest first."""
    lines = _lines(_FIRST_TEXTS(tree), stop=True)
    return lines[::-1] if len(lines) < _MAX_LINES else []


def _is_paragraph(line: str) -> bool:
    if len(line) > _MAX_CHARS * 2 or (len(line) > _DENSE_SENTENCE_CHARS and line[-1] == "。"):
        return True
    return len(line) > _SENTENCE_CHARS and line[-1] in ".!?۔।؟…"


def _lines(texts: Iterable[Any], *, stop: bool) -> list[str]:
    """Texts joined into lines by their block; ``stop``: at the first paragraph."""
    lines: list[str] = []
    parts: list[str] = []
    last: HtmlElement | None = None
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
            if stop and _is_paragraph(lines[-1]):
                break
        last = block
        parts.append(str(text))
    if parts:
        lines.append(" ".join(" ".join(parts).split()))
    return [line for line in lines if len(line) <= _MAX_CHARS * 2][:_MAX_LINES]


def _behind_break(text: Any, element: HtmlElement) -> bool:
    """Whether a <br> stands directly before the text, or before the inline element that it begins."""
    if text.is_tail:
        return bool(element.tag == "br")
    before = element.getprevious()
    return before is not None and before.tag == "br" and not (before.tail or "").strip()
