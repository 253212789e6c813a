"""Pages to fetch again: requested by the ledger (walls) or by a person, fetched by the connectors.

A wall is retried a few times after growing pauses (``core.again.WALL``). Once its page comes as an article, the request
is deleted. A person's request is due at once. The feed fetches the page: at its own pace, by its robots.txt, with its
own retries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from core.again import WALL
from core.store.engine import Store, chunks
from core.store.tables import page_requests

BY_HAND = "by_hand"
WAITING, ASKED, OVER = "waiting", "asked", "over"


class PageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A page to fetch again. ``article``: the id for its address. ``feed_url``: the feed that listed it, as shown.

    ``reason``: ``by_hand``, or the kind of wall. ``tries``: number of earlier retries.
    """

    article: str
    url: str
    feed_url: str
    title: str | None = None
    backfill: bool = False
    reason: str = BY_HAND
    tries: int = 0


def note_walls(
    store: Store, connection: sa.Connection, run: str, walls: Sequence[tuple[PageRequest, int]], cured: Collection[str]
) -> None:
    """Request pages that were walls at an event time (ms), and delete the requests for those that are articles now.

    Runs in the caller's transaction.
    """
    c = page_requests.c
    for part in chunks(sorted(cured)):
        connection.execute(page_requests.delete().where(c.run == run, c.article.in_(part)))
    tries: dict[str, int] = {}
    for part in chunks(sorted({one.article for one, _ in walls})):
        rows = connection.execute(sa.select(c.article, c.tries).where(c.run == run, c.article.in_(part)))
        tries |= {row.article: row.tries for row in rows}
    rows_: dict[str, dict[str, object]] = {}
    for one, time_ms in walls:
        done = tries.get(one.article, 0)
        pause_s = WALL.after(done)
        tries[one.article] = done + 1
        state = OVER if pause_s is None else WAITING
        again = msgspec.structs.replace(one, tries=done + 1)
        rows_[one.article] = _row(run, again, state, time_ms + int((pause_s or 0.0) * 1000))
    store.upsert(connection, page_requests, list(rows_.values()))


class PageRequests:
    """The requests of a run. Raises StoreError."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run

    def add(self, one: PageRequest, now_ms: int) -> None:
        """Request a page at once. Its tries start from 0 again."""
        with self._store.writing() as connection:
            self._store.upsert(connection, page_requests, [_row(self._run, one, WAITING, now_ms)])

    def due(self, now_ms: int, limit: int = 100) -> list[PageRequest]:
        """The waiting requests that are due, longest overdue first."""
        c = page_requests.c
        query = sa.select(page_requests).where(c.run == self._run, c.state == WAITING, c.ask_ms <= now_ms)
        with self._store.reading() as connection:
            rows = connection.execute(query.order_by(c.ask_ms, c.article).limit(limit)).all()
        names = PageRequest.__struct_fields__
        return [PageRequest(**{name: getattr(row, name) for name in names}) for row in rows]

    def asked(self, one: PageRequest, *, found: bool = True) -> None:
        """Note that a page was passed to its feed, or that its feed is not watched any more."""
        c = page_requests.c
        mine = (c.run == self._run) & (c.article == one.article)
        with self._store.writing() as connection:
            connection.execute(page_requests.update().where(mine).values(state=ASKED if found else OVER))

    def counts(self) -> Counter[tuple[str, str]]:
        """Numbers of requests by reason and state."""
        c = page_requests.c
        query = sa.select(c.reason, c.state, sa.func.count().label("pages")).where(c.run == self._run)
        with self._store.reading() as connection:
            rows = connection.execute(query.group_by(c.reason, c.state)).all()
        return Counter({(row.reason, row.state): int(row.pages) for row in rows})


def _row(run: str, one: PageRequest, state: str, ask_ms: int) -> dict[str, object]:
    return {"run": run, **msgspec.structs.asdict(one), "state": state, "ask_ms": ask_ms}
