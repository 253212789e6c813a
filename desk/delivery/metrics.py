"""Delivery's figures for Prometheus, worked out from the store when they are asked for: right after any crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.store import Store
from core.store import tables as t
from core.store.outbox import PEOPLE
from desk.delivery.store import tables as d


class DeliveryMetrics(Collector):
    """Registers itself with ``registry``. ``clock_ms``: the wall clock."""

    def __init__(self, store: Store, clock_ms: Callable[[], int], registry: CollectorRegistry) -> None:
        self._store, self._clock_ms = store, clock_ms
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Nothing ahead: asking the store is for scrapes."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Messages and deliveries by status, what waits and for how long, and channels by health. Raises StoreError."""
        now_ms = self._clock_ms()
        m, c = d.messages.c, d.deliveries.c
        with self._store.reading() as connection:
            messages = connection.execute(
                sa.select(m.channel, m.status, sa.func.count())
                .group_by(m.channel, m.status)
                .order_by(m.channel, m.status)
            ).all()
            deliveries = connection.execute(
                sa.select(c.status, sa.func.count().label("number")).group_by(c.status)
            ).all()
            # What waits behind a channel in trouble is reported as such.
            failing = sa.select(d.channels.c.name).where(d.channels.c.health == "failing")
            due = sa.select(sa.func.min(m.queued_ms)).where(m.status == "waiting", m.due_ms <= now_ms)
            oldest = connection.execute(due.where(m.channel.not_in(failing))).scalar()
            waiting = sa.select(sa.func.count()).select_from(t.outbox).where(t.outbox.c.destination == PEOPLE)
            unplanned = connection.execute(waiting).scalar_one()
            health = connection.execute(
                sa.select(d.channels.c.name, d.channels.c.health, d.channels.c.failures).where(d.channels.c.active)
            ).all()
        family = GaugeMetricFamily(
            "wirewatch_messages", "Messages by channel and status.", labels=["channel", "status"]
        )
        for name, status, count in messages:
            family.add_metric([name, status], count)
        yield family
        family = GaugeMetricFamily("wirewatch_deliveries", "Alerts on channels, by status.", labels=["status"])
        found: dict[str, int] = {row.status: row.number for row in deliveries}
        for status in ("held", "muted", "queued", "sent", "failed", "withdrawn"):
            family.add_metric([status], found.get(status, 0))
        yield family
        yield GaugeMetricFamily(
            "wirewatch_delivery_oldest_seconds",
            "Age of the oldest message that is due and not sent, where its channel is not in trouble.",
            value=0 if oldest is None else max(0, now_ms - oldest) / 1_000,
        )
        yield GaugeMetricFamily("wirewatch_delivery_unplanned", "Alerts not planned yet.", value=unplanned)
        trouble = GaugeMetricFamily("wirewatch_channel_failing", "1 for a channel in trouble.", labels=["channel"])
        for name, state, _ in health:
            trouble.add_metric([name], int(state == "failing"))
        yield trouble
