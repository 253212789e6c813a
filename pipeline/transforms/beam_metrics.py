"""Counters of the steps for the runner's own pages: Beam metrics, in the namespace ``wirewatch``.

They have the same names as the metrics at ``/metrics``, if there is one (``wirewatch.monitoring.metrics``). Beam has no labels,
so a label's value follows the name, and no fractions, so times are in milliseconds. A repeated bundle counts again: the store's
own counts at ``/metrics`` are exact, and these are for watching a job.
"""

from __future__ import annotations

from apache_beam.metrics import Metrics

from core.records import OutcomeKind

NAMESPACE = "wirewatch"

READ_RECORDS = Metrics.counter(NAMESPACE, "read_records")
READ_BYTES = Metrics.counter(NAMESPACE, "read_bytes")
LAG_RECORDS = Metrics.gauge(NAMESPACE, "lag_records")
"""Records on the stream that have no outcome yet: unread, or in flight."""

PREPARED = Metrics.counter(NAMESPACE, "prepared_records")
PREPARED_WITHOUT_ARTICLE = Metrics.counter(NAMESPACE, "prepared_rejected")
POSTPONED = Metrics.counter(NAMESPACE, "postponed_records")
"""Records that left the order for the slow lane."""
RETURNED = Metrics.counter(NAMESPACE, "returned_records")
"""Records that returned from the slow lane with their drafts. They are not prepared here."""
SLOW_LANE_WAITING = Metrics.gauge(NAMESPACE, "slow_lane_waiting")
SLOW_LANE_OLDEST_MS = Metrics.gauge(NAMESPACE, "slow_lane_oldest_milliseconds")
"""Age of the oldest record in the slow lane, by event time; 0 if it is empty."""
PREPARE_BUNDLE_MS = Metrics.distribution(NAMESPACE, "prepare_bundle_milliseconds")

TOPICS = Metrics.distribution(NAMESPACE, "topics_per_article")
SUBSCRIPTIONS = Metrics.distribution(NAMESPACE, "subscriptions_per_article")
NOT_DECIDED = Metrics.counter(NAMESPACE, "query_not_decided")

CAME_EARLY = Metrics.counter(NAMESPACE, "order_early_records")
CAME_AGAIN = Metrics.counter(NAMESPACE, "order_repeated_records")

OUTCOMES = {kind: Metrics.counter(NAMESPACE, f"outcomes_{kind}") for kind in OutcomeKind}
ALERTS = Metrics.counter(NAMESPACE, "alerts")
STORE_LATENCY_MS = Metrics.distribution(NAMESPACE, "latency_milliseconds_store")
"""From append to stored, like the stage ``store`` of ``wirewatch_latency_seconds``."""
WRITE_BATCH_RECORDS = Metrics.distribution(NAMESPACE, "write_batch_records")
