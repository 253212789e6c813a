"""A feed's entries exactly as feedparser returns them, for people and programs that inspect a feed. Pure.

The connector itself uses the items of ``parse``: the same entries with bounded lengths, plain text titles and absolute
links, without duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from connectors.feeds.feedparser_limits import summary_of
from connectors.feeds.items import FeedItem, iso_moment
from connectors.feeds.markup import mended
from connectors.feeds.parse import (
    bytes_of,
    is_json,
    is_sitemap,
    parse_feed,
    read_as_sent,
    read_moment,
    read_xml,
    text_of,
)
from connectors.http.answers import without_credentials


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. ``id``, ``title``, ``link``, ``author``, ``published`` and ``updated`` are verbatim, ``authors`` are names.

    ``published_at`` and ``updated_at`` are the dates as feedparser reads them, UTC; None if it can't.
    """

    id: str | None = None
    title: str | None = None
    link: str | None = None
    author: str | None = None
    authors: tuple[str, ...] = ()
    published: str | None = None
    published_at: datetime | None = None
    updated: str | None = None
    updated_at: datetime | None = None
    summary: str | None = None
    language: str | None = None
    content_chars: int = 0


def feed_entries(body: bytes, *, url: str, base: str = "", content_type: str | None = None) -> tuple[FeedEntry, ...]:
    """All entries in the feed's order. ``url`` is for messages; ``base``: the base of relative links.

    For a JSON Feed or a sitemap, which feedparser does not read, it returns our own items. Raises FeedError if it is
    not a feed.
    """
    url = without_credentials(url)
    text = text_of(body, url=url, content_type=content_type).text
    if is_json(text) or is_sitemap(text):
        return tuple(_of_item(item) for item in parse_feed(body, url=base or url, content_type=content_type).items)
    base = without_credentials(base)
    parsed = read_xml(text, url=url, base=base)
    # Returns feedparser's own result. If its rules for encodings find nothing, ours may; repaired text is then shown
    # repaired.
    whole = mended(text) == text
    as_sent = read_as_sent(bytes_of(body, url=url), base=base, content_type=content_type) if whole else None
    return tuple(_entries(as_sent if as_sent is not None and as_sent.get("entries") else parsed))


def _entries(parsed: Any) -> Iterator[FeedEntry]:
    for entry in parsed.get("entries") or ():
        contents = [part for part in entry.get("content") or () if isinstance(part.get("value"), str)]
        yield FeedEntry(
            id=_text(entry.get("id")),
            title=_text(entry.get("title")),
            link=_text(entry.get("link")),
            author=_text(entry.get("author")),
            authors=tuple(name for author in entry.get("authors") or () if (name := _text(author.get("name")))),
            published=_text(entry.get("published")),
            published_at=read_moment(entry.get("published_parsed")),
            # Not entry.get("updated"): if it is missing, feedparser returns "published".
            updated=_text(dict.get(entry, "updated")),
            updated_at=read_moment(dict.get(entry, "updated_parsed")),
            summary=_text(summary_of(entry)),
            language=_text((contents or [{}])[0].get("language")),
            content_chars=max((len(part["value"]) for part in contents), default=0),
        )


def _of_item(item: FeedItem) -> FeedEntry:
    return FeedEntry(
        id=item.guid or (item.url if item.fetchable else None),
        title=item.title,
        link=item.url if item.fetchable else None,
        author=item.authors[0] if item.authors else None,
        authors=item.authors,
        published=item.published,
        published_at=iso_moment(item.published),
        updated=item.updated,
        updated_at=iso_moment(item.updated),
        summary=item.summary,
        language=item.language,
        content_chars=len(item.content or ""),
    )


def _text(value: object) -> str | None:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else None
