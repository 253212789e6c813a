"""The pace of hosts, kept in the store, so that several processes together ask a host no more often than one would."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from connectors.store.rows import words
from connectors.store.tables import host_pace
from core.errors import StoreError
from core.records import from_ms, to_ms

_LONG_PAST_MS = 86_400_000


class SharedPace:
    """Turns at hosts. Safe for threads and processes: a turn is one row written once. Raises StoreError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(wirewatch_write=True)

    def take(self, host: str, now: datetime, until: datetime) -> datetime | None:
        """Take the host's turn and keep the next one away until then. Not None: it is taken, and free at that time."""
        host, now_ms = host[:255], to_ms(now)
        mine = update(host_pace).where(host_pace.c.host == host, host_pace.c.free_at <= now_ms)
        try:
            with self._engine.begin() as connection:
                if connection.execute(mine.values(free_at=to_ms(until))).rowcount:
                    return None
                free_ms = connection.execute(select(host_pace.c.free_at).where(host_pace.c.host == host)).scalar()
                if free_ms is None:
                    connection.execute(insert(host_pace).values(host=host, free_at=to_ms(until)))
                    return None
                return from_ms(free_ms)
        except IntegrityError:
            # Somebody else was the first to ask this host, at this very moment.
            return until
        except SQLAlchemyError as error:
            raise StoreError(f"could not take a host's turn: {words(error)}") from error

    def hold(self, host: str, until: datetime) -> None:
        """Let nobody ask the host until then: it said that it has enough."""
        host, until_ms = host[:255], to_ms(until)
        later = update(host_pace).where(host_pace.c.host == host, host_pace.c.free_at < until_ms)
        try:
            with self._engine.begin() as connection:
                known = connection.execute(select(host_pace.c.free_at).where(host_pace.c.host == host)).scalar()
                if known is None:
                    connection.execute(insert(host_pace).values(host=host, free_at=until_ms))
                else:
                    connection.execute(later.values(free_at=until_ms))
        except IntegrityError:
            # Its turn was just taken; our own process holds back all the same, and tells again at the next 429.
            return
        except SQLAlchemyError as error:
            raise StoreError(f"could not hold a host: {words(error)}") from error

    def forget(self, now: datetime) -> None:
        """Drop hosts that nobody has asked for a day."""
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(host_pace).where(host_pace.c.free_at < to_ms(now) - _LONG_PAST_MS))
        except SQLAlchemyError as error:
            raise StoreError(f"could not forget hosts: {words(error)}") from error
