"""Takedowns: articles that must not be. What the writer of a run asks at every bundle, and the list for everybody else.

The work of taking an article out of what is stored is in ``pipeline.ledger.takedown``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from core.records import from_ms
from core.store import tables as h
from core.store.engine import Store, chunks

STAGE = "takedown"
"""``Outcome.stage`` of records that a takedown rejects; the reason is the takedown's."""


class Takedown(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that must go. ``article`` is its id; ``taken_at`` is UTC, by the wall clock."""

    article: str
    url: str
    reason: str
    by: str
    taken_at: datetime


class Takedowns:
    """The tombstones of a store: they hold in every run, for what was and what comes."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, articles: Iterable[str]) -> tuple[int, dict[str, str]]:
        """A stamp that rises with every change of the list, and article id → reason for those that must go."""
        found: dict[str, str] = {}
        with self.store.reading() as connection:
            stamp = newest_stamp(connection)
            # Most stores have none: then nothing more is asked.
            if stamp:
                found = taken_down(connection, articles)
        return stamp, found

    def listing(self, *, after_stamp: int = 0) -> list[Takedown]:
        """Takedowns with a stamp above ``after_stamp``, in their order: an index made of articles drops these."""
        query = sa.select(h.takedowns).where(h.takedowns.c.stamp > after_stamp).order_by(h.takedowns.c.stamp)
        with self.store.reading() as connection:
            return [
                Takedown(article=row.article, url=row.url, reason=row.reason, by=row.by, taken_at=from_ms(row.taken_ms))
                for row in connection.execute(query)
            ]


def taken_down(connection: sa.Connection, articles: Iterable[str]) -> dict[str, str]:
    """Of these articles those that were taken down, with the reason."""
    found: dict[str, str] = {}
    for part in chunks(sorted(set(articles))):
        query = sa.select(h.takedowns.c.article, h.takedowns.c.reason).where(h.takedowns.c.article.in_(part))
        found.update((row.article, row.reason) for row in connection.execute(query))
    return found


def newest_stamp(connection: sa.Connection) -> int:
    """The stamp of the newest takedown; 0 where there is none."""
    return int(connection.execute(sa.select(sa.func.max(h.takedowns.c.stamp))).scalar() or 0)
