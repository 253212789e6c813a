"""What a connector puts on the raw stream."""

from __future__ import annotations

from datetime import datetime

import msgspec


class HttpFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server said when the page was fetched."""

    status: int | None = None
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class RawArticle(msgspec.Struct, frozen=True, kw_only=True):
    """One fetched article, as it came. At most one of ``html`` and ``text`` is normally set.

    ``url`` is final (after redirects). ``published`` is the publisher's claim, verbatim. ``fetched_at`` is UTC.
    ``backfill``: the feed already held it when it was first polled: stored and searchable, never alerted.
    ``stub`` says why a body is missing that there was (for example ``too_large``): such a record still takes a position
    and gets an outcome. ``language`` is the feed's hint, not a fact.
    """

    url: str
    source: str
    fetched_at: datetime
    schema: int = 1
    feed_url: str | None = None
    guid: str | None = None
    title: str | None = None
    summary: str | None = None
    authors: tuple[str, ...] = ()
    published: str | None = None
    language: str | None = None
    html: str | None = None
    text: str | None = None
    http: HttpFacts | None = None
    backfill: bool = False
    stub: str | None = None
