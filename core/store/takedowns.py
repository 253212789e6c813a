"""Takedowns: articles that were removed for good. The list, and the check that a run's writer makes for every bundle.

``pipeline.ledger.takedown`` removes an article from the store.
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
"""``Outcome.stage`` of records that are rejected because of a takedown; the reason is that of the takedown."""


class Takedown(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that was taken down. ``article`` is the id of its article; ``taken_at`` is UTC, by the wall clock."""

    article: str
    url: str
    reason: str
    by: str
    taken_at: datetime


class Takedowns:
    """The takedowns of a store, which apply to every run, to past and future records. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, articles: Iterable[str]) -> tuple[int, dict[str, str]]:
        """A stamp that rises with every change, and article id → reason for articles that were taken down."""
        found: dict[str, str] = {}
        with self.store.reading() as connection:
            stamp = newest_stamp(connection)
            # Most stores have no takedowns and so need no second query.
            if stamp:
                found = taken_down(connection, articles)
        return stamp, found

    def listing(self, *, after_stamp: int = 0) -> list[Takedown]:
        """Takedowns with a stamp above ``after_stamp``, by stamp, for indexes of articles to remove them."""
        query = sa.select(t.takedowns).where(t.takedowns.c.stamp > after_stamp).order_by(t.takedowns.c.stamp)
        with self.store.reading() as connection:
            return [
                Takedown(article=row.article, url=row.url, reason=row.reason, by=row.by, taken_at=from_ms(row.taken_ms))
                for row in connection.execute(query)
            ]


def taken_down(connection: sa.Connection, articles: Iterable[str]) -> dict[str, str]:
    """Article id → reason, for the ids in ``articles`` that were taken down."""
    found: dict[str, str] = {}
    for part in chunks(sorted(set(articles))):
        query = sa.select(t.takedowns.c.article, t.takedowns.c.reason).where(t.takedowns.c.article.in_(part))
        found.update((row.article, row.reason) for row in connection.execute(query))
    return found


def newest_stamp(connection: sa.Connection) -> int:
    """The stamp of the newest takedown; 0 if there is none."""
    return int(connection.execute(sa.select(sa.func.max(t.takedowns.c.stamp))).scalar() or 0)
