"""The outbox: records stored with the results that they tell of, relayed afterwards at least once (DESIGN section 4).

Rows have a status and are taken one batch at a time, never by ``id > last``: PostgreSQL's ids commit out of order.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from pipeline.records import Alert, OutcomeKind, encode
from pipeline.store import tables as t
from pipeline.store.engine import Store
from pipeline.stories.stage import Told

ENRICHED, ALERTS, REJECTED = "enriched-articles", "alerts", "rejected"
# A batch taken longer ago than this was taken by a worker that died.
LEASE_MS = 60_000


class OutboxRow(msgspec.Struct, frozen=True):
    """One record to relay. ``key`` identifies it, so that a receiver can tell a repeat."""

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


def outbox_rows(run: str, told: Sequence[Told], alerts: Sequence[Alert]) -> list[OutboxRow]:
    """What a bundle tells the output streams: enriched articles, rejections, alerts, in order."""
    rows = []
    for one in told:
        if one.article is not None:
            rows.append(OutboxRow(run, ENRICHED, one.article.id, encode(one.article).decode()))
        elif one.outcome.kind is OutcomeKind.REJECTED:
            where = f"{one.outcome.stream}/{one.outcome.partition}/{one.outcome.first_offset}"
            rows.append(OutboxRow(run, REJECTED, where, encode(one.outcome).decode()))
    return rows + [OutboxRow(run, ALERTS, alert.id, encode(alert).decode()) for alert in alerts]


class Outbox:
    """Takes rows to relay, and strikes them off once they are acknowledged."""

    def __init__(self, store: Store, worker: str) -> None:
        self.store, self.worker = store, worker

    def take(self, limit: int, *, now_ms: int) -> list[Taken]:
        """Up to ``limit`` waiting rows, oldest first, now this worker's for 60 s. Other workers get others."""
        free = (t.outbox.c.status == "waiting") | (
            (t.outbox.c.status == "taken") & (t.outbox.c.taken_ms < now_ms - LEASE_MS)
        )
        with self.store.writing() as connection:
            query = sa.select(t.outbox).where(free).order_by(t.outbox.c.id).limit(limit)
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            if rows:
                mine = t.outbox.c.id.in_([row.id for row in rows])
                change = t.outbox.update().where(mine)
                connection.execute(change.values(status="taken", taken_by=self.worker, taken_ms=now_ms))
            return [Taken(row.id, row.destination, row.key, row.payload) for row in rows]

    def waiting(self) -> bool:
        """Whether there is anything to take: a look that takes no write lock."""
        with self.store.reading() as connection:
            return connection.execute(sa.select(t.outbox.c.id).limit(1)).first() is not None

    def done(self, rows: Sequence[Taken]) -> None:
        """The rows were acknowledged: strike them off."""
        with self.store.writing() as connection:
            connection.execute(t.outbox.delete().where(t.outbox.c.id.in_([row.id for row in rows])))

    def give_back(self, rows: Sequence[Taken]) -> None:
        """The rows could not be delivered: they wait again."""
        with self.store.writing() as connection:
            mine = t.outbox.c.id.in_([row.id for row in rows])
            connection.execute(t.outbox.update().where(mine).values(status="waiting", taken_by=None, taken_ms=None))
