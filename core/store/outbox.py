"""The outbox: records that are stored in the same transaction as the results they announce, and then relayed at least once.

See docs/architecture.md, "Exactly-once results".

Rows have a status and are taken in batches, never by ``id > last``: ids on PostgreSQL commit out of order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
import sqlalchemy as sa

from core.store import tables as t
from core.store.engine import Store, chunks
from core.store.leases import LEASE_MS, Leases

ENRICHED, ALERTS, REJECTED = "enriched-articles", "alerts", "rejected"
CANARIES = "canaries"
"""Destination of canaries' alerts, so that readers of the other streams never see them."""

PEOPLE = "people"
"""Destination of alerts that ``desk.delivery`` takes: those of subscriptions with a channel."""

MOST_COUNTED = 10_000
"""Counting stops at this many waiting rows, since a scrape would read each of them."""


class OutboxRow(msgspec.Struct, frozen=True):
    """A record to relay. ``key`` (``RUN/ID``) identifies it, so that a receiver can recognise a repeat.

    The key contains the run: otherwise two runs that publish to one compacted stream would replace each other's records.
    """

    run: str
    destination: str
    key: str
    payload: str


class TakenRow(msgspec.Struct, frozen=True):
    """A row taken from the outbox."""

    id: int
    destination: str
    key: str
    payload: str


def key_of(run: str, identity: str) -> str:
    """The key of a record: the run, and the id of its article, alert or place."""
    return f"{run}/{identity}"


def id_of(key: str) -> str:
    """The id in the key of an article, an alert or a canary. A key without a run is the id alone."""
    return key.rpartition("/")[2]


def run_of(key: str) -> str:
    """The run in a key."""
    return key.rpartition("/")[0]


def count_waiting(connection: sa.Connection, destination: str | None = None) -> int:
    """Number of rows (for a destination); ``MOST_COUNTED`` means that many or more."""
    c = t.outbox.c
    some = sa.select(c.id) if destination is None else sa.select(c.id).where(c.destination == destination)
    return connection.execute(sa.select(sa.func.count()).select_from(some.limit(MOST_COUNTED).subquery())).scalar_one()


def replace_payloads(connection: sa.Connection, run: str, payloads: Mapping[str, str]) -> None:
    """Give the waiting rows of a run the payloads of ``payloads`` (id of the article or alert → payload)."""
    c, by_key = t.outbox.c, {key_of(run, identity): payload for identity, payload in payloads.items()}
    rows = [
        {"row": row.id, "new": by_key[row.key]}
        for part in chunks(list(by_key))
        for row in connection.execute(sa.select(c.id, c.key).where(c.run == run, c.key.in_(part)))
    ]
    if rows:
        change = t.outbox.update().where(c.id == sa.bindparam("row")).values(payload=sa.bindparam("new"))
        connection.execute(change, rows)


class Outbox:
    """Takes rows to relay, and deletes them once they are acknowledged. Raises StoreError.

    Rows are taken either by lease, each row by one of several workers (``take``), or by run and in order, for a caller
    that has made sure that it is the only one (``of_run``). ``worker`` is the owner's name in leases
    (``core.processes``).
    """

    def __init__(self, store: Store, worker: str = "", *, lease_ms: int = LEASE_MS) -> None:
        self.store, self.worker = store, worker
        c = t.outbox.c
        self._leases = Leases(store, c.id, c.leased_by, c.lease_until_ms, owner=worker, lease_ms=lease_ms)

    def runs(self, destinations: Collection[str]) -> Mapping[str, list[str]]:
        """The runs with rows for these destinations, each with its destinations."""
        c, found = t.outbox.c, dict[str, list[str]]()
        with self.store.reading() as connection:
            for destination in sorted(destinations):
                # By the index from run to run: a million rows may wait for a stream that can't be reached.
                after = ""
                while (
                    run := connection.execute(
                        sa.select(sa.func.min(c.run)).where(c.destination == destination, c.run > after)
                    ).scalar()
                ) is not None:
                    found.setdefault(run, []).append(destination)
                    after = run
        return {run: found[run] for run in sorted(found)}

    def of_run(self, run: str, destinations: Collection[str], limit: int) -> list[TakenRow]:
        """Up to ``limit`` rows of a run for these destinations, in the order in which its transactions wrote them.

        The rows are not leased: the caller is the only one whose appends can succeed (``Stream.fence``).
        """
        c = t.outbox.c
        query = sa.select(c.id, c.destination, c.key, c.payload).order_by(c.id).limit(limit)
        with self.store.reading() as connection:
            rows = connection.execute(query.where(c.run == run, c.destination.in_(sorted(destinations))))
            return [TakenRow(row.id, row.destination, row.key, row.payload) for row in rows]

    def take(self, limit: int, *, now_ms: int, destinations: Collection[str] | None = None) -> list[TakenRow]:
        """Lease up to ``limit`` waiting rows to this worker, oldest first; other workers get other rows.

        Rows that a worker of the same name took, but neither finished nor gave back, are returned again: it died.
        Processing a batch takes less time than a lease, so nothing is renewed. ``destinations``: only rows for these.
        """
        c = t.outbox.c
        self._leases.free_dead(now_ms)
        held = (c.status == "taken") & self._leases.others(now_ms)
        query = sa.select(t.outbox).where(~held).order_by(c.id).limit(limit)
        if destinations is not None:
            query = query.where(c.destination.in_(sorted(destinations)))
        with self.store.writing() as connection:
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            if rows:
                for part in chunks([row.id for row in rows]):
                    change = t.outbox.update().where(c.id.in_(part))
                    until_ms = now_ms + self._leases.lease_ms
                    connection.execute(change.values(status="taken", leased_by=self.worker, lease_until_ms=until_ms))
            return [TakenRow(row.id, row.destination, row.key, row.payload) for row in rows]

    def waiting(self, destinations: Collection[str] | None = None) -> bool:
        """Whether there may be rows to take (for these destinations). Takes no write lock."""
        query = sa.select(t.outbox.c.id).limit(1)
        if destinations is not None:
            query = query.where(t.outbox.c.destination.in_(sorted(destinations)))
        with self.store.reading() as connection:
            return connection.execute(query).first() is not None

    def done(self, rows: Sequence[TakenRow]) -> None:
        """Delete rows that were acknowledged, whichever worker holds them now."""
        with self.store.writing() as connection:
            for part in chunks([row.id for row in rows]):
                connection.execute(t.outbox.delete().where(t.outbox.c.id.in_(part)))

    def give_back(self, rows: Sequence[TakenRow]) -> None:
        """Return rows that could not be relayed to the queue, except those that another worker has taken since."""
        with self.store.writing() as connection:
            for part in chunks([row.id for row in rows]):
                mine = t.outbox.c.id.in_(part) & (t.outbox.c.leased_by == self.worker)
                free = t.outbox.update().where(mine)
                connection.execute(free.values(status="waiting", leased_by=None, lease_until_ms=None))
