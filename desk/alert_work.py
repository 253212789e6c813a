"""Work on alerts: acknowledged, assigned, marked as relevant or not. Times are ms, UTC. Raises StoreError.

One row per alert, created when a person first acts on it; an alert without a row is open.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Index, Table

from core.store import tables as t
from core.store.engine import Store, chunks
from core.store.metadata import SafeString, SafeText, metadata

WorkState = Literal["open", "assigned", "acknowledged"]

alert_work = Table(
    "alert_work",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("alert", SafeString, primary_key=True),
    Column("subscription", SafeString, nullable=False),
    # open, assigned, acknowledged
    Column("state", SafeString(16), nullable=False),
    Column("holder", SafeString(32)),
    # Names as displayed: they remain when an account is deleted.
    Column("holder_name", SafeText, nullable=False, default=""),
    # Null if not marked.
    Column("relevant", Boolean),
    Column("by_name", SafeText, nullable=False, default=""),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_alert_work_run_holder", "run", "holder"),
    Index("ix_alert_work_run_subscription_changed_ms", "run", "subscription", "changed_ms"),
)


class AlertWork(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one alert. ``holder`` (a person's id) is set only while ``assigned``; ``by_name`` made the last change.

    ``relevant``: True or False if a person marked it, else None.
    """

    alert: str
    subscription: str
    state: WorkState = "open"
    holder: str | None = None
    holder_name: str = ""
    relevant: bool | None = None
    by_name: str = ""
    changed_ms: int = 0


class MarkCounts(msgspec.Struct, frozen=True):
    """How many alerts of a subscription are marked as relevant, and how many as not relevant."""

    relevant: int = 0
    not_relevant: int = 0


class AlertDesk:
    """Reads and writes the work on one run's alerts. Each call is one short transaction."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    def of(self, alerts: Iterable[str]) -> dict[str, AlertWork]:
        """The state of these alerts, by alert id; alerts without a row are left out."""
        c = alert_work.c
        found: dict[str, AlertWork] = {}
        with self.store.reading() as connection:
            for part in chunks(sorted(set(alerts))):
                query = sa.select(alert_work).where(c.run == self.run, c.alert.in_(part))
                found |= {row.alert: _work(row) for row in connection.execute(query)}
        return found

    def keep(self, several: Iterable[AlertWork]) -> None:
        """Store these states, replacing those stored before."""
        rows: list[dict[str, Any]] = [{**msgspec.structs.asdict(one), "run": self.run} for one in several]
        if rows:
            with self.store.writing() as connection:
                self.store.upsert(connection, alert_work, rows)

    def marked(self, subscription: str, *, limit: int = 10_000) -> list[AlertWork]:
        """The alerts of a subscription that are marked as relevant or not relevant, the latest mark first."""
        c = alert_work.c
        query = sa.select(alert_work).where(c.run == self.run, c.subscription == subscription, c.relevant.is_not(None))
        with self.store.reading() as connection:
            return [_work(row) for row in connection.execute(query.order_by(c.changed_ms.desc(), c.alert).limit(limit))]

    def counts(self, subscription: str) -> MarkCounts:
        """How many of a subscription's alerts are marked as relevant, and how many as not relevant."""
        c = alert_work.c
        query = sa.select(c.relevant, sa.func.count()).where(
            c.run == self.run, c.subscription == subscription, c.relevant.is_not(None)
        )
        with self.store.reading() as connection:
            found = {bool(row[0]): int(row[1]) for row in connection.execute(query.group_by(c.relevant))}
        return MarkCounts(found.get(True, 0), found.get(False, 0))


def open_only() -> sa.ColumnElement[bool]:
    """A condition on ``alerts``: not acknowledged."""
    c = alert_work.c
    done = sa.select(sa.literal(1)).where(c.run == t.alerts.c.run, c.alert == t.alerts.c.id, c.state == "acknowledged")
    return ~done.exists()


def held_by(person: str) -> sa.ColumnElement[bool]:
    """A condition on ``alerts``: assigned to this person (id)."""
    c = alert_work.c
    query = sa.select(c.alert).where(c.run == t.alerts.c.run, c.holder == person, c.state == "assigned")
    return t.alerts.c.id.in_(query)


def _work(row: Any) -> AlertWork:
    values = {name: getattr(row, name) for name in AlertWork.__struct_fields__}
    return AlertWork(**values | {"relevant": None if row.relevant is None else bool(row.relevant)})
