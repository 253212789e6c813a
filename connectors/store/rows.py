"""Feeds and items as rows of the store and back, and the statements on them. Pure.

Statements are built once: building one costs more than SQLite takes to run it.
Times are milliseconds since the epoch in rows, UTC elsewhere.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, BindParameter, Row, bindparam, case, func, select, update

from connectors.base import SourceFacts
from connectors.feeds.cursor import ItemState, ItemStatus
from connectors.feeds.items import FeedItem
from connectors.http.answers import without_credentials
from connectors.kinds import FEED
from connectors.store.tables import feed_items, feeds, is_pending
from core.errors import FailureKind
from core.records import from_ms, to_ms

NEVER_MS = (1 << 62) - 1
"""``next_poll_at`` of a source that has ended."""


COLUMNS = ("state", "next_poll_at", "health", "problem", "problem_kind", "failures", "last_ok_at", "title")
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
    kind: str
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


def feed_id(url: str, kind: str = FEED) -> str:
    """Return the id of the source at this address: a hash; two kinds may poll the same address."""
    named = url.strip() if kind == FEED else f"{kind}:{url.strip()}"
    return hashlib.blake2b(named.encode("utf-8", "replace"), digest_size=16).hexdigest()


def feed_values(state: str, facts: SourceFacts, wake_at: datetime | None) -> dict[str, object]:
    """The columns of a feed after a poll."""
    return {
        "state": state,
        "next_poll_at": NEVER_MS if wake_at is None else to_ms(wake_at),
        "health": "ended" if wake_at is None and facts.health != "gone" else facts.health,
        "problem": facts.problem,
        "problem_kind": facts.problem_kind,
        "failures": facts.failures,
        "last_ok_at": facts.ok_at_ms,
        "title": facts.title,
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
        "again": state.again,
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
        again=row.again,
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
        kind=row.kind,
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


_OTHERS = feeds.alias("others")
_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_SKIP: BindParameter[Any] = bindparam("skip", expanding=True)
_KINDS_IN_USE: BindParameter[Any] = bindparam("kinds", expanding=True)
_NOW: BindParameter[Any] = bindparam("now", type_=BigInteger)

DUE = (
    select(feeds.c.id)
    .where(feeds.c.active.is_(True), feeds.c.next_poll_at <= _NOW, feeds.c.id.not_in(_SKIP))
    .where(feeds.c.kind.in_(_KINDS_IN_USE))
    .order_by(feeds.c.next_poll_at, feeds.c.id)
    .limit(bindparam("most"))
)
"""now, skip, kinds, most: the longest overdue first."""

_LEASED = (_OTHERS.c.lease_until > _NOW) & (_OTHERS.c.lease_until <= bindparam("latest", type_=BigInteger))
FREE = DUE.where(
    ~select(_OTHERS.c.id)
    .where(_OTHERS.c.host == feeds.c.host, _LEASED, _OTHERS.c.leased_by != bindparam("owner"))
    .exists()
)
"""The same, owner and latest: neither the feed nor another one of its host is leased to another process. A lease beyond
``latest`` was taken before the clock was set back, perhaps by a process that died."""

CLAIM = FREE.with_for_update(skip_locked=True, of=feeds)
"""The same; a row that is just being saved is left for the next look."""

FREE_OF, CLAIM_OF = (one.where(feeds.c.id.in_(_NAMES)) for one in (FREE, CLAIM))
"""The same, of some names only."""

WAITING = (
    select(feeds.c.id)
    .where(feeds.c.active.is_(True), feeds.c.next_poll_at <= _NOW, feeds.c.kind.in_(_KINDS_IN_USE))
    .where(feeds.c.id.in_(select(feed_items.c.feed).where(is_pending)))
    .order_by(feeds.c.next_poll_at, feeds.c.id)
)
"""now, kinds: those that are due and have items whose pages are not fetched yet."""

LEASE = (
    update(feeds)
    .where(feeds.c.id.in_(_NAMES))
    .values(leased_by=bindparam("owner"), lease_until=bindparam("until", type_=BigInteger))
)

NEXT = (
    select(feeds.c.next_poll_at)
    .where(feeds.c.active.is_(True), feeds.c.next_poll_at < NEVER_MS, feeds.c.id.not_in(_SKIP))
    .where(feeds.c.kind.in_(_KINDS_IN_USE))
    .order_by(feeds.c.next_poll_at)
    .limit(1)
)

FEEDS = select(feeds).where(feeds.c.id.in_(_NAMES))
PENDING = select(feed_items).where(feed_items.c.feed.in_(_NAMES), feed_items.c.status == ItemStatus.PENDING.value)
ITEMS = select(feed_items).where(feed_items.c.feed == bindparam("name"))

_NEW = {column: bindparam(f"new_{column}", type_=feeds.c[column].type) for column in COLUMNS}
_LEASE_UNTIL: BindParameter[Any] = bindparam("lease_until", type_=BigInteger)
SAVE = (
    update(feeds)
    .where(feeds.c.id == bindparam("name"), feeds.c.revision == bindparam("before"))
    .values(
        _NEW
        | {
            # A request that came during the poll may be about what the answer did not have yet.
            "next_poll_at": case(
                (
                    (feeds.c.requested_at > bindparam("asked", type_=BigInteger))
                    & (feeds.c.requested_at < _NEW["next_poll_at"]),
                    feeds.c.requested_at,
                ),
                else_=_NEW["next_poll_at"],
            ),
            "verified_at": func.coalesce(feeds.c.verified_at, _NEW["last_ok_at"]),
            "leased_by": case(
                (_LEASE_UNTIL.is_(None), feeds.c.leased_by), else_=bindparam("owner", type_=feeds.c.leased_by.type)
            ),
            "lease_until": func.coalesce(_LEASE_UNTIL, feeds.c.lease_until),
            "revision": bindparam("after"),
        }
    )
)
"""A cursor over the one it was made from: name, before and after (revisions), asked, lease_until (None: as it is), owner,
and a ``new_`` of each of COLUMNS."""
