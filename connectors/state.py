"""Feeds and their cursors in the store.

All is worked out first, then written in one short transaction that begins with a write, so it takes SQLite's write lock
at once and never has to upgrade. A cursor is saved only over the one it was made from (``revision``): of two processes
that poll one feed, the second to save is told, and nothing is mixed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from connectors.base import PollResult
from connectors.feeds.cursor import FeedCursor, FeedFacts, ItemState, ItemStatus
from connectors.feeds.items import FeedItem
from connectors.links import without_credentials
from pipeline.errors import StoreError
from pipeline.records import from_ms, to_ms
from pipeline.store.feed_tables import feed_items, feeds

NEVER_MS = (1 << 62) - 1
"""``next_poll_at`` of a source that has ended."""

_CHUNK = 500


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A feed as a person wants to see it. Times are UTC; ``url`` is without credentials."""

    id: str
    url: str
    source: str
    active: bool
    health: str
    problem: str | None
    failures: int
    title: str | None
    added_at: datetime
    last_ok_at: datetime | None
    next_poll_at: datetime | None


def feed_id(url: str) -> str:
    """Return the id of the feed at this address."""
    return hashlib.blake2b(url.strip().encode("utf-8", "replace"), digest_size=16).hexdigest()


class FeedState:
    """The book (``connectors.base.Book``) of all feeds. Names are feed ids. Raises StoreError.

    Safe for threads and processes, as far as the engine is.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, url: str, source: str, now: datetime) -> bool:
        """Add a feed, due at once. An inactive one becomes active again. False: it was there and active already."""
        name, url = feed_id(url), url.strip()
        with self._writing("add a feed") as connection:
            again = update(feeds).where(feeds.c.id == name, feeds.c.active.is_(False))
            if connection.execute(again.values(active=True, source=source, next_poll_at=to_ms(now))).rowcount:
                return True
            if connection.execute(select(feeds.c.id).where(feeds.c.id == name)).first():
                return False
            row = {"id": name, "url": url, "source": source, "added_at": to_ms(now), "next_poll_at": to_ms(now)}
            connection.execute(insert(feeds).values(**row, active=True, revision=0, health="new", failures=0))
            return True

    def remove(self, url: str) -> bool:
        """Stop polling a feed. What was seen stays, so adding it again brings nothing twice. False: no such feed."""
        with self._writing("remove a feed") as connection:
            # A new revision, so that a poll under way can't save and set its next time.
            gone = update(feeds).where(feeds.c.id == feed_id(url), feeds.c.active.is_(True))
            return bool(connection.execute(gone.values(active=False, revision=feeds.c.revision + 1)).rowcount)

    def listing(self) -> list[FeedRow]:
        """Return all feeds, by source and address."""
        with self._reading("list the feeds") as connection:
            rows = connection.execute(select(feeds).order_by(feeds.c.source, feeds.c.url)).all()
        return [_listed(row) for row in rows]

    def address(self, name: str) -> tuple[str, str]:
        """Return URL (with credentials, if it has any) and source of the feed ``name``."""
        with self._reading("read a feed") as connection:
            row = connection.execute(select(feeds.c.url, feeds.c.source).where(feeds.c.id == name)).first()
        if row is None:
            raise StoreError(f"no feed {name}")
        return str(row.url), str(row.source)

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """See Book.due."""
        query = select(feeds.c.id).where(feeds.c.active.is_(True), feeds.c.next_poll_at <= to_ms(now))
        query = query.where(feeds.c.id.not_in(list(skip))).order_by(feeds.c.next_poll_at, feeds.c.id).limit(limit)
        with self._reading("find due feeds") as connection:
            return [str(row.id) for row in connection.execute(query)]

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """See Book.next_due."""
        query = select(feeds.c.next_poll_at).where(feeds.c.active.is_(True), feeds.c.next_poll_at < NEVER_MS)
        query = query.where(feeds.c.id.not_in(list(skip))).order_by(feeds.c.next_poll_at).limit(1)
        with self._reading("find the next feed") as connection:
            first = connection.execute(query).scalar()
        return None if first is None else from_ms(first)

    def load(self, name: str) -> FeedCursor | None:
        """See Book.load."""
        with self._reading("load a cursor") as connection:
            row = connection.execute(select(feeds).where(feeds.c.id == name)).first()
            if row is None:
                raise StoreError(f"no feed {name}")
            rows = connection.execute(select(feed_items).where(feed_items.c.feed == name)).all()
        try:
            facts = msgspec.json.decode(row.state, type=FeedFacts) if row.state else FeedFacts()
            items = {str(item.key): _item_state(item) for item in rows}
        except msgspec.DecodeError as error:
            raise StoreError(f"the state of feed {row.url} cannot be read: {error}") from error
        return FeedCursor(facts=facts, items=items, revision=row.revision)

    def save(self, name: str, before: FeedCursor | None, result: PollResult[FeedCursor]) -> bool:
        """See Book.save. Writes only the items that changed."""
        known: Mapping[str, ItemState] = before.items if before else {}
        after = result.cursor
        written = [_item_row(name, key, state) for key, state in after.items.items() if known.get(key) != state]
        removed = [key for key in known if key not in after.items]
        replaced = [row["key"] for row in written if row["key"] in known] + removed
        values = _feed_values(result)
        revision = before.revision if before else 0
        with self._writing("save a cursor") as connection:
            mine = update(feeds).where(feeds.c.id == name, feeds.c.revision == revision)
            if not connection.execute(mine.values(**values, revision=revision + 1)).rowcount:
                return False
            for start in range(0, len(replaced), _CHUNK):
                keys = replaced[start : start + _CHUNK]
                connection.execute(delete(feed_items).where(feed_items.c.feed == name, feed_items.c.key.in_(keys)))
            if written:
                connection.execute(insert(feed_items), written)
        return True

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """See Book.postpone."""
        with self._writing("postpone a feed") as connection:
            values = {"next_poll_at": to_ms(until), "health": "failing", "problem": problem}
            connection.execute(update(feeds).where(feeds.c.id == name).values(**values, failures=feeds.c.failures + 1))

    def pending(self) -> int:
        """Return how many items of active feeds still wait for their article."""
        with self._reading("count pending items") as connection:
            join = feed_items.join(feeds, feeds.c.id == feed_items.c.feed)
            query = select(feed_items.c.key).select_from(join)
            query = query.where(feeds.c.active.is_(True), feed_items.c.status == ItemStatus.PENDING.value)
            return len(connection.execute(query).all())

    @contextmanager
    def _writing(self, what: str) -> Iterator[Connection]:
        try:
            # The store's engine begins with BEGIN IMMEDIATE where this option is set; others ignore it.
            with self._engine.execution_options(wirewatch_write=True).begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"could not {what}: {_words(error)}") from error

    @contextmanager
    def _reading(self, what: str) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"could not {what}: {_words(error)}") from error


def _feed_values(result: PollResult[FeedCursor]) -> dict[str, object]:
    facts = result.cursor.facts
    if result.wake_at is None:
        health = "ended"
    else:
        health = "gone" if facts.gone else "failing" if facts.failures else "ok" if facts.listed else "new"
    return {
        "state": msgspec.json.encode(facts).decode(),
        "next_poll_at": NEVER_MS if result.wake_at is None else to_ms(result.wake_at),
        "health": health,
        "problem": facts.problem,
        "failures": facts.failures,
        "last_ok_at": facts.ok_at_ms,
        "title": facts.title,
        "language": facts.language,
        "etag": facts.etag,
        "last_modified": facts.last_modified,
    }


def _item_row(feed: str, key: str, state: ItemState) -> dict[str, object]:
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
        "item": None if state.item is None else msgspec.json.encode(state.item).decode(),
    }


def _item_state(row: Row[Any]) -> ItemState:
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
        item=msgspec.json.decode(row.item, type=FeedItem) if row.item else None,
    )


def _listed(row: Row[Any]) -> FeedRow:
    return FeedRow(
        id=row.id,
        url=without_credentials(row.url),
        source=row.source,
        active=row.active,
        health=row.health,
        problem=row.problem,
        failures=row.failures,
        title=row.title,
        added_at=from_ms(row.added_at),
        last_ok_at=None if row.last_ok_at is None else from_ms(row.last_ok_at),
        next_poll_at=None if row.next_poll_at >= NEVER_MS else from_ms(row.next_poll_at),
    )


def _words(error: SQLAlchemyError) -> str:
    """Return the driver's own message: SQLAlchemy's adds the statement with its values."""
    return str(getattr(error, "orig", None) or type(error).__name__)
