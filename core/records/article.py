"""Enriched articles and stories; outlets of feeds and counts of their walls, as reported to the desk."""

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
    """A topic of the article. ``score`` is at or above the topic's threshold; ``matches`` is the evidence."""

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
    """One version of an article, enriched. Duplicates are articles too, with ``duplicate_of`` set.

    ``published_at`` is the publisher's claim, checked: ``published_flag`` is ``missing``, ``guessed``, ``future`` or
    ``ancient`` (then it is shown, but never used for order), or None. ``modified_at`` is the publisher's claim of the
    last edit. ``origins``: fact → the place in the page or feed that it is from (``pipeline.extraction.candidates``).
    ``text_from`` is the same for the text: ``page``, ``json_ld``, ``script``, ``feed``, or ``title`` for a flash that
    consists of its headline. ``partial``: the text is cut off ("read more", a paywall's teaser). ``wall``: the page was
    a wall of this kind, and the text is the feed's. ``language`` is an ISO 639-1 code, or None if unknown;
    ``language_decided_by`` is ``text``, ``page``, ``feed`` or ``none``. ``fingerprint`` is the features by which copies
    and stories are found (``pipeline.stories.features``; binary). ``origin`` is the agency to credit. ``story_id``,
    ``duplicate_of``, ``origin`` and ``version`` are set by the ordered stage. ``marks`` are circumstances that may
    differ in a replay, such as ``extraction_timeout``. ``labels``: the desk's labels of the outlet at the event time,
    sorted.
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

    ``id`` and ``headline`` are those of its first article. ``first_ms`` and ``last_ms`` are event times in
    milliseconds, UTC. ``articles`` counts articles (not versions), including copies; ``copies`` counts those that are
    copies. ``sources``: outlets with a text of their own, sorted. If a text credits an agency, the agency counts in
    place of the outlet, so an agency text in 43 outlets is one source.
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
    """Numbers of watched feeds and of failing or gone ones, and the time of the last successful read of any feed (ms, UTC)."""

    watched: int
    failing: int
    last_ok_ms: int | None


class WallCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many pages of an outlet were walls of one kind. ``last_ms`` (UTC) and ``last_item`` are those of the latest."""

    source: str
    kind: str
    walls: int
    last_ms: int
    last_item: str
