"""The state of a feed between polls. Times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from connectors.feeds.items import FeedItem
from connectors.feeds.schedule import Rhythm
from core.errors import FailureKind


class ItemStatus(StrEnum):
    """``pending``: its article is not made yet. ``done``: appended with its page. ``failed``: appended without."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class ItemState(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a feed. ``item`` is kept while pending: it may leave the feed before its page is fetched.

    ``digest`` is the ``identity.ItemMarks`` of the item as last seen. ``retry_at_ms``: pending until then at least.
    ``done_at_ms``: when it was last appended. ``left_at_ms``: when it was first missing from the feed; None while it is
    in it. ``place`` orders items that were found in one poll, 0 at the end of the feed. ``again``: how often it was
    refetched because it changed, without a quiet time between.
    """

    digest: str
    first_seen_ms: int
    status: ItemStatus = ItemStatus.PENDING
    backfill: bool = False
    place: int = 0
    again: int = 0
    attempts: int = 0
    retry_at_ms: int = 0
    done_at_ms: int = 0
    left_at_ms: int | None = None
    problem: str | None = None
    problem_kind: FailureKind | None = None
    item: FeedItem | None = None


class FeedFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The feed itself. ``listed``: its first list of items is saved, so new items are news.

    ``moved_to`` was learnt from permanent redirects. ``full_at_ms``: when it was last fetched unconditionally.
    ``child`` is the sitemap that an index led to, learnt at ``child_ms``; ``checked_url`` is what the validators belong
    to. ``asked_ms``: its last request; ``hub`` and ``topic``: where its WebSub pushes come from. ``parts``: digests of
    the sitemaps that were read. ``newest_ms``: the newest date of an item, ``on_top``: see ``age.Past``. ``restless``:
    polls in a row in which most known items had changed. ``poll_at_ms``: when to fetch it next. ``page_turn``: the last
    request was for the feed, so now its pages have priority on their host. ``failures`` counts failed polls since the
    last good one.
    """

    listed: bool = False
    moved_to: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    body_digest: str | None = None
    title: str | None = None
    language: str | None = None
    poll_at_ms: int = 0
    full_at_ms: int = 0
    ok_at_ms: int | None = None
    page_turn: bool = False
    failures: int = 0
    gone: bool = False
    problem: str | None = None
    problem_kind: FailureKind | None = None
    child: str | None = None
    child_ms: int = 0
    parts: tuple[str, ...] = ()
    newest_ms: int | None = None
    on_top: int = 0
    restless: int = 0
    checked_url: str | None = None
    asked_ms: int = 0
    rhythm: Rhythm = Rhythm()
    hub: str | None = None
    topic: str | None = None


class FeedCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The feed's facts, and its items by key."""

    facts: FeedFacts = FeedFacts()
    items: Mapping[str, ItemState] = msgspec.field(default_factory=dict)
