"""The outlets' feeds: RSS 2.0, Atom, JSON Feed 1.1. Pure; items come in the order given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import NamedTuple

from wirewatch.demo.pages import Shown
from wirewatch.demo.samples import Outlet

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class FeedFacts(NamedTuple):
    """What is true of the whole feed. ``changed`` is UTC."""

    outlet: Outlet
    feed_url: str
    home_url: str
    changed: datetime


class FeedFormat(NamedTuple):
    """A way of writing a feed, and the media type that it is served as."""

    content_type: str
    write: Callable[[FeedFacts, Sequence[Shown]], str]


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("", text))


def _link(shown: Shown) -> str:
    query = shown.article.link_query
    return f"{shown.url}?{query}" if query else shown.url


def rss(facts: FeedFacts, items: Sequence[Shown]) -> str:
    """RSS 2.0. A revised item keeps ``pubDate`` and has ``atom:updated``."""
    rows = "".join(
        f"<item><title>{_xml(one.text.title)}</title><link>{_xml(_link(one))}</link>"
        f'<guid isPermaLink="false">{_xml(one.article.id)}</guid>'
        f"<pubDate>{format_datetime(one.published, usegmt=True)}</pubDate>"
        f"<atom:updated>{one.updated.isoformat(timespec='seconds')}</atom:updated>"
        + "".join(f"<dc:creator>{_xml(name)}</dc:creator>" for name in one.article.authors)
        + f"<dc:language>{_xml(one.article.language)}</dc:language><category>{_xml(one.article.section)}</category>"
        f"<description>{_xml(one.text.lead)}</description></item>\n"
        for one in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>\n'
        f"<title>{_xml(facts.outlet.name)}</title><link>{_xml(facts.home_url)}</link>"
        f"<description>{_xml(facts.outlet.name)}</description>"
        f'<atom:link rel="self" type="application/rss+xml" href="{_xml(facts.feed_url)}"/>'
        f"<lastBuildDate>{format_datetime(facts.changed, usegmt=True)}</lastBuildDate>\n{rows}</channel></rss>\n"
    )


def atom(facts: FeedFacts, items: Sequence[Shown]) -> str:
    """Atom (RFC 4287)."""
    rows = "".join(
        f'<entry xml:lang="{_xml(one.article.language)}"><title>{_xml(one.text.title)}</title>'
        f'<link rel="alternate" type="text/html" href="{_xml(_link(one))}"/>'
        f"<id>urn:demo:{_xml(one.article.id)}</id>"
        f"<published>{one.published.isoformat(timespec='seconds')}</published>"
        f"<updated>{one.updated.isoformat(timespec='seconds')}</updated>"
        + "".join(f"<author><name>{_xml(name)}</name></author>" for name in one.article.authors)
        + f'<category term="{_xml(one.article.section)}"/><summary>{_xml(one.text.lead)}</summary></entry>\n'
        for one in items
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<title>{_xml(facts.outlet.name)}</title><id>urn:demo:{_xml(facts.outlet.id)}</id>"
        f'<link rel="self" href="{_xml(facts.feed_url)}"/><link rel="alternate" href="{_xml(facts.home_url)}"/>'
        f"<author><name>{_xml(facts.outlet.name)}</name></author>"
        f"<updated>{facts.changed.isoformat(timespec='seconds')}</updated>\n{rows}</feed>\n"
    )


def json_feed(facts: FeedFacts, items: Sequence[Shown]) -> str:
    """JSON Feed 1.1."""
    value = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": facts.outlet.name,
        "home_page_url": facts.home_url,
        "feed_url": facts.feed_url,
        "items": [
            {
                "id": one.article.id,
                "url": _link(one),
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


FORMATS: Mapping[str, FeedFormat] = {
    "rss": FeedFormat("application/rss+xml; charset=utf-8", rss),
    "atom": FeedFormat("application/atom+xml; charset=utf-8", atom),
    "json": FeedFormat("application/feed+json; charset=utf-8", json_feed),
}
