"""A trace: what is known of a URL, station by station. Times are UTC."""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.store.polls import Poll
from core.query.explain import Explanation


class FeedTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One feed of the URL's host, or one that named it (``named``): how it does, and what it was asked last."""

    url: str
    source: str
    active: bool
    health: str
    problem: str | None
    last_ok_at: datetime | None
    next_poll_at: datetime | None
    named: bool = False
    polls: tuple[Poll, ...] = ()


class ItemTrace(msgspec.Struct, frozen=True, kw_only=True):
    """The URL as an item of a feed: ``status`` pending, done or failed. ``left_at``: when it was gone from the feed."""

    feed: str
    status: str
    first_seen_at: datetime
    backfill: bool
    attempts: int
    problem: str | None = None
    retry_at: datetime | None = None
    appended_at: datetime | None = None
    left_at: datetime | None = None


class EndTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One raw record and how it ended."""

    kind: str
    event_at: datetime | None
    seen_at: datetime | None
    position: str
    version: int | None = None
    late: bool = False
    stage: str | None = None
    reason: str | None = None


class TopicTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A topic in force then: its score against its threshold. ``score`` 0 where no query of it held."""

    topic: str
    score: float
    threshold: float
    held: bool


class QueryTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription in force then. ``failed``: the innermost clauses that kept it from holding.

    ``alert``: what came of it where it held. ``not_then``: why it was not in force, for one that was asked for by name;
    then ``explanation`` is what its query would have said.
    """

    subscription: str
    version: int
    query: str
    held: bool
    failed: tuple[str, ...] = ()
    alert: str = ""
    not_then: str = ""
    explanation: Explanation | None = None


class ArticleTrace(msgspec.Struct, frozen=True, kw_only=True):
    """The article as it is stored."""

    title: str
    version: int
    source: str
    fetched_at: datetime
    published_at: datetime | None
    published_flag: str | None
    text_chars: int
    language: str | None
    language_confidence: float
    language_decided_by: str
    story: str | None
    story_headline: str | None
    duplicate_of: str | None
    duplicate_title: str | None
    backfill: bool
    feed_url: str | None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a URL. ``verdict`` in one sentence; ``maybe``: why it was never seen, the likeliest first."""

    url: str
    id: str
    canonical: str
    run: str
    verdict: str
    maybe: tuple[str, ...] = ()
    taken_down: str | None = None
    feeds: tuple[FeedTrace, ...] = ()
    items: tuple[ItemTrace, ...] = ()
    pages_not_had: tuple[Poll, ...] = ()
    ends: tuple[EndTrace, ...] = ()
    article: ArticleTrace | None = None
    topics: tuple[TopicTrace, ...] = ()
    queries: tuple[QueryTrace, ...] = ()
