"""Reads a run's results: all in order, new ones, single articles and alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

from core.errors import UsageError
from core.records import Alert, Article, OrderKey, Outcome, OutcomeKind, decode
from core.records.canary import PREFIX
from core.store import tables as t
from core.store.engine import Store

PAGE = 500
SHORTEST_ID = 6
"""Least number of characters of an alert's id that find it."""


class StoreReader:
    """Reads one run. Every call has a consistent view of the store; calls that fetch page by page have one per page.

    So for a run that is being written, use ``since``: an article that changes between two pages may be returned twice.
    """

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    def articles(self) -> Iterator[Article]:
        """Current versions in the order of the run, fetched page by page, so memory stays bounded."""
        yield from (decode(row.record.encode(), Article) for row in self._pages(t.articles, t.articles.c.id))

    def alerts(self) -> Iterator[Alert]:
        """Alerts in the order of the articles that raised them."""
        yield from (decode(row.record.encode(), Alert) for row in self._pages(t.alerts, t.alerts.c.id))

    def outcomes(self) -> Iterator[Outcome]:
        """Outcomes by stream, partition and offset."""
        c = t.outcomes.c
        after: tuple[str, int, int] | None = None
        while True:
            query = sa.select(t.outcomes).where(c.run == self.run)
            if after is not None:
                query = query.where(sa.tuple_(c.stream, c.partition, c.first_offset) > sa.tuple_(*after))
            query = query.order_by(c.stream, c.partition, c.first_offset).limit(PAGE)
            with self.store.reading() as connection:
                rows = connection.execute(query).all()
            yield from map(outcome_of, rows)
            if len(rows) < PAGE:
                return
            after = (rows[-1].stream, rows[-1].partition, rows[-1].first_offset)

    def count_outcomes(self) -> Counter[str]:
        """Number of raw records by kind of outcome; a lost range counts all its offsets."""
        c = t.outcomes.c
        size = sa.func.sum(c.last_offset - c.first_offset + 1)
        with self.store.reading() as connection:
            rows = connection.execute(sa.select(c.kind, size).where(c.run == self.run).group_by(c.kind)).all()
        return Counter({kind: int(count) for kind, count in rows})

    def since(self, seq: int) -> tuple[int, list[Article], list[Alert], list[Outcome]]:
        """The run's current seq, and articles, alerts and rejections that were written after ``seq``, in order."""
        with self.store.reading() as connection:
            now = connection.execute(sa.select(t.runs.c.seq).where(t.runs.c.name == self.run)).scalar() or 0
            if now <= seq:
                return now, [], [], []
            articles = self._newer(connection, t.articles, seq)
            alerts = self._newer(connection, t.alerts, seq)
            c = t.outcomes.c
            rejected = connection.execute(
                sa.select(t.outcomes)
                .where(c.run == self.run, c.seq > seq, t.is_rejected, ~c.item.startswith(PREFIX))
                .order_by(c.place)
            ).all()
        return (
            now,
            [decode(row.record.encode(), Article) for row in articles],
            [decode(row.record.encode(), Alert) for row in alerts],
            [outcome_of(row) for row in rejected],
        )

    def _newer(self, connection: sa.Connection, table: sa.Table, seq: int) -> list[sa.Row[tuple[str]]]:
        query = sa.select(table.c.record).where(table.c.run == self.run, table.c.seq > seq)
        return list(connection.execute(query.order_by(table.c.place)).all())

    def _pages(self, table: sa.Table, identity: sa.Column[str]) -> Iterator[sa.Row[tuple[str, str, str]]]:
        place = table.c.place
        after: tuple[str, str] | None = None
        while True:
            query = sa.select(table.c.record, place, identity.label("identity")).where(table.c.run == self.run)
            if after is not None:
                query = query.where(sa.tuple_(place, identity) > sa.tuple_(*after))
            with self.store.reading() as connection:
                rows = connection.execute(query.order_by(place, identity).limit(PAGE)).all()
            yield from rows
            if len(rows) < PAGE:
                return
            after = (rows[-1].place, rows[-1].identity)


def find_alert(store: Store, run: str, identity: str) -> Alert | None:
    """The alert with this id or, with at least 6 characters, the only one whose id begins with it; None if there is none.

    Raises UsageError if several ids begin with it.
    """
    c = t.alerts.c
    query = sa.select(c.id, c.record).where(c.run == run, c.id == identity)
    with store.reading() as connection:
        rows = connection.execute(query).all()
        if not rows and len(identity) >= SHORTEST_ID:
            after = identity[:-1] + chr(ord(identity[-1]) + 1)
            rows = connection.execute(
                sa.select(c.id, c.record).where(c.run == run, c.id >= identity, c.id < after).limit(2)
            ).all()
    if len(rows) > 1:
        raise UsageError(f"several alerts begin with {identity!r}", hint="give more characters of the id")
    return decode(rows[0].record.encode(), Alert) if rows else None


def find_article(store: Store, run: str, identity: str) -> Article | None:
    """The current version of the article with this address; None if the run has none."""
    a, c = t.articles.c, t.article_aliases.c
    named = sa.select(c.article).where(c.run == run, c.alias == identity)
    query = sa.select(a.record).where(a.run == run, a.id.in_([identity]) | a.id.in_(named)).order_by(a.id != identity)
    with store.reading() as connection:
        record = connection.execute(query).scalar()
    return decode(record.encode(), Article) if record is not None else None


def outcome_of(row: sa.Row[tuple[object, ...]]) -> Outcome:
    """The outcome for a row of ``outcomes``."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    place = values.pop("place")
    values["key"] = OrderKey.parse(place) if place else None
    values["kind"] = OutcomeKind(values["kind"])
    del values["late"], values["seq"]
    return Outcome(**values)
