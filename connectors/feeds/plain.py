"""HTML of a feed to plain text: a stand-in for a page that could not be had, not an extractor. Pure."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_HIDDEN = frozenset({"script", "style", "template", "noscript", "iframe", "svg", "head"})
_BLOCKS = frozenset(
    {"p", "div", "br", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "tr"}
    | {"section", "article", "header", "footer", "figure", "figcaption", "hr", "dd", "dt"}
)
_LINE_SPACE = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")
_MARKUP = re.compile(r"<[a-zA-Z/!][^>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]\w*);")


def looks_like_html(text: str) -> bool:
    """Whether there is a tag or a character reference in it."""
    return _MARKUP.search(text) is not None


def plain_text(html: str) -> str:
    """Return the text of ``html``, one line per block. Scripts and styles are left out. Never raises."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    text = _LINE_SPACE.sub(" ", "".join(reader.parts))
    return _LINES.sub("\n", text).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if self._hidden is None and tag in _HIDDEN:
            self._hidden = tag
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = None
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._hidden is None:
            # Line breaks of the source are mere space; only blocks break lines.
            self.parts.append(data.replace("\n", " "))
