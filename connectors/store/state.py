"""The feeds in the store as people see them: added, removed, listed, checked. The polling side is ``book``."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import case, func, insert, or_, select, update

from connectors.feeds.cursor import FeedFacts, ItemStatus
from connectors.http.links import host_of
from connectors.store.book import FeedBook
from connectors.store.rows import NEVER_MS, FeedAbout, FeedRow, facts_of, feed_id, listed
from connectors.store.tables import feed_items, feeds
from core.errors import FailureKind
from core.records import to_ms

__all__ = ["NEVER_MS", "FeedAbout", "FeedRow", "FeedState", "feed_id"]

_POKES_MS = 10_000


class FeedState(FeedBook):
    """All feeds: the book and what people do with it. Raises StoreError."""

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
            connection.execute(mine.values(verified_at=to_ms(now), problem=None, problem_kind=None))

    def unreadable(self, name: str, problem: str, kind: FailureKind) -> None:
        """Note what a check met, for a feed that could never be read; of others the polls tell more."""
        with self._writing("note a check") as connection:
            mine = update(feeds).where(feeds.c.id == name, feeds.c.verified_at.is_(None))
            connection.execute(mine.values(problem=problem, problem_kind=kind))

    def poke(self, name: str, now: datetime) -> None:
        """Let the feed be polled: somebody said that there is news. At once, but not within ten seconds of the poke before.

        Else who has one signed push could repeat it, and make us a nuisance to the feed.
        """
        now_ms = to_ms(now)
        with self._writing("poke a feed") as connection:
            before = connection.execute(select(feeds.c.poke_at).where(feeds.c.id == name)).scalar()
            at = max(now_ms, (before or 0) + _POKES_MS) if (before or 0) <= now_ms else before
            sooner = case((feeds.c.next_poll_at < at, feeds.c.next_poll_at), else_=at)
            mine = update(feeds).where(feeds.c.id == name, feeds.c.active.is_(True))
            connection.execute(mine.values(poke_at=at, next_poll_at=sooner))

    def pending(self) -> int:
        """Return how many items of active feeds still wait for their article."""
        with self._reading("count pending items") as connection:
            join = feed_items.join(feeds, feeds.c.id == feed_items.c.feed)
            query = select(feed_items.c.key).select_from(join)
            query = query.where(feeds.c.active.is_(True), feed_items.c.status == ItemStatus.PENDING.value)
            return len(connection.execute(query).all())
