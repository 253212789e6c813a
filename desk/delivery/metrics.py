"""Delivery's metrics for Prometheus, computed from the store on each scrape, so they are correct after any crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.store import Store
from core.store.counts import read_counts
from core.store.outbox import PEOPLE, count_waiting
from core.store.subscriptions import LIVE
from desk.delivery.store import tables as d
from desk.delivery.store.queue import MESSAGES_SENT

OPEN = ("held", "queued", "failed")
OPEN_MESSAGES = ("waiting", "failed")


class DeliveryMetrics(Collector):
    """Registers itself with ``registry``. ``clock_ms``: the wall clock."""

    def __init__(self, store: Store, clock_ms: Callable[[], int], registry: CollectorRegistry) -> None:
        self._store, self._clock_ms = store, clock_ms
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Returns nothing, so that only scrapes read the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Messages sent, open messages by status, their waiting time, and channels by health. Raises StoreError.

        Finished messages are counted when they finish. Otherwise each scrape would read them all, more every day.
        """
        now_ms = self._clock_ms()
        m, c = d.messages.c, d.deliveries.c
        with self._store.reading() as connection:
            messages = connection.execute(
                sa.select(m.channel, m.status, sa.func.count())
                .where(m.status.in_(OPEN_MESSAGES))
                .group_by(m.channel, m.status)
                .order_by(m.channel, m.status)
            ).all()
            deliveries = connection.execute(
                sa.select(c.status, sa.func.count().label("number")).where(c.status.in_(OPEN)).group_by(c.status)
            ).all()
            sent = [
                (label, count)
                for (name, label), count in read_counts(connection, LIVE).items()
                if name == MESSAGES_SENT
            ]
            # Messages that wait for a failing channel are reported as such.
            failing = sa.select(d.channels.c.name).where(d.channels.c.health == "failing")
            due = sa.select(sa.func.min(m.queued_ms)).where(m.status == "waiting", m.due_ms <= now_ms)
            oldest = connection.execute(due.where(m.channel.not_in(failing))).scalar()
            unplanned = count_waiting(connection, PEOPLE)
            health = connection.execute(
                sa.select(d.channels.c.name, d.channels.c.health, d.channels.c.failures).where(d.channels.c.active)
            ).all()
        counted = CounterMetricFamily("wirewatch_messages_sent", "Sent messages.", labels=["channel"])
        for name, count in sorted(sent):
            counted.add_metric([name], count)
        yield counted
        family = GaugeMetricFamily(
            "wirewatch_messages", "Waiting and failed messages, by channel.", labels=["channel", "status"]
        )
        for name, status, count in messages:
            family.add_metric([name, status], count)
        yield family
        family = GaugeMetricFamily(
            "wirewatch_deliveries", "Alerts whose delivery is not finished, by status.", labels=["status"]
        )
        found: dict[str, int] = {row.status: row.number for row in deliveries}
        for status in OPEN:
            family.add_metric([status], found.get(status, 0))
        yield family
        yield GaugeMetricFamily(
            "wirewatch_delivery_oldest_seconds",
            "Age of the oldest message that is due and not sent, on channels that are not failing.",
            value=0 if oldest is None else max(0, now_ms - oldest) / 1_000,
        )
        yield GaugeMetricFamily("wirewatch_delivery_unplanned", "Alerts not planned yet.", value=unplanned)
        trouble = GaugeMetricFamily("wirewatch_channel_failing", "1 for a channel that is failing.", labels=["channel"])
        for name, state, _ in health:
            trouble.add_metric([name], int(state == "failing"))
        yield trouble
