"""Takedowns: articles that were removed and stay out. The check that a run's writer makes at every bundle, and the list.

``pipeline.ledger.takedown`` removes an article from what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
import sqlalchemy as sa

from core.records import from_ms
from core.store import tables as t
from core.store.engine import Store, chunks

STAGE = "takedown"
"""``Outcome.stage`` of records that a takedown rejects; the reason is the takedown's."""


class Takedown(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that was taken down. ``article`` is its article's id; ``taken_at`` is UTC, by the wall clock."""

    article: str
    url: str
    reason: str
    by: str
    taken_at: datetime


class Takedowns:
    """The takedowns of a store: they hold in every run, for past and future records. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, articles: Iterable[str]) -> tuple[int, dict[str, str]]:
        """A stamp that rises with every change of the list, and article id → reason for articles that were taken down."""
        found: dict[str, str] = {}
        with self.store.reading() as connection:
            stamp = newest_stamp(connection)
            # Most stores have none: then there is no second query.
            if stamp:
                found = taken_down(connection, articles)
        return stamp, found

    def listing(self, *, after_stamp: int = 0) -> list[Takedown]:
        """Takedowns with a stamp above ``after_stamp``, by stamp: an index of articles drops these."""
        query = sa.select(t.takedowns).where(t.takedowns.c.stamp > after_stamp).order_by(t.takedowns.c.stamp)
        with self.store.reading() as connection:
            return [
                Takedown(article=row.article, url=row.url, reason=row.reason, by=row.by, taken_at=from_ms(row.taken_ms))
                for row in connection.execute(query)
            ]


def taken_down(connection: sa.Connection, articles: Iterable[str]) -> dict[str, str]:
    """Article id → reason, for those of ``articles`` that were taken down."""
    found: dict[str, str] = {}
    for part in chunks(sorted(set(articles))):
        query = sa.select(t.takedowns.c.article, t.takedowns.c.reason).where(t.takedowns.c.article.in_(part))
        found.update((row.article, row.reason) for row in connection.execute(query))
    return found


def newest_stamp(connection: sa.Connection) -> int:
    """The stamp of the newest takedown; 0 if there is none."""
    return int(connection.execute(sa.select(sa.func.max(t.takedowns.c.stamp))).scalar() or 0)
