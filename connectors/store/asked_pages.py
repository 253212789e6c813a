"""Pages to fetch again, passed to the feeds that listed them, where they become ordinary pending items.

So one mechanism fetches them, with a feed's pace, robots.txt, pauses and limit, whatever the reason: a page that was a wall
or that a person wants (``core.store.page_requests``), or one that failed by itself (``connectors.feeds.decide.page_failed``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
import sqlalchemy as sa
import structlog

from connectors.feeds.cursor import ItemState, ItemStatus
from connectors.feeds.items import FeedItem, build_items
from connectors.http.answers import without_credentials
from connectors.kinds import FEED
from connectors.store.rows import NEVER_MS, item_row
from connectors.store.tables import feed_items, feeds
from core.clock import Every
from core.errors import StoreError
from core.records import to_ms
from core.store.engine import Store
from core.store.page_requests import ASKED, BY_HAND, WAITING, PageRequest, PageRequests

log = structlog.get_logger()
LOOK_MS = 2_000


class AskedPages:
    """Passes on due requests. ``clock`` returns UTC. It does nothing while the store can't be reached, which polls report."""

    def __init__(self, store: Store, run: str, clock: Callable[[], datetime]) -> None:
        self._store, self._requests, self._clock = store, PageRequests(store, run), clock
        self._look = Every(LOOK_MS)

    def tend(self) -> int:
        """Pass on due requests, if it is time for a check; returns the number of pages."""
        now_ms = to_ms(self._clock())
        if not self._look.due(now_ms):
            return 0
        try:
            return self._hand_over(now_ms)
        except StoreError:
            return 0

    def _hand_over(self, now_ms: int) -> int:
        due = self._requests.due(now_ms)
        for one in due:
            found = hand_over(self._store, one, now_ms)
            self._requests.asked(one, found=found)
            log.info(
                "a page will be fetched again" if found else "a page can't be fetched again: its feed is not watched",
                url=one.url, reason=one.reason, tries=one.tries,
            )  # fmt: skip
        return len(due)


def hand_over(store: Store, one: PageRequest, now_ms: int) -> bool:
    """Make the page a pending item of its feed, due now. False: no such feed is watched."""
    c, i = feeds.c, feed_items.c
    keys = sorted(keys_of(one.url))
    with store.writing() as connection:
        # Only addresses with credentials differ from their shown form.
        named = (c.url == one.feed_url) | c.url.contains("@")
        watched = connection.execute(
            sa.select(c.id, c.url).where(c.active.is_(True), c.kind == FEED, c.next_poll_at < NEVER_MS, named)
        )
        feed = next((row.id for row in watched if without_credentials(row.url) == one.feed_url), None)
        if feed is None:
            return False
        known = connection.execute(sa.select(i.key, i.status).where(i.feed == feed, i.key.in_(keys))).first()
        key = keys[0] if known is None else known.key
        item = FeedItem(key=key, url=one.url, title=one.title)
        if known is None:
            # No item of the feed matches these marks, and it does not count as seen today.
            state = ItemState(
                digest="", first_seen_ms=0, backfill=one.backfill, done_at_ms=1, left_at_ms=now_ms, item=item
            )
            connection.execute(feed_items.insert(), [item_row(feed, key, state)])
        else:
            values: dict[str, object] = {"retry_at": now_ms}
            if known.status != ItemStatus.PENDING.value:
                values |= {
                    "status": ItemStatus.PENDING.value,
                    "attempts": 0,
                    "item": msgspec.json.encode(item).decode(),
                }
                values |= {"problem": None, "problem_kind": None}
            connection.execute(feed_items.update().where(i.feed == feed, i.key == key).values(**values))
        sooner = sa.case((c.next_poll_at < now_ms, c.next_poll_at), else_=now_ms)
        connection.execute(feeds.update().where(c.id == feed).values(next_poll_at=sooner))
    return True


def keys_of(url: str) -> set[str]:
    """The keys under which an item with this link may be stored: its guid may be the link, or it has none."""
    return {one.key for guid in (None, url) for one in build_items([FeedItem(key="", url=url, guid=guid)], url)}


def feed_of(store: Store, url: str) -> str | None:
    """The address, without credentials, of a watched feed that has an item with this link; None if none is known."""
    i, c = feed_items.c, feeds.c
    query = sa.select(c.url).select_from(feed_items.join(feeds, c.id == i.feed))
    query = query.where(c.active.is_(True), i.key.in_(sorted(keys_of(url)))).order_by(c.url).limit(1)
    with store.reading() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else without_credentials(found)


def asked_again(store: Store, run: str) -> Mapping[str, Mapping[str, int]]:
    """Reason → state (waiting, asked, over) → pages: walls and requests by hand, and pages that failed and are tried again."""
    i = feed_items.c
    failed = sa.select(i.problem_kind, sa.func.count().label("pages")).where(
        i.status == ItemStatus.PENDING.value, i.attempts > 0, i.problem_kind.is_not(None)
    )
    found: dict[str, dict[str, int]] = {}
    with store.reading() as connection:
        for row in connection.execute(failed.group_by(i.problem_kind)):
            found[row.problem_kind] = {WAITING: int(row.pages)}
    for (reason, state), pages in sorted(PageRequests(store, run).counts().items()):
        if not (reason == BY_HAND and state == ASKED):  # answered, or under its own tries
            found.setdefault(reason if reason == BY_HAND else f"wall: {reason}", {})[state] = pages
    return dict(sorted(found.items()))
