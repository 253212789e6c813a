"""The log of polls. It stays small, since consecutive equal results share a row and old rows are deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from connectors.base import PageFailure
from connectors.store import tables as h
from connectors.store.rows import kind_of
from core.clock import Every
from core.errors import FailureKind
from core.records import from_ms
from core.store.engine import Store

KEEP_MS = 30 * 86_400_000
SWEEP_EVERY_MS = 3_600_000
MAX_PAGES = 50


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """One or more polls of a feed with one answer. ``problem`` None: it went well.

    ``pages`` are those that could not be fetched.
    """

    feed: str
    first_at: datetime
    last_at: datetime
    times: int
    problem: str | None
    problem_kind: FailureKind | None
    new: int
    changed: int
    unchanged: int
    appended: int
    pages: tuple[PageFailure, ...] = ()


class PollRepository:
    """Writes and reads the log. One instance belongs to one thread; several processes may write."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._last: dict[str, tuple[int, str | None]] = {}
        self._sweep = Every(SWEEP_EVERY_MS)

    def add(
        self,
        feed: str,
        now_ms: int,
        *,
        problem: str | None = None,
        kind: FailureKind | None = None,
        new: int = 0,
        changed: int = 0,
        unchanged: int = 0,
        appended: int = 0,
        pages: Sequence[PageFailure] = (),
    ) -> None:
        """Note a poll. One that brought nothing and went as the one before it only counts there. Raises StoreError."""
        dull = not (new or changed or appended or pages)
        before = self._last.get(feed)
        with self.store.writing() as connection:
            if dull and before is not None and before[1] == (problem or ""):
                mine = (h.polls.c.feed == feed) & (h.polls.c.first_ms == before[0])
                again = h.polls.update().where(mine).values(last_ms=now_ms, times=h.polls.c.times + 1)
                if connection.execute(again).rowcount:
                    return
            row = {
                "feed": feed,
                "first_ms": now_ms,
                "last_ms": now_ms,
                "times": 1,
                "problem": problem,
                "problem_kind": kind,
            }
            row |= {"new": new, "changed": changed, "unchanged": unchanged, "appended": appended}
            shown = msgspec.json.encode(list(pages)[:MAX_PAGES]).decode() if pages else None
            self.store.upsert(connection, h.polls, [row | {"pages": shown}])
            self._last[feed] = (now_ms, (problem or "") if dull else None)
            if self._sweep.due(now_ms):
                connection.execute(h.polls.delete().where(h.polls.c.last_ms < now_ms - KEEP_MS))

    def of(self, feed: str, *, limit: int = 20) -> list[Poll]:
        """The latest rows of a feed, newest first."""
        query = sa.select(h.polls).where(h.polls.c.feed == feed).order_by(h.polls.c.first_ms.desc()).limit(limit)
        with self.store.reading() as connection:
            return [_poll(row) for row in connection.execute(query)]

    def about(self, url: str, *, limit: int = 20) -> list[Poll]:
        """Rows that name this URL among the pages that could not be fetched, newest first."""
        c = h.polls.c
        query = (
            sa.select(h.polls).where(c.pages.contains(url, autoescape=True)).order_by(c.first_ms.desc()).limit(limit)
        )
        with self.store.reading() as connection:
            return [_poll(row) for row in connection.execute(query)]


def _poll(row: sa.Row[tuple[object, ...]]) -> Poll:
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    pages = msgspec.json.decode(fields["pages"], type=tuple[PageFailure, ...]) if fields["pages"] else ()
    return Poll(
        feed=row.feed,
        first_at=from_ms(row.first_ms),
        last_at=from_ms(row.last_ms),
        times=row.times,
        problem=row.problem,
        problem_kind=kind_of(row.problem_kind),
        new=row.new,
        changed=row.changed,
        unchanged=row.unchanged,
        appended=row.appended,
        pages=pages,
    )
