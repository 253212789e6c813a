"""The outbox: records stored in the same transaction as the results they announce, and relayed afterwards at least once.

See docs/architecture.md, "Exactly-once results".

Rows have a status and are taken in batches, never by ``id > last``: ids on PostgreSQL commit out of order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from core.store import tables as t
from core.store.engine import Store, chunks

ENRICHED, ALERTS, REJECTED = "enriched-articles", "alerts", "rejected"
CANARIES = "canaries"
"""Where the alerts of canaries go: no reader of the other streams meets one."""

PEOPLE = "people"
"""What ``desk.delivery`` takes: alerts of subscriptions that name a channel."""

# A batch taken longer ago than this belongs to a worker that died; one taken further ahead, to a clock that was set back since.
LEASE_MS = 60_000


class OutboxRow(msgspec.Struct, frozen=True):
    """One record to relay. ``key`` (``RUN/ID``) identifies it, so that a receiver can recognise a repeat.

    It contains the run, or two runs that publish into one compacted stream would displace each other's records.
    """

    run: str
    destination: str
    key: str
    payload: str


class Taken(msgspec.Struct, frozen=True):
    """A row taken from the outbox."""

    id: int
    destination: str
    key: str
    payload: str


def key_of(run: str, identity: str) -> str:
    """The key of a record: the run and the id of its article, alert or place."""
    return f"{run}/{identity}"


def id_of(key: str) -> str:
    """The id in the key of an article, an alert or a canary. A key without a run is the id alone."""
    return key.rpartition("/")[2]


def run_of(key: str) -> str:
    """The run in a key."""
    return key.rpartition("/")[0]


class Outbox:
    """Takes rows to relay, and deletes them once they are acknowledged. Raises StoreError."""

    def __init__(self, store: Store, worker: str) -> None:
        self.store, self.worker = store, worker

    def take(
        self, limit: int, *, now_ms: int, destinations: Collection[str] | None = None, in_order: bool = False
    ) -> list[Taken]:
        """Up to ``limit`` waiting rows, oldest first, leased to this worker for 60 s; other workers get other rows.

        Rows that a worker of the same name had taken and neither finished nor given back are returned again: it died.
        ``destinations``: only rows for these. ``in_order``: a destination of which another worker holds rows is left out until
        they are done, given back or 60 s old, so that no later record goes out before an earlier one.
        """
        c = t.outbox.c
        lately = c.taken_ms.between(now_ms - LEASE_MS, now_ms + LEASE_MS)
        held = (c.status == "taken") & lately & (c.taken_by != self.worker)
        query = sa.select(t.outbox).where(~held).order_by(c.id).limit(limit)
        if destinations is not None:
            query = query.where(c.destination.in_(sorted(destinations)))
        with self.store.writing() as connection:
            if in_order:
                self.store.serialise(connection, "outbox in order")
                blocked = connection.execute(sa.select(c.destination).where(held).distinct()).scalars().all()
                query = query.where(c.destination.not_in(blocked))
            rows = connection.execute(query.with_for_update(skip_locked=not in_order)).all()
            if rows:
                for part in chunks([row.id for row in rows]):
                    change = t.outbox.update().where(c.id.in_(part))
                    connection.execute(change.values(status="taken", taken_by=self.worker, taken_ms=now_ms))
            return [Taken(row.id, row.destination, row.key, row.payload) for row in rows]

    def waiting(self, destinations: Collection[str] | None = None) -> bool:
        """Whether there may be rows to take (for these destinations). Takes no write lock."""
        query = sa.select(t.outbox.c.id).limit(1)
        if destinations is not None:
            query = query.where(t.outbox.c.destination.in_(sorted(destinations)))
        with self.store.reading() as connection:
            return connection.execute(query).first() is not None

    def done(self, rows: Sequence[Taken]) -> None:
        """Delete rows that were acknowledged, whichever worker holds them now."""
        with self.store.writing() as connection:
            for part in chunks([row.id for row in rows]):
                connection.execute(t.outbox.delete().where(t.outbox.c.id.in_(part)))

    def give_back(self, rows: Sequence[Taken]) -> None:
        """Let rows that could not be relayed wait again, except those that another worker has taken since."""
        with self.store.writing() as connection:
            for part in chunks([row.id for row in rows]):
                mine = t.outbox.c.id.in_(part) & (t.outbox.c.taken_by == self.worker)
                connection.execute(t.outbox.update().where(mine).values(status="waiting", taken_by=None, taken_ms=None))
