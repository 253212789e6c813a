"""Feeds and items as rows of the store, and back. Pure.

Times are milliseconds since the epoch in rows, UTC elsewhere.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from connectors.base import PollResult
from connectors.feeds.cursor import FeedCursor, FeedFacts, ItemState, ItemStatus
from connectors.feeds.items import FeedItem
from connectors.http.links import without_credentials
from core.errors import FailureKind, StoreError
from core.records import from_ms, to_ms

NEVER_MS = (1 << 62) - 1
"""``next_poll_at`` of a source that has ended."""


COLUMNS = (
    *(
        "state",
        "next_poll_at",
        "health",
        "problem",
        "problem_kind",
        "failures",
        "last_ok_at",
        "title",
        "language",
        "etag",
    ),
    "last_modified",
)
"""The columns that ``feed_values`` gives."""


class FeedAbout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a catalogue or list says of a feed."""

    outlet: str | None = None
    country: str | None = None
    language: str | None = None
    kind: str | None = None
    topics: tuple[str, ...] = ()


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A feed as a person wants to see it. Times are UTC; ``url`` is without credentials."""

    id: str
    url: str
    source: str
    active: bool
    health: str
    problem: str | None
    problem_kind: FailureKind | None
    failures: int
    title: str | None
    added_at: datetime
    last_ok_at: datetime | None
    next_poll_at: datetime | None
    verified_at: datetime | None = None
    about: FeedAbout = FeedAbout()


def feed_id(url: str) -> str:
    """Return the id of the feed at this address."""
    return hashlib.blake2b(url.strip().encode("utf-8", "replace"), digest_size=16).hexdigest()


def facts_of(row: Row[Any]) -> FeedFacts:
    """The connector's own facts. Raises StoreError."""
    try:
        return msgspec.json.decode(row.state, type=FeedFacts) if row.state else FeedFacts()
    except msgspec.DecodeError as error:
        raise StoreError(f"the state of feed {without_credentials(row.url)} cannot be read: {error}") from error


def feed_values(result: PollResult[FeedCursor]) -> dict[str, object]:
    """The columns of a feed after a poll."""
    facts = result.cursor.facts
    if result.wake_at is None:
        health = "gone" if facts.gone else "ended"
    else:
        health = "gone" if facts.gone else "failing" if facts.failures else "ok" if facts.listed else "new"
    return {
        "state": msgspec.json.encode(facts).decode(),
        "next_poll_at": NEVER_MS if result.wake_at is None else to_ms(result.wake_at),
        "health": health,
        "problem": facts.problem,
        "problem_kind": facts.problem_kind,
        "failures": facts.failures,
        "last_ok_at": facts.ok_at_ms,
        "title": facts.title,
        "language": facts.language,
        "etag": facts.etag,
        "last_modified": facts.last_modified,
    }


def item_row(feed: str, key: str, state: ItemState) -> dict[str, object]:
    """The row of an item."""
    return {
        "feed": feed,
        "key": key,
        "digest": state.digest,
        "first_seen_at": state.first_seen_ms,
        "status": state.status.value,
        "backfill": state.backfill,
        "place": state.place,
        "attempts": state.attempts,
        "retry_at": state.retry_at_ms,
        "done_at": state.done_at_ms,
        "left_at": state.left_at_ms,
        "problem": state.problem,
        "problem_kind": state.problem_kind,
        "item": None if state.item is None else msgspec.json.encode(state.item).decode(),
    }


def item_state(row: Row[Any]) -> ItemState:
    """An item of its row. Raises msgspec.DecodeError, ValueError."""
    return ItemState(
        digest=row.digest,
        first_seen_ms=row.first_seen_at,
        status=ItemStatus(row.status),
        backfill=row.backfill,
        place=row.place,
        attempts=row.attempts,
        retry_at_ms=row.retry_at,
        done_at_ms=row.done_at,
        left_at_ms=row.left_at,
        problem=row.problem,
        problem_kind=kind_of(row.problem_kind),
        item=msgspec.json.decode(row.item, type=FeedItem) if row.item else None,
    )


def listed(row: Row[Any]) -> FeedRow:
    """A feed of its row."""
    return FeedRow(
        id=row.id,
        url=without_credentials(row.url),
        source=row.source,
        active=row.active,
        health=row.health,
        problem=row.problem,
        problem_kind=kind_of(row.problem_kind),
        failures=row.failures,
        title=row.title,
        added_at=from_ms(row.added_at),
        last_ok_at=None if row.last_ok_at is None else from_ms(row.last_ok_at),
        next_poll_at=None if row.next_poll_at >= NEVER_MS else from_ms(row.next_poll_at),
        verified_at=None if row.verified_at is None else from_ms(row.verified_at),
        about=msgspec.json.decode(row.about, type=FeedAbout) if row.about else FeedAbout(),
    )


def kind_of(value: str | None) -> FailureKind | None:
    """The kind of a stored problem; OTHER for one of a later version."""
    if value is None:
        return None
    return FailureKind(value) if value in _KINDS else FailureKind.OTHER


_KINDS = frozenset(FailureKind)


def words(error: SQLAlchemyError) -> str:
    """The driver's own message: SQLAlchemy's adds the statement with its values."""
    return str(getattr(error, "orig", None) or type(error).__name__)
