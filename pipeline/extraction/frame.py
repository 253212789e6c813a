"""Facts about the outlet in the frame around an article: the link to its front page, its copyright notice, its sections.

A window title has outlet and section beside the headline, in any order and after any mark. Other parts of the page show
which part is which.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from pipeline.extraction.marks import Marks
from pipeline.extraction.values import line_of
from pipeline.text.characters import folded

_MAX_NAME_CHARS = 60
_MAX_NOTICE_CHARS = 200
_MAX_SLASHES = 2
_MAX_LINKS, _MAX_NOTICES, _MAX_SECTIONS = 400, 6, 80
_MIN_NOTED, _MIN_NOTED_UNSPACED = 4, 2
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


class Frame:
    """Folded texts: ``names`` of the outlet without spaces, ``notices`` of copyright with a space at each end, ``sections``.

    Notices and sections are read when a part of a title asks for them, which most titles don't: before the tree changes.
    """

    def __init__(
        self,
        names: frozenset[str] = frozenset(),
        notices: Callable[[], str] = str,
        sections: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.names = names
        self._read_notices, self._read_sections = notices, sections

    @cached_property
    def notices(self) -> str:
        """The text around a copyright sign."""
        return self._read_notices()

    @cached_property
    def sections(self) -> frozenset[str]:
        """The texts of links in menus and breadcrumbs."""
        return self._read_sections()

    def names_outlet(self, part: str, *, noted: bool = True) -> bool:
        """Whether a part of a title is the outlet's name. ``noted``: the copyright notice counts too."""
        flat = folded(part)
        if not flat:
            return False
        if flat.replace(" ", "") in self.names:
            return True
        if not noted or len(part) > _MAX_NAME_CHARS:
            return False
        if _UNSPACED.search(flat):
            return len(flat) > _MIN_NOTED_UNSPACED and flat.replace(" ", "") in self.notices.replace(" ", "")
        return len(flat) >= _MIN_NOTED and f" {flat} " in self.notices

    def is_section(self, part: str) -> bool:
        """Whether a part of a title is the text of a link in the menu or the breadcrumbs."""
        return folded(part) in self.sections


NO_FRAME = Frame()


def frame_of(tree: HtmlElement, url: str, marks: Marks) -> Frame:
    """Read the frame of a page."""
    host = _host(url)
    names: set[str] = set()
    for number, link in enumerate(tree.iter("a")):
        if number >= _MAX_LINKS:
            break
        if _leads_home((link.get("href") or "").strip(), host):
            claims = [line_of(link, _MAX_NAME_CHARS), link.get("title") or "", link.get("aria-label") or ""]
            claims += [image.get("alt") or "" for image in link.iter("img")]
            names.update(folded(one).replace(" ", "") for one in claims if 1 < len(one.strip()) <= _MAX_NAME_CHARS)
    return Frame(
        frozenset(name for name in names if name),
        partial(_notices_of, marks.elements),
        partial(_sections_of, tree, tuple(marks.breadcrumbs)),
    )


def _notices_of(elements: Sequence[HtmlElement]) -> str:
    # An XPath over all texts takes half as long again.
    found: list[tuple[str, HtmlElement | None]] = []
    for element in elements:
        if element.tag in ("script", "style"):
            continue
        if (text := element.text) and ("©" in text or "opyright" in text):
            found.append((text, element))
        if (text := element.tail) and ("©" in text or "opyright" in text):
            found.append((text, element.getparent()))
        if len(found) >= _MAX_NOTICES:
            break
    notices = [
        (line_of(whole, _MAX_NOTICE_CHARS) if whole is not None else "") or text[:_MAX_NOTICE_CHARS]
        for text, whole in found[:_MAX_NOTICES]
    ]
    return f" {' '.join(map(folded, notices))} "


def _sections_of(tree: HtmlElement, breadcrumbs: tuple[HtmlElement, ...]) -> frozenset[str]:
    links = itertools.chain.from_iterable(one.iter("a") for one in (*tree.iter("nav", "header"), *breadcrumbs))
    sections = {folded(line_of(link, _MAX_NAME_CHARS)) for link in itertools.islice(links, _MAX_SECTIONS)}
    return frozenset(one for one in sections if one)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _leads_home(address: str, host: str) -> bool:
    if address in ("/", "./"):
        return True
    # Most links lead to articles: their paths are seen without parsing the address.
    if not address.startswith(("http://", "https://", "//")) or address.rstrip("/").count("/") > _MAX_SLASHES:
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.path in ("", "/") and not parts.query and (parts.hostname or "").removeprefix("www.") == host
