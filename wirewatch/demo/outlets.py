"""The outlets' answers at a given moment. Pure except for reading the templates in ``data/``: no clock and no socket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wirewatch.demo.samples import SampleArticle, SampleOutlet, Samples, Text

_HTML = "text/html; charset=utf-8"
_PLAIN = "text/plain; charset=utf-8"
_FEED_TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}


@dataclass(frozen=True)
class DemoResponse:
    """An HTTP response. ``headers`` has all headers except content type and length."""

    status: int
    body: bytes = b""
    content_type: str = _PLAIN
    headers: dict[str, str] = field(default_factory=dict)


class Headline(NamedTuple):
    """A headline with its link."""

    title: str
    url: str


class Shown(NamedTuple):
    """One article as of a moment, with absolute URLs and UTC times. ``link`` is its URL in the feed."""

    article: SampleArticle
    text: Text
    url: str
    link: str
    published: datetime
    updated: datetime


@dataclass(frozen=True)
class DemoOutlets:
    """The three outlets, begun at ``started_at`` (aware).

    ``elapsed_s`` is real seconds since then. Demo time runs ``speed`` times as fast: an article with ``published`` 30
    appears at ``elapsed_s`` 30 / ``speed`` and is dated with that real moment, so no date is in the future. The same
    arguments give the same bytes. ``base_url`` has no trailing slash.
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
        """The same outlets under another base URL."""
        return replace(self, base_url=base_url.rstrip("/"))

    def finished_after_s(self) -> float:
        """Real seconds after which nothing changes any more."""
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
        """Answer a GET of ``target`` (a path, with or without query); 404 for what does not exist, or not yet."""
        # Not urlsplit: it raises for some targets, and a malformed target is just a page that does not exist.
        path = unquote(target.partition("#")[0].partition("?")[0])
        if path == "/robots.txt":
            return self.robots()
        if path == "/":
            return self._html("index.html", outlets=list(self.samples.outlets))
        outlet_id = path.strip("/").split("/", 1)[0]
        outlet = self.samples.outlets.get(outlet_id)
        if outlet is None:
            return _not_found()
        if path == outlet.feed_path:
            return self.feed(outlet_id, elapsed_s, if_none_match=if_none_match, if_modified_since=if_modified_since)
        if path.rstrip("/") == f"/{outlet_id}":
            items = self._items(outlet, elapsed_s)
            return self._html("front.html", **self._of(outlet), items=items, feed_type=_FEED_TYPES[outlet.feed])
        return self.page(path, elapsed_s)

    def feed(
        self,
        outlet: str,
        elapsed_s: float,
        *,
        if_none_match: str | None = None,
        if_modified_since: str | None = None,
    ) -> DemoResponse:
        """The feed of an outlet, newest items first; 304 without a body if the client already has this state.

        ``If-None-Match`` wins over ``If-Modified-Since`` (RFC 9110). ``Last-Modified`` is sent only once the last
        change is a second old: dates have whole seconds, so a later change in the same second would be missed. Raises
        KeyError for an unknown outlet.
        """
        which = self.samples.outlets[outlet]
        items = self._items(which, elapsed_s)
        changed = max((one.updated for one in items), default=self._moment(0.0))
        if which.feed == "json":
            text = _json_feed(items, **self._of(which))
        else:
            text = self._rendered(f"{which.feed}.xml", **self._of(which), items=items, changed=changed)
        body, kind = text.encode(), f"{_FEED_TYPES[which.feed]}; charset=utf-8"
        headers = {"ETag": f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"', "Cache-Control": "no-cache"}
        whole = changed.replace(microsecond=0)
        if self._moment(elapsed_s * self.speed) - changed >= timedelta(seconds=1):
            headers["Last-Modified"] = _http_date(whole)
        if if_none_match is not None:
            tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
            same = "*" in tags or headers["ETag"] in tags
        else:
            since = _read_http_date(if_modified_since)
            same = since is not None and whole <= since
        return DemoResponse(304, b"", kind, headers) if same else DemoResponse(200, body, kind, headers)

    def page(self, path: str, elapsed_s: float) -> DemoResponse:
        """The article page at ``path`` as of now; 404 before it is published, or if there is none."""
        demo_s = elapsed_s * self.speed
        for article in self.samples.articles:
            if article.path == path and article.published <= demo_s and article.page != "missing":
                outlet = self.samples.outlets[article.outlet]
                if article.page == "empty":
                    return self._html("empty.html", outlet=outlet, language=article.language)
                return self._html(f"outlets/{outlet.id}/page.html", **self._page_values(outlet, article, demo_s))
        return _not_found()

    def robots(self) -> DemoResponse:
        """robots.txt of the host that all outlets share: everything is allowed except a search that does not exist."""
        return DemoResponse(200, b"User-agent: *\nDisallow: /*/search\n", _PLAIN)

    def _page_values(self, outlet: SampleOutlet, article: SampleArticle, demo_s: float) -> dict[str, Any]:
        shown, labels = self._shown(article, demo_s), outlet.labels[article.language]
        paragraphs = shown.text.paragraphs
        # Links are between paragraphs, as on real sites, since extraction has most trouble with them there.
        middle = (len(paragraphs) + 1) // 2
        json_ld = {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "headline": shown.text.title,
            "inLanguage": article.language,
            "datePublished": shown.published.isoformat(timespec="seconds"),
            "dateModified": shown.updated.isoformat(timespec="seconds"),
            "author": [{"@type": "Person", "name": name} for name in article.authors],
            "publisher": {"@type": "Organization", "name": outlet.name},
            "mainEntityOfPage": shown.url,
        }
        return {
            **self._of(outlet),
            **shown._asdict(),
            "labels": labels,
            "section": labels.sections[article.section],
            "language": article.language,
            "direction": article.direction,
            "title": shown.text.title,
            "lead": shown.text.lead,
            "before": paragraphs[:middle],
            "after": paragraphs[middle:],
            "authors": ", ".join(article.authors),
            "also_see": self._links(article.also_see),
            "related": self._links(article.related),
            "json_ld": json_ld,
        }

    def _of(self, outlet: SampleOutlet) -> dict[str, Any]:
        return {
            "outlet": outlet,
            "home_url": f"{self.base_url}/{outlet.id}/",
            "feed_url": self.base_url + outlet.feed_path,
        }

    def _items(self, outlet: SampleOutlet, elapsed_s: float) -> list[Shown]:
        demo_s = elapsed_s * self.speed
        there = [one for one in self.samples.articles if one.outlet == outlet.id and one.published <= demo_s]
        return [self._shown(one, demo_s) for one in reversed(there)]

    def _shown(self, article: SampleArticle, demo_s: float) -> Shown:
        url, revised = self.base_url + article.path, article.revised_at(demo_s)
        return Shown(
            article=article,
            text=article.text_at(demo_s),
            url=url,
            link=f"{url}?{article.link_query}" if article.link_query else url,
            published=self._moment(article.published),
            updated=self._moment(article.published if revised is None else revised),
        )

    def _links(self, articles: Sequence[str]) -> list[Headline]:
        # Always the first title: a page must not change because another article was edited.
        found = [self.samples.article(one) for one in articles]
        return [Headline(one.title, self.base_url + one.path) for one in found]

    def _moment(self, demo_s: float) -> datetime:
        return (self.started_at + timedelta(seconds=demo_s / self.speed)).astimezone(UTC)

    def _html(self, template: str, **values: Any) -> DemoResponse:
        return DemoResponse(200, self._rendered(template, **values).encode(), _HTML)

    def _rendered(self, template: str, **values: Any) -> str:
        return _environment(self.samples.root).get_template(template).render(**values)


@cache
def _environment(root: Path) -> Environment:
    made = Environment(
        loader=FileSystemLoader(root), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["http_date"] = _http_date
    return made


def _json_feed(items: Sequence[Shown], *, outlet: SampleOutlet, home_url: str, feed_url: str) -> str:
    value = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.name,
        "home_page_url": home_url,
        "feed_url": feed_url,
        "items": [
            {
                "id": one.article.id,
                "url": one.link,
                "title": one.text.title,
                "summary": one.text.lead,
                "content_text": one.text.lead,
                "date_published": one.published.isoformat(timespec="seconds"),
                "date_modified": one.updated.isoformat(timespec="seconds"),
                "authors": [{"name": name} for name in one.article.authors],
                "tags": [one.article.section],
                "language": one.article.language,
            }
            for one in items
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _not_found() -> DemoResponse:
    return DemoResponse(404, b"There is no such page.\n", _PLAIN)


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _read_http_date(header: str | None) -> datetime | None:
    """The time in a header; None if there is none, or if it can't be read, which HTTP requires to ignore."""
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
