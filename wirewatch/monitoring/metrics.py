"""The pipeline's ``/metrics``, ``/healthz`` and ``/readyz``, read from the store and the stream at each scrape.

So they are right after any crash, and every process exports the same values. Each transaction updates the counts in the
store (``core.store.counts``), so a scrape costs the same however old the run is. Only the duration of slices is
measured in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import product

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from core.counted import counted
from core.errors import WirewatchError
from core.records import OutcomeKind
from core.settings import Settings
from core.store import Store, open_store
from core.store import tables as t
from core.store.counts import (
    NOT_DECIDED,
    OUTCOMES,
    POSTPONED,
    REFUSED_BY_LIMIT,
    REJECTED,
    Counts,
    latencies,
    read_counts,
    read_gauges,
)
from core.store.outbox import MOST_COUNTED, count_waiting
from core.streams import Stream, open_stream
from pipeline.drivers.flink_rest import FlinkJobs, FlinkRefused
from pipeline.elements import BY_LIMIT, CRASHED, OUT_OF_MEMORY
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.slow_lane import count_waiting as slow_lane_waiting
from pipeline.order.slow_lane import BEHIND
from pipeline.transforms.extraction_pool import BREAKER, SLOW
from pipeline.transforms.prepare import STAGE as CLEAN
from pipeline.transforms.record import MATCH, TAG
from wirewatch.monitoring.probes import CanaryMetrics, CanaryWatch, Check, Probes, canary_check, canary_reader

ASK_S = 3.0
SLICE_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10, 30, 60)


class RunMetrics(Collector):
    """The metrics of one run. One scrape at a time."""

    def __init__(self, settings: Settings, clock_ms: Callable[[], int]) -> None:
        self._settings, self._clock_ms = settings, clock_ms
        self.store = open_store(settings.store)
        self._ledger = RunLedger(self.store, settings.run, "")
        self._frontier_of, self._frontier = "", dict[int, int]()
        self._stream: Stream | None = None

    def close(self) -> None:
        """Close store and stream."""
        self._leave_stream()
        self.store.close()

    def collect(self) -> Iterator[Metric]:
        """All metrics. Those of an unreachable stream are left out, so that alert rules can fire on their absence."""
        run = self._settings.run
        with self.store.reading() as connection:
            seq = connection.execute(sa.select(t.runs.c.seq).where(t.runs.c.name == run)).scalar() or 0
            waiting = count_waiting(connection)
            counts, gauges = read_counts(connection, run), read_gauges(connection, run)
        outcomes = CounterMetricFamily("wirewatch_outcomes", "Raw records, by outcome.", labels=["run", "kind"])
        # All kinds from the beginning, at 0: for Prometheus, a counter that first appears as 5 has not increased.
        for kind in OutcomeKind:
            outcomes.add_metric([run, kind], counts.get((OUTCOMES, kind), 0))
        yield outcomes
        rejected = CounterMetricFamily(
            "wirewatch_rejected",
            "Rejected raw records, by stage and kind of reason.",
            labels=["run", "stage", "reason"],
        )
        for (name, label), count in sorted(counts.items()):
            if name == REJECTED:
                stage, _, reason = label.partition(": ")
                rejected.add_metric([run, stage, reason], count)
        yield rejected
        undecided = CounterMetricFamily(
            "wirewatch_query_not_decided",
            "Queries left undecided on an article, because they cost too much.",
            labels=["run"],
        )
        undecided.add_metric([run], counts.get((NOT_DECIDED, ""), 0))
        yield undecided
        yield from slow_lane_metrics(self.store, run, counts, self._clock_ms())
        latency = HistogramMetricFamily(
            "wirewatch_latency_seconds",
            "Time from publication to fetch, to append, to the store, to delivery; each since the stage before.",
            labels=["stage"],
        )
        for one in latencies(counts):
            buckets = [("+Inf" if bound == float("inf") else f"{bound:g}", count) for bound, count in one.buckets]
            latency.add_metric([one.stage], buckets, one.sum_s)
        yield latency
        yield GaugeMetricFamily("wirewatch_store_seq", "Transactions of the run so far.", value=seq)
        yield GaugeMetricFamily(
            "wirewatch_outbox_waiting",
            f"Records waiting to be relayed; counted up to {MOST_COUNTED}.",
            value=waiting,
        )
        if "index_entries" in gauges:
            entries, size = gauges["index_entries"], gauges["index_bytes"]
            yield GaugeMetricFamily("wirewatch_story_index_entries", "Versions in the story index.", value=entries)
            yield GaugeMetricFamily("wirewatch_story_index_bytes", "Bytes of the story index's entries.", value=size)
        try:
            behind, oldest_ms = self.lag()
        except WirewatchError:
            return
        lag = GaugeMetricFamily("wirewatch_lag_records", "Raw records without an outcome.", labels=["run", "partition"])
        for partition, count in behind.items():
            lag.add_metric([run, str(partition)], count)
        yield lag
        seconds = GaugeMetricFamily(
            "wirewatch_lag_seconds", "Age of the oldest raw record without an outcome.", labels=["run"]
        )
        seconds.add_metric([run], max(0, oldest_ms) / 1000)
        yield seconds

    def lag(self) -> tuple[dict[int, int], int]:
        """Records without an outcome by partition, and the age of the oldest in ms. Raises StreamError, StoreError."""
        now_ms = self._clock_ms()
        try:
            return self._lag_of(self._open(), now_ms)
        except BaseException:
            # The stream may have been recreated, or the connection may be broken.
            self._leave_stream()
            raise

    def _lag_of(self, stream: Stream, now_ms: int) -> tuple[dict[int, int], int]:
        partitions = stream.partitions()
        ends = stream.end_offsets(partitions)
        starts = stream.start_offsets(partitions)
        # From the last position, unless the stream was recreated, or from the run's saved one, which takes account of
        # gaps.
        known = self._frontier if stream.uuid == self._frontier_of else {}
        saved = self._ledger.offsets(stream.uuid).saved()
        # Offsets beyond the end were cut off: other records will get them.
        known = {p: offset for p, offset in known.items() if offset <= ends.get(p, offset)}
        begin = {p: max(start, known.get(p, start), saved.get(p, start)) for p, start in starts.items()}
        frontier = self._ledger.offsets(stream.uuid).contiguous(begin)
        self._frontier_of, self._frontier = stream.uuid, {p: lowest for p, (lowest, _) in frontier.items()}
        behind = {p: max(0, ends[p] - lowest - len(beyond)) for p, (lowest, beyond) in frontier.items()}
        offsets = {p: frontier[p][0] for p, count in behind.items() if count > 0}
        oldest = stream.read(offsets, max_bytes=1) if offsets else ()
        return behind, max((now_ms - record.timestamp_ms for record in oldest), default=0)

    def _open(self) -> Stream:
        # Kept open: a new connection per scrape took a fifth of an idle pipeline's CPU time.
        if self._stream is None:
            self._stream = open_stream(
                with_short_timeout(self._settings.stream), self._settings.raw_stream, role="metrics"
            )
        return self._stream

    def _leave_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


def slow_lane_metrics(store: Store, run: str, counts: Counts, now_ms: int) -> Iterator[Metric]:
    """Records that left the order for the slow lane, records that limits rejected, and records that wait in the slow
    lane.
    """
    left = CounterMetricFamily(
        "wirewatch_postponed", "Raw records moved out of the order to the slow lane.", labels=["run", "why"]
    )
    for why in (SLOW, CRASHED, OUT_OF_MEMORY, BREAKER, BEHIND):
        left.add_metric([run, why], counts.get((POSTPONED, why), 0))
    yield left
    refused = CounterMetricFamily(
        "wirewatch_refused_by_limit",
        "Raw records rejected by a time or memory limit.",
        labels=["run", "stage", "limit"],
    )
    for stage, limit in product((CLEAN, TAG, MATCH), BY_LIMIT):
        refused.add_metric([run, stage, limit], counts.get((REFUSED_BY_LIMIT, f"{stage}: {limit}"), 0))
    yield refused
    count, since_ms = slow_lane_waiting(store, run)
    yield GaugeMetricFamily("wirewatch_slow_lane_waiting", "Raw records in the slow lane.", value=count)
    age_s = 0.0 if since_ms is None else max(0, now_ms - since_ms) / 1000
    yield GaugeMetricFamily(
        "wirewatch_slow_lane_oldest_seconds", "Age of the oldest raw record in the slow lane.", value=age_s
    )


def with_short_timeout(url: str) -> str:
    """The stream's URL with a timeout of 3 s, unless it has one: Prometheus gives up after 14 s. Pure."""
    _, _, options = url.partition("?")
    if any(option.startswith("timeout_s=") for option in options.split("&")):
        return url
    return f"{url}{'&' if options else '?'}timeout_s={ASK_S:g}"


class PipelineProbes:
    """The probes of the pipeline service. The driver runs each slice in the context manager that ``timed()`` returns.

    ``job``: the name of the run's job on the cluster at ``flink_rest_url``; the service is ready once the job runs.
    """

    def __init__(self, settings: Settings, clock_ms: Callable[[], int], *, job: str = "") -> None:
        self._job = job
        self._cluster = FlinkJobs(settings.flink_rest_url, answer_s=ASK_S) if job and settings.flink_rest_url else None
        self.registry = CollectorRegistry()
        self.metrics = RunMetrics(settings, clock_ms)
        self._look = canary_reader(settings, self.metrics.store, clock_ms)
        self.watch = CanaryWatch(self._look)
        self.registry.register(self.metrics)
        self.registry.register(CanaryMetrics(self._look))
        ProcessCollector(registry=self.registry)
        slices = Histogram(
            "wirewatch_slice_seconds", "Duration of slices.", buckets=SLICE_BUCKETS, registry=self.registry
        )
        self.timed: Callable[[], AbstractContextManager[object]] = slices.time

    def serve(self, probes: Probes) -> None:
        """Answer at the service's probes from now on."""
        probes.serve(self.registry, health=self.health, ready=self.ready)

    def health(self) -> Iterable[Check]:
        """Healthy if the process answers. The canary's line, as of the watch's last check, shows whether articles come
        through.
        """
        return [Check("pipeline", ok=True, words="alive"), self.watch.last]

    def ready(self) -> Iterable[Check]:
        """Ready if store and stream can be reached and, on a cluster, the job runs."""
        try:
            behind, oldest_ms = self.metrics.lag()
        except WirewatchError as error:
            yield Check("pipeline", ok=False, words=str(error))
        else:
            yield Check("pipeline", ok=True, words="ready")
            words = f"{counted(sum(behind.values()), 'record')}, the oldest {max(0, oldest_ms) / 1000:.1f} s"
            yield Check("lag", ok=True, words=words, fatal=False)
        if self._cluster is not None:
            yield self._job_check(self._cluster)
        yield canary_check(self._look)

    def _job_check(self, cluster: FlinkJobs) -> Check:
        try:
            runs = cluster.ready(self._job)
        except FlinkRefused as error:
            return Check("job", ok=False, words=error.message)
        return Check("job", ok=runs, words=f"{self._job} {'runs' if runs else 'does not run yet'}")
