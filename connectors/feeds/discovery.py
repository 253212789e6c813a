"""Finds a site's feeds: reads its home page, then tries feeds named there, sitemaps in robots.txt, and the usual addresses.

Each candidate is fetched and parsed, so every result works. It makes few requests, at the host's pace.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from connectors.feeds.items import ParsedFeed, one_line, web_address
from connectors.feeds.parse import parse_feed
from connectors.http.answers import Failure, Fetched, without_credentials
from connectors.http.client import FEED_BYTES, Http
from connectors.http.pacing import HostPacing
from connectors.http.robots import sitemaps_in
from core.charset import decode_body
from core.errors import FeedError
from core.html_tokens import Tag, tokens

MAX_REQUESTS = 25


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that was fetched and read. ``how``: how it was found, in plain words."""

    url: str
    feed: ParsedFeed
    how: str


class FeedFinder:
    """``wait`` waits for a number of seconds; ``clock`` returns UTC. Makes at most 25 requests per site."""

    def __init__(
        self, http: Http, pacing: HostPacing, *, clock: Callable[[], datetime], wait: Callable[[float], object]
    ) -> None:
        self._http, self._pacing, self._clock, self._wait = http, pacing, clock, wait
        self._left = 0

    def find(self, url: str) -> Iterator[FoundFeed]:
        """Yields the feeds of the site at ``url`` as they are found. Raises FeedError if the page itself can't be fetched."""
        self._left = MAX_REQUESTS
        page = self._fetch(url)
        if isinstance(page, Failure):
            raise page.error()
        if feed := _parsed(page):
            yield FoundFeed(page.url, feed, "the address itself")
            return
        seen: set[str] = set()
        html = decode_body(page.body, page.content_type).text
        found = list(self._tried(feeds_named(html, page.url), "named by the page", seen))
        yield from found
        robots = self._fetch(page.url.partition("://")[0] + "://" + _host(page.url) + "/robots.txt")
        maps = [] if isinstance(robots, Failure) else sitemaps_in(decode_body(robots.body).text)
        for one in self._tried(maps[:6], "named by robots.txt", seen):
            yield one
            found.append(one)
            yield from self._tried(one.feed.children[:3], f"in the index {one.url}", seen)
        if not any(one.feed.items for one in found):
            yield from self._tried(usual_places(page.url), "at a usual place", seen)

    def _tried(self, addresses: Iterable[str], how: str, seen: set[str]) -> Iterator[FoundFeed]:
        for address in addresses:
            if address in seen or self._left <= 0:
                continue
            seen.add(address)
            answer = self._fetch(address)
            if isinstance(answer, Failure):
                continue
            seen.add(answer.url)
            if feed := _parsed(answer):
                yield FoundFeed(answer.moved_to or without_credentials(address), feed, how)

    def _fetch(self, url: str) -> Fetched | Failure:
        self._left -= 1
        while not self._pacing.take(url, now := self._clock()):
            self._wait(max((self._pacing.free_at(url) - now).total_seconds(), 0.01))
        return self._http.fetch(url, now=now, max_bytes=FEED_BYTES)


def _parsed(answer: Fetched) -> ParsedFeed | None:
    try:
        return parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
    except FeedError:
        return None


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition("?")[0]


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
"""Tried in this order if the page names none."""

MAX_CANDIDATES = 30
_TYPES = re.compile(r"application/(?:rss|atom|rdf)\+xml|application/feed\+json", re.IGNORECASE)
_LOOSE_TYPES = re.compile(r"(?:application|text)/(?:xml|json)", re.IGNORECASE)
_HINT = re.compile(r"(?:^|[/._?=&-])(?:rss|feeds?|atom|rdf)(?:[/._?=&-]|$|2|20)", re.IGNORECASE)
_NAMING = frozenset({"base", "link", "a"})


class _Links:
    """Collects the feeds named by tags, in order."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.named: dict[str, str | None] = {}
        self.hinted: dict[str, str | None] = {}

    def read(self, tag: str, values: dict[str, str]) -> None:
        """Process a tag and its attributes."""
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
    """Feed addresses on the page: ``<link rel=alternate>`` first, then links that look like feeds.

    At most 30, each once. Never raises.
    """
    reader = _Links(url)
    for token in tokens(html[: 2 << 20]):
        if isinstance(token, Tag) and not token.closing and token.name in _NAMING:
            with contextlib.suppress(ValueError):  # a broken address: continue with the others
                reader.read(token.name, token.attributes())
    return list(dict.fromkeys([*reader.named, *reader.hinted]))[:MAX_CANDIDATES]


def usual_places(url: str) -> list[str]:
    """The usual addresses of feeds on the site of ``url``."""
    split = urlsplit(url)
    return [f"{split.scheme}://{split.netloc}{path}" for path in WELL_KNOWN]
