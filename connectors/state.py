"""Feeds and their cursors in the store.

All is worked out first, then written in one short transaction that begins with a write, so it takes SQLite's write lock
at once and never has to upgrade. A cursor is saved only over the one it was made from (``revision``): of two processes
that poll one feed, the second to save is told, and nothing is mixed.

Several processes share the feeds by leases: who takes a feed has it for ``lease_s`` seconds, and with it its host, since
each process keeps the pace of hosts by itself. A lease is not given back but runs on for ``linger_s`` after a poll, so
that the next process keeps the host's pace too. Who dies is replaced when its leases run out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from connectors.base import PollResult
from connectors.feeds.cursor import FeedCursor, FeedFacts, ItemState, ItemStatus
from connectors.links import host_of
from connectors.rows import (
    NEVER_MS,
    FeedAbout,
    FeedRow,
    facts_of,
    feed_id,
    feed_values,
    item_row,
    item_state,
    listed,
    words,
)
from pipeline.errors import StoreError
from pipeline.records import from_ms, to_ms
from pipeline.store.feed_tables import feed_items, feeds

__all__ = ["NEVER_MS", "FeedAbout", "FeedRow", "FeedState", "feed_id"]

_CHUNK = 500
_CLAIMS = 0x77697265
"""Number of PostgreSQL's advisory lock under which feeds are claimed: else two could claim one host at once."""

_LOOK_AGAIN = timedelta(seconds=0.5)


class FeedState:
    """The book (``connectors.base.Book``) of all feeds. Names are feed ids. Raises StoreError.

    Safe for threads and processes, as far as the engine is. ``owner`` names this process; None: it works alone, and
    takes no leases.
    """

    def __init__(
        self, engine: Engine, *, owner: str | None = None, lease_s: float = 120.0, linger_s: float = 10.0
    ) -> None:
        self._engine = engine
        self._owner, self._lease_ms, self._linger_ms = owner, int(lease_s * 1000), int(linger_s * 1000)
        self._looked_at: datetime | None = None

    def add(self, url: str, source: str, now: datetime, about: FeedAbout | None = None) -> bool:
        """Add a feed, due at once. An inactive or retired one becomes active again. False: it was there already."""
        name, url = feed_id(url), url.strip()
        known = {} if about is None else {"about": msgspec.json.encode(about).decode()}
        with self._writing("add a feed") as connection:
            ended = or_(feeds.c.active.is_(False), feeds.c.next_poll_at == NEVER_MS)
            again = update(feeds).where(feeds.c.id == name, ended)
            if connection.execute(again.values(active=True, source=source, next_poll_at=to_ms(now), **known)).rowcount:
                return True
            if connection.execute(select(feeds.c.id).where(feeds.c.id == name)).first():
                return False
            row = {"id": name, "url": url, "source": source, "added_at": to_ms(now), "next_poll_at": to_ms(now)}
            row |= {"host": host_of(url)[:255], "lease_until": 0, "poke_at": 0, **known}
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
        return [listed(row) for row in rows]

    def facts(self) -> dict[str, FeedFacts]:
        """Return the connectors' own facts of all active feeds, by feed id."""
        with self._reading("read the feeds") as connection:
            rows = connection.execute(select(feeds).where(feeds.c.active.is_(True))).all()
        return {str(row.id): facts_of(row) for row in rows}

    def seen_since(self, since: datetime) -> dict[str, tuple[int, int]]:
        """Return for each feed how many items it brought since then, and how many of them without their page."""
        failed = func.sum(case((feed_items.c.status == ItemStatus.FAILED.value, 1), else_=0))
        query = select(feed_items.c.feed, func.count().label("seen"), failed.label("failed"))
        query = query.where(feed_items.c.backfill.is_(False), feed_items.c.first_seen_at >= to_ms(since))
        with self._reading("count items") as connection:
            rows = connection.execute(query.group_by(feed_items.c.feed)).all()
        return {str(row.feed): (int(row.seen), int(row.failed or 0)) for row in rows}

    def verified(self, name: str, now: datetime) -> None:
        """Note that the feed could be read, if that was not known yet."""
        with self._writing("note a check") as connection:
            mine = update(feeds).where(feeds.c.id == name, feeds.c.verified_at.is_(None))
            connection.execute(mine.values(verified_at=to_ms(now)))

    def poke(self, name: str, now: datetime) -> None:
        """Let the feed be polled at once: somebody said that there is news."""
        now_ms = to_ms(now)
        sooner = case((feeds.c.next_poll_at < now_ms, feeds.c.next_poll_at), else_=now_ms)
        with self._writing("poke a feed") as connection:
            mine = update(feeds).where(feeds.c.id == name, feeds.c.active.is_(True))
            connection.execute(mine.values(poke_at=now_ms, next_poll_at=sooner))

    def address(self, name: str) -> tuple[str, str]:
        """Return URL (with credentials, if it has any) and source of the feed ``name``."""
        with self._reading("read a feed") as connection:
            row = connection.execute(select(feeds.c.url, feeds.c.source).where(feeds.c.id == name)).first()
        if row is None:
            raise StoreError(f"no feed {name}")
        return str(row.url), str(row.source)

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """See Book.due. With an owner, what is returned is leased to it."""
        now_ms = to_ms(now)
        query = select(feeds.c.id, feeds.c.host).where(feeds.c.active.is_(True), feeds.c.next_poll_at <= now_ms)
        query = query.where(feeds.c.id.not_in(list(skip))).order_by(feeds.c.next_poll_at, feeds.c.id).limit(limit)
        if self._owner is None:
            with self._reading("find due feeds") as connection:
                return [str(row.id) for row in connection.execute(query)]
        self._looked_at = now
        if not self._any_due(query.where(self._free(now_ms))):
            return []
        with self._writing("claim due feeds") as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_CLAIMS)))
            # A row that is just being saved is left for the next look.
            claim = query.where(self._free(now_ms)).with_for_update(skip_locked=True, of=feeds)
            names = [str(row.id) for row in connection.execute(claim)]
            if names:
                mine = update(feeds).where(feeds.c.id.in_(names))
                connection.execute(mine.values(leased_by=self._owner, lease_until=now_ms + self._lease_ms))
        return names

    def release(self, now: datetime) -> None:
        """Give back all leases of this process, which ends; hosts keep their pause."""
        if self._owner is not None:
            with self._writing("release feeds") as connection:
                mine = update(feeds).where(
                    feeds.c.leased_by == self._owner, feeds.c.lease_until > to_ms(now) + self._linger_ms
                )
                connection.execute(mine.values(lease_until=to_ms(now) + self._linger_ms))

    def _any_due(self, query: Any) -> bool:
        # A look first: most looks find nothing, and need not wait for SQLite's one writer.
        with self._reading("find due feeds") as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _free(self, now_ms: int) -> ColumnElement[bool]:
        """Neither the feed nor another one of its host is leased to somebody else."""
        others = feeds.alias("others")
        taken = select(others.c.id).where(
            others.c.host == feeds.c.host, others.c.lease_until > now_ms, others.c.leased_by != self._owner
        )
        return ~taken.exists()

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """See Book.next_due."""
        query = select(feeds.c.next_poll_at).where(feeds.c.active.is_(True), feeds.c.next_poll_at < NEVER_MS)
        query = query.where(feeds.c.id.not_in(list(skip))).order_by(feeds.c.next_poll_at).limit(1)
        with self._reading("find the next feed") as connection:
            first = connection.execute(query).scalar()
        if first is None or self._looked_at is None:
            return None if first is None else from_ms(first)
        # What was due at the last look and not given is somebody else's for now.
        return max(from_ms(first), self._looked_at + _LOOK_AGAIN)

    def load(self, name: str) -> FeedCursor | None:
        """See Book.load."""
        with self._reading("load a cursor") as connection:
            row = connection.execute(select(feeds).where(feeds.c.id == name)).first()
            if row is None:
                raise StoreError(f"no feed {name}")
            rows = connection.execute(select(feed_items).where(feed_items.c.feed == name)).all()
        facts = facts_of(row)
        if facts.asked_ms < row.poke_at < facts.poll_at_ms:
            facts = msgspec.structs.replace(facts, poll_at_ms=row.poke_at)
        try:
            items = {str(item.key): item_state(item) for item in rows}
        except (msgspec.DecodeError, ValueError) as error:
            raise StoreError(f"the items of feed {name} cannot be read: {error}") from error
        return FeedCursor(facts=facts, items=items, revision=row.revision)

    def save(self, name: str, before: FeedCursor | None, result: PollResult[FeedCursor]) -> bool:
        """See Book.save. Writes only the items that changed."""
        known: Mapping[str, ItemState] = before.items if before else {}
        after = result.cursor
        written = [item_row(name, key, state) for key, state in after.items.items() if known.get(key) != state]
        removed = [key for key in known if key not in after.items]
        replaced = [row["key"] for row in written if row["key"] in known] + removed
        values = feed_values(result)
        values |= self._after_poll(after.facts, values["next_poll_at"])
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

    def _after_poll(self, facts: FeedFacts, next_poll_ms: object) -> dict[str, object]:
        # A poke that came while the feed was being asked may be about what the answer did not have yet.
        poked = (feeds.c.poke_at > facts.asked_ms) & (feeds.c.poke_at < next_poll_ms)
        values: dict[str, object] = {"next_poll_at": case((poked, feeds.c.poke_at), else_=next_poll_ms)}
        if facts.ok_at_ms is not None:
            values["verified_at"] = func.coalesce(feeds.c.verified_at, facts.ok_at_ms)
        if self._owner is not None and self._looked_at is not None:
            values |= {"leased_by": self._owner, "lease_until": to_ms(self._looked_at) + self._linger_ms}
        return values

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
            raise StoreError(f"could not {what}: {words(error)}") from error

    @contextmanager
    def _reading(self, what: str) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"could not {what}: {words(error)}") from error
