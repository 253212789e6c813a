"""What the outlets answer at a given moment. Pure: no clock and no socket."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import unquote

from wirewatch.demo.feeds import FORMATS, FeedFacts
from wirewatch.demo.pages import Link, Shown, article_page, empty_page, front_page
from wirewatch.demo.samples import Outlet, SampleArticle, Samples

_HTML = "text/html; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class DemoResponse:
    """An HTTP answer. ``headers`` hold everything but the content type and length."""

    status: int
    body: bytes = b""
    content_type: str = _PLAIN
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DemoOutlets:
    """The three outlets, begun at ``started_at`` (aware).

    ``elapsed_s`` is real seconds since then. Demo time runs ``speed`` times as fast: an article with ``published`` 30 is
    there from ``elapsed_s`` 30 / ``speed`` on, and is dated with that real moment, so no date lies in the future. The
    same arguments give the same bytes. ``base_url`` has no slash at its end.
    """

    samples: Samples
    started_at: datetime
    speed: float = 1.0
    base_url: str = "http://127.0.0.1"

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise ValueError("started_at needs a time zone")
        if not self.speed > 0:
            raise ValueError("speed must be over 0")

    def at(self, base_url: str) -> DemoOutlets:
        """Give the same outlets under another base URL."""
        return replace(self, base_url=base_url.rstrip("/"))

    def finished_after_s(self) -> float:
        """Count the real seconds after which nothing changes any more."""
        last = max(max((one.published, *(rev.at for rev in one.revisions))) for one in self.samples.articles)
        return max(last, 0.0) / self.speed

    def get(
        self,
        target: str,
        elapsed_s: float,
        *,
        if_none_match: str | None = None,
        if_modified_since: str | None = None,
    ) -> DemoResponse:
        """Answer a GET of ``target`` (a path, with or without query); 404 for what isn't there (yet)."""
        # Not urlsplit: it raises for some targets, and a hostile one is only a page that isn't there.
        path = unquote(target.partition("#")[0].partition("?")[0])
        if path == "/robots.txt":
            return self.robots()
        if path == "/":
            return self._index()
        outlet_id = path.strip("/").split("/", 1)[0]
        outlet = self.samples.outlets.get(outlet_id)
        if outlet is None:
            return _not_found()
        if path == outlet.feed_path:
            return self.feed(outlet_id, elapsed_s, if_none_match=if_none_match, if_modified_since=if_modified_since)
        if path.rstrip("/") == f"/{outlet_id}":
            shown = self._items(outlet, elapsed_s)
            return _html(front_page(outlet, shown, feed_url=self.base_url + outlet.feed_path))
        return self.page(path, elapsed_s)

    def feed(
        self,
        outlet: str,
        elapsed_s: float,
        *,
        if_none_match: str | None = None,
        if_modified_since: str | None = None,
    ) -> DemoResponse:
        """Write the feed of an outlet, newest items first; 304 without a body where the caller has this very state.

        ``If-None-Match`` wins over ``If-Modified-Since`` (RFC 9110). ``Last-Modified`` is sent only when the last
        change is a second old: dates have whole seconds, and a change later in the same second would be missed. Raises
        KeyError for an unknown outlet.
        """
        which = self.samples.outlets[outlet]
        items = self._items(which, elapsed_s)
        changed = max((one.updated for one in items), default=self._moment(0.0))
        writer = FORMATS[which.feed]
        facts = FeedFacts(which, self.base_url + which.feed_path, f"{self.base_url}/{which.id}/", changed)
        body = writer.write(facts, items).encode()
        headers = {"ETag": f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"', "Cache-Control": "no-cache"}
        whole = changed.replace(microsecond=0)
        if self._moment(elapsed_s * self.speed) - changed >= timedelta(seconds=1):
            headers["Last-Modified"] = format_datetime(whole, usegmt=True)
        if if_none_match is not None:
            same = _has_tag(if_none_match, headers["ETag"])
        else:
            since = _http_date(if_modified_since)
            same = since is not None and whole <= since
        if same:
            return DemoResponse(304, b"", writer.content_type, headers)
        return DemoResponse(200, body, writer.content_type, headers)

    def page(self, path: str, elapsed_s: float) -> DemoResponse:
        """Write the article page at ``path`` as it stands now; 404 before it is published, or where there is none."""
        demo_s = elapsed_s * self.speed
        for article in self.samples.articles:
            if article.path == path and article.published <= demo_s and article.page != "missing":
                outlet = self.samples.outlets[article.outlet]
                shown = self._shown(article, demo_s)
                if article.page == "empty":
                    return _html(empty_page(outlet, shown))
                home, feed = f"{self.base_url}/{outlet.id}/", self.base_url + outlet.feed_path
                return _html(article_page(outlet, shown, home_url=home, feed_url=feed))
        return _not_found()

    def robots(self) -> DemoResponse:
        """robots.txt of the one host that all outlets share: everything is allowed but a search that isn't there."""
        return DemoResponse(200, b"User-agent: *\nDisallow: /*/search\n", _PLAIN)

    def _index(self) -> DemoResponse:
        rows = "".join(f'<li><a href="/{one}/">{one}</a></li>' for one in self.samples.outlets)
        return _html(f'<!DOCTYPE html>\n<html lang="en"><title>Sample outlets</title><ul>{rows}</ul></html>\n')

    def _items(self, outlet: Outlet, elapsed_s: float) -> list[Shown]:
        demo_s = elapsed_s * self.speed
        there = [one for one in self.samples.articles if one.outlet == outlet.id and one.published <= demo_s]
        return [self._shown(one, demo_s) for one in reversed(there)]

    def _shown(self, article: SampleArticle, demo_s: float) -> Shown:
        revised = article.revised_at(demo_s)
        return Shown(
            article=article,
            text=article.text_at(demo_s),
            url=self.base_url + article.path,
            published=self._moment(article.published),
            updated=self._moment(article.published if revised is None else revised),
            also_see=tuple(self._link(one) for one in article.also_see),
            related=tuple(self._link(one) for one in article.related),
        )

    def _link(self, article_id: str) -> Link:
        # The first title for good: a page must not change because another article was edited.
        article = self.samples.article(article_id)
        return Link(article.title, self.base_url + article.path)

    def _moment(self, demo_s: float) -> datetime:
        return (self.started_at + timedelta(seconds=demo_s / self.speed)).astimezone(UTC)


def _html(text: str) -> DemoResponse:
    return DemoResponse(200, text.encode(), _HTML)


def _not_found() -> DemoResponse:
    return DemoResponse(404, b"There is no such page.\n", _PLAIN)


def _has_tag(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags


def _http_date(header: str | None) -> datetime | None:
    """Read the time in a header; None where there is none or it can't be read, which HTTP says to ignore."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
