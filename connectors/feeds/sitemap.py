"""Sitemaps: lists of pages (with Google's news extension or without) and indexes of such lists. Pure.

They are streamed through expat with every document type refused, so no entity is ever declared or fetched, and a file
that is broken in the middle gives the part before.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.parsers import expat

from connectors.feeds.items import (
    MAX_NAME,
    FeedItem,
    ParsedFeed,
    build_items,
    first_ms,
    one_line,
    web_address,
)
from core.errors import FailureKind, FeedError

MAX_LISTED = 1_000
"""Only this many of a sitemap's newest pages are used; it may list 50,000, most of them years old."""

MAX_ENTRIES = 60_000
MAX_DEPTH = 12
_MAX_TEXT = 8_192
_FIELDS = frozenset({"loc", "lastmod", "title", "publication_date", "language"})
_PIECE = 1 << 16


class _Enough(Exception):
    """Stops reading; entries so far are used."""


@dataclass
class _Entry:
    place: int
    values: dict[str, str] = field(default_factory=dict)

    @property
    def when(self) -> str:
        # W3C dates sort as text well enough; zones only matter within a day.
        return self.values.get("publication_date") or self.values.get("lastmod") or ""


class _Reader:
    def __init__(self, url: str) -> None:
        self.url = url
        self.root: str | None = None
        self.entries: list[tuple[str, int, _Entry]] = []
        self.count = 0
        self.stopped: str | None = None
        self._entry: _Entry | None = None
        self._path: list[str] = []
        self._text: list[str] = []
        self._size = 0

    def start(self, name: str, _attributes: object) -> None:
        local = name.rpartition(":")[2]
        self._path.append(local)
        if len(self._path) > MAX_DEPTH:
            raise _Enough("nested too deep")
        if self.root is None:
            self.root = local
        elif len(self._path) == 2 and local in ("url", "sitemap"):
            self._entry = _Entry(self.count)
        self._text, self._size = [], 0

    def text(self, piece: str) -> None:
        if self._entry is not None and self._size < _MAX_TEXT:
            self._text.append(piece)
            self._size += len(piece)

    def end(self, _name: str) -> None:
        local = self._path.pop()
        entry = self._entry
        if entry is None:
            return
        # image:loc and video:title are not the page's own; news:* is.
        own = len(self._path) == 2 or "news" in self._path
        if local in _FIELDS and own and (value := "".join(self._text).strip()):
            entry.values.setdefault(local, value)
        elif len(self._path) == 1:
            self._entry = None
            self._keep(entry)
        self._text, self._size = [], 0

    def doctype(self, *_: object) -> None:
        raise _Enough("it declares a document type")

    def _keep(self, entry: _Entry) -> None:
        self.count += 1
        if self.count > MAX_ENTRIES:
            raise _Enough(f"more than {MAX_ENTRIES:,} entries")
        # Among equal dates the first counts as newer: feeds and news sitemaps list the newest first.
        row = (entry.when, -entry.place, entry)
        if len(self.entries) < MAX_LISTED:
            heapq.heappush(self.entries, row)
        elif row[:2] > self.entries[0][:2]:
            heapq.heapreplace(self.entries, row)


def parse_sitemap(text: str, *, url: str) -> ParsedFeed:
    """Parse a sitemap or an index of them. Items are the newest 1,000, newest first.

    An index has no items, only ``children``, those most likely to have news first: named "news", then the most recently
    changed. Raises FeedError for one that declares a document type or has no entries.
    """
    reader = _Reader(url)
    problem = _read(reader, text)
    if reader.root not in ("urlset", "sitemapindex"):
        raise FeedError(url, f"not a sitemap{f': {problem}' if problem else ''}", kind=FailureKind.NO_FEED)
    if problem and not reader.entries:
        raise FeedError(url, f"a sitemap that cannot be read: {problem}", kind=FailureKind.NO_FEED)
    notes = [f"not read to the end: {problem}"] if problem else []
    newest = [entry for _, _, entry in sorted(reader.entries, key=lambda row: row[:2], reverse=True)]
    if reader.root == "sitemapindex":
        found = [(_address(url, entry), entry.when) for entry in newest]
        named = sorted(found, key=lambda one: "news" in one[0].rpartition("/")[2].lower(), reverse=True)
        children = tuple(dict.fromkeys(address for address, _ in named if address))
        return ParsedFeed(
            format="sitemapindex", title=None, language=None, items=(), children=children, notes=tuple(notes)
        )
    items = build_items((_item(url, entry) for entry in newest if _address(url, entry)), url)
    if reader.count > len(items):
        notes.append(
            f"{reader.count - len(items)} of {reader.count} pages left out: older, repeated or without address"
        )
    is_news = any(entry.values.get("publication_date") for entry in newest)
    return ParsedFeed(
        format="newssitemap" if is_news else "sitemap", title=None, language=None, items=items, notes=tuple(notes)
    )


def is_list_of_addresses(text: str) -> bool:
    """Whether this is a sitemap of the third kind: a text with one address on each line (sitemaps.org, "Text file")."""
    if not text[:8].lower().startswith(("http://", "https://")):
        return False
    lines = text.split()
    return len(lines) > 1 and all(map(web_address, lines))


def parse_list_of_addresses(text: str, *, url: str) -> ParsedFeed:
    """Parse such a list. Items are the first 1,000, since it has no dates."""
    addresses = text.split()
    items = build_items((FeedItem(key="", url=address) for address in addresses[:MAX_LISTED]), url)
    left = len(addresses) - len(items)
    notes = (f"{left} of {len(addresses)} pages left out: further down, or repeated",) if left else ()
    return ParsedFeed(format="textsitemap", title=None, language=None, items=items, notes=notes)


def _read(reader: _Reader, text: str) -> str | None:
    """Return why it was not read to the end; None if it was."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.EntityDeclHandler = reader.doctype
    body = text.encode("utf-8", "replace")
    try:
        for start in range(0, len(body), _PIECE):
            parser.Parse(body[start : start + _PIECE], False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        return expat.errors.messages.get(error.code, "broken XML")
    except _Enough as stop:
        return str(stop)
    return None


def _address(base: str, entry: _Entry) -> str:
    try:
        return web_address(urljoin(base, entry.values.get("loc", "")))
    except ValueError:
        return ""


def _item(base: str, entry: _Entry) -> FeedItem:
    values = entry.values
    return FeedItem(
        key="",
        url=_address(base, entry),
        title=one_line(values.get("title")),
        published=one_line(values.get("publication_date"), MAX_NAME),
        updated=one_line(values.get("lastmod"), MAX_NAME),
        dated_ms=first_ms(
            one_line(values.get("publication_date"), MAX_NAME), one_line(values.get("lastmod"), MAX_NAME)
        ),
        language=one_line(values.get("language"), 35),
    )
