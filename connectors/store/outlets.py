"""What every page of the desk says of feeds: outlets' names and countries, and how many feeds fail."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from connectors.store.tables import feeds
from core.records.article import FeedCounts, FeedOutlet
from core.store.engine import Store


class _About(msgspec.Struct):
    outlet: str | None = None
    country: str | None = None


class Outlets:
    """Reads the feeds' rows; ``connectors.store.state`` writes them. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def outlets(self) -> list[FeedOutlet]:
        """One for each feed, removed ones too: their articles stay."""
        query = sa.select(feeds.c.source, feeds.c.title, feeds.c.about).order_by(feeds.c.source, feeds.c.url)
        found = []
        with self.store.reading() as connection:
            for row in connection.execute(query):
                about = msgspec.json.decode(row.about, type=_About) if row.about else _About()
                found.append(FeedOutlet(row.source, about.outlet or row.title, about.country))
        return found

    def counts(self) -> FeedCounts:
        """How the watched feeds do."""
        bad = sa.func.sum(sa.case((feeds.c.health.in_(("failing", "gone")), 1), else_=0))
        query = sa.select(sa.func.count(), bad, sa.func.max(feeds.c.last_ok_at)).where(feeds.c.active.is_(True))
        with self.store.reading() as connection:
            watched, failing, last_ok = connection.execute(query).one()
        return FeedCounts(watched, int(failing or 0), last_ok)
