"""Single alerts and articles of a run, and the alerts of one subscription."""

from __future__ import annotations

import sqlalchemy as sa

from core.errors import UsageError
from core.records import Alert, Article, decode
from core.store import tables as t
from core.store.engine import Store

SHORTEST_ID = 6


def find_alert(store: Store, run: str, identity: str) -> Alert | None:
    """The alert of an id, or of the first characters of one (6 or more). Raises UsageError where several begin so."""
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
        raise UsageError(f"several alerts begin with {identity!r}", hint="give more of the id")
    return decode(rows[0].record.encode(), Alert) if rows else None


def find_article(store: Store, run: str, identity: str) -> Article | None:
    """The current version of an article."""
    query = sa.select(t.articles.c.record).where(t.articles.c.run == run, t.articles.c.id == identity)
    with store.reading() as connection:
        record = connection.execute(query).scalar()
    return decode(record.encode(), Article) if record is not None else None


def alerts_of(store: Store, run: str, subscription: str, *, limit: int = 100) -> list[Alert]:
    """The latest alerts of a subscription, newest first: for its feed and its page."""
    c = t.alerts.c
    query = sa.select(c.record).where(c.run == run, c.subscription == subscription).order_by(c.place.desc(), c.id)
    with store.reading() as connection:
        records = connection.execute(query.limit(limit)).scalars().all()
    return [decode(record.encode(), Alert) for record in records]
