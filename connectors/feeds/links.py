"""Where a site's feeds may be: what its home page names, and where they usually lie. Pure."""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from connectors.feeds.items import one_line, web_address

WELL_KNOWN = (
    "/feed/",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/feed.json",
    "/?feed=rss2",
    "/news-sitemap.xml",
    "/sitemap-news.xml",
    "/sitemap_index.xml",
    "/sitemap.xml",
)
"""Tried in this order where the page names none."""

MAX_CANDIDATES = 30
_TYPES = re.compile(r"application/(?:rss|atom|rdf)\+xml|application/feed\+json", re.IGNORECASE)
_LOOSE_TYPES = re.compile(r"(?:application|text)/(?:xml|json)", re.IGNORECASE)
_HINT = re.compile(r"(?:^|[/._?=&-])(?:rss|feeds?|atom|rdf)(?:[/._?=&-]|$|2|20)", re.IGNORECASE)


class _Links(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = base
        self.named: dict[str, str | None] = {}
        self.hinted: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in reversed(attrs)}
        href = values.get("href", "")
        if tag == "base" and href:
            self.base = self._joined(href) or self.base
        elif tag == "link" and href:
            rels = values.get("rel", "").lower().split()
            kind = values.get("type", "")
            if ("alternate" in rels and _TYPES.search(kind)) or "feed" in rels:
                self._add(self.named, href, values.get("title"))
            elif "alternate" in rels and _LOOSE_TYPES.search(kind):
                self._add(self.hinted, href, values.get("title"))
        elif tag == "a" and href and len(href) < 500:
            split = urlsplit(href) if href.isprintable() else None
            if split and _HINT.search(f"{split.path}?{split.query}"):
                self._add(self.hinted, href, values.get("title"))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def _add(self, where: dict[str, str | None], href: str, title: str | None) -> None:
        url = self._joined(href)
        if url and len(where) < MAX_CANDIDATES:
            where.setdefault(url, one_line(title, 200))

    def _joined(self, href: str) -> str:
        try:
            return web_address(urljoin(self.base, href.strip()))
        except ValueError:
            return ""


def feeds_named(html: str, url: str) -> list[str]:
    """Addresses that the page gives as its feeds: ``<link rel=alternate>`` first, then links that look like feeds.

    At most 30, each once. Never raises.
    """
    reader = _Links(url)
    # A broken address or declaration in the middle: what came before counts.
    with contextlib.suppress(ValueError, AssertionError):
        reader.feed(html[: 2 << 20])
    return list(dict.fromkeys([*reader.named, *reader.hinted]))[:MAX_CANDIDATES]


def usual_places(url: str) -> list[str]:
    """Where feeds usually lie on the site of ``url``."""
    split = urlsplit(url)
    return [f"{split.scheme}://{split.netloc}{path}" for path in WELL_KNOWN]
