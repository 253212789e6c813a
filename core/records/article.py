"""Enriched articles and stories; the outlets of feeds, and their walls, as they are reported to the desk."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from core.records.raw import OrderKey, Position


class Match(msgspec.Struct, frozen=True, order=True):
    """A matched stretch of a field: code points ``start`` to ``end`` (exclusive) of the article's ``title`` or ``text``."""

    field: str
    start: int
    end: int
    text: str


class TopicMatch(msgspec.Struct, frozen=True):
    """The article has ``topic``. ``score`` is at or over the topic's threshold; ``matches`` is the evidence."""

    topic: str
    score: float
    matches: tuple[Match, ...] = ()


class SubscriptionMatch(msgspec.Struct, frozen=True):
    """The article matches version ``version`` of ``subscription``."""

    subscription: str
    version: int
    matches: tuple[Match, ...] = ()


class Article(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"published_at": "published", "modified_at": "modified", "story_id": "story"},
):
    """One version of one article, enriched. Duplicates are articles too, with ``duplicate_of``.

    ``published_at`` is the publisher's claim, checked: ``published_flag`` is ``missing``, ``guessed``, ``future`` or
    ``ancient`` (then it is shown, never used for order), or None. ``modified_at`` is the publisher's claim of its last
    edit. ``origins``: fact → where the page or feed said it (``pipeline.extraction.candidates``). ``text_from`` is the
    same for the text: ``page``, ``json_ld``, ``script``, ``feed``, or ``title`` for a flash that is its headline alone.
    ``partial``: the text is cut ("read more", a paywall's teaser). ``wall``: the page was one, of this kind, and the
    feed's text stands here. ``language`` is an ISO 639-1 code, or None if unknown; ``language_decided_by`` is ``text``,
    ``page``, ``feed`` or ``none``. ``fingerprint`` is the features by which copies and events are found
    (``pipeline.stories.features``; binary). ``origin`` is the agency that the reader should see credited. ``story_id``,
    ``duplicate_of``, ``origin`` and ``version`` are set by the ordered stage. ``marks`` are what may differ in a
    replay, such as ``extraction_timeout``. ``labels``: what the desk called the outlet at the event time, sorted.
    """

    id: str
    url: str
    canonical_url: str
    source: str
    title: str
    text: str
    fetched_at: datetime
    key: OrderKey
    position: Position
    version_hash: str
    schema: int = 1
    version: int = 1
    language: str | None = None
    language_confidence: float = 0.0
    language_decided_by: str = "none"
    authors: tuple[str, ...] = ()
    summary: str | None = None
    published_at: datetime | None = None
    published_flag: str | None = None
    modified_at: datetime | None = None
    origins: dict[str, str] = {}
    text_from: str = "page"
    partial: bool = False
    wall: str | None = None
    feed_url: str | None = None
    topics: tuple[TopicMatch, ...] = ()
    labels: tuple[str, ...] = ()
    subscriptions: tuple[SubscriptionMatch, ...] = ()
    fingerprint: bytes = b""
    duplicate_of: str | None = None
    origin: str | None = None
    story_id: str | None = None
    backfill: bool = False
    marks: tuple[str, ...] = ()


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A group of articles about one event.

    ``id`` and ``headline`` are those of its first article. ``first_ms`` and ``last_ms`` are event times in milliseconds,
    UTC. ``articles`` counts articles, not versions, copies included; ``copies`` those that are copies. ``sources``:
    outlets with a text of their own, sorted; if a text credits an agency, the agency counts in place of the outlet, so one
    agency text in 43 outlets is one source.
    """

    id: str
    headline: str
    first_ms: int
    last_ms: int
    articles: int = 0
    copies: int = 0
    sources: tuple[str, ...] = ()

    @property
    def independent_sources(self) -> int:
        """How many sources have reported the story in their own words."""
        return len(self.sources)


class FeedOutlet(NamedTuple):
    """The outlet of a feed, from a catalogue, a list or the feed itself."""

    source: str
    name: str | None
    country: str | None


class FeedCounts(NamedTuple):
    """Number of watched feeds, of those that fail or are gone, and the time of the last successful read of any (ms, UTC)."""

    watched: int
    failing: int
    last_ok_ms: int | None


class WallCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many pages of an outlet stood in an article's place, of one kind. ``last_ms``, ``last_item``: of the latest, UTC."""

    source: str
    kind: str
    walls: int
    last_ms: int
    last_item: str
