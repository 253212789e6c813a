"""The pace of hosts, kept in the store, so that several processes together ask a host no more often than one would."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update

from connectors.store.tables import host_pace
from core.records import from_ms, to_ms
from core.store.engine import Store

_LONG_PAST_MS = 86_400_000


class SharedPace:
    """Turns at hosts. Safe for threads and processes: a turn is one row written once. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, host: str, now: datetime, until: datetime) -> datetime | None:
        """Take the host's turn and keep the next one away until then. Not None: it is taken, and free at that time."""
        host, now_ms = host[:255], to_ms(now)
        mine = update(host_pace).where(host_pace.c.host == host, host_pace.c.free_at <= now_ms)
        made = self._store.insert(host_pace).values(host=host, free_at=to_ms(until)).on_conflict_do_nothing()
        with self._store.writing() as connection:
            if connection.execute(mine.values(free_at=to_ms(until))).rowcount:
                return None
            free_ms = connection.execute(select(host_pace.c.free_at).where(host_pace.c.host == host)).scalar()
            if free_ms is not None:
                return from_ms(free_ms)
            # Another process may be the first to ask this host, at this very moment.
            return None if connection.execute(made.returning(host_pace.c.host)).first() else until

    def hold(self, host: str, until: datetime) -> None:
        """Keep every process from asking the host until then: it said that it has enough."""
        made = self._store.insert(host_pace).values(host=host[:255], free_at=to_ms(until))
        later = made.excluded.free_at
        with self._store.writing() as connection:
            connection.execute(
                made.on_conflict_do_update(
                    index_elements=["host"], set_={"free_at": later}, where=host_pace.c.free_at < later
                )
            )

    def forget(self, now: datetime) -> None:
        """Drop hosts that were not asked for a day."""
        with self._store.writing() as connection:
            connection.execute(delete(host_pace).where(host_pace.c.free_at < to_ms(now) - _LONG_PAST_MS))
