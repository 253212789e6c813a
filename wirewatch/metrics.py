"""``/metrics`` for Prometheus, ``/healthz`` and ``/readyz``: worked out from store and stream when they are asked for.

So they are right after any crash, and say the same whichever process is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.state import FeedState
from pipeline.errors import UsageError, WirewatchError
from pipeline.settings import Settings
from pipeline.store import RunLedger, StoreReader, open_store
from pipeline.store import tables as t
from pipeline.streams import open_stream

LATENCY_BUCKETS = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300)


class RunMetrics(Collector):
    """The figures of one run. One scrape at a time."""

    def __init__(self, settings: Settings, clock_ms: Callable[[], int], registry: CollectorRegistry) -> None:
        self._settings, self._clock_ms = settings, clock_ms
        self._store = open_store(settings.store)
        self._reader = StoreReader(self._store, settings.run)
        self._ledger = RunLedger(self._store, settings.run, "")
        self._frontier_of, self._frontier = "", dict[int, int]()
        latency = Histogram(
            "wirewatch_latency_seconds",
            "From append to the raw stream until stored.",
            ["stage"],
            buckets=LATENCY_BUCKETS,
            registry=None,
        )
        self._latency = latency.labels("append_to_store")
        with self._store.reading() as connection:
            self._seen_seq = self._seq(connection)
        # Asked in this order: the histogram must hold what this scrape observed.
        registry.register(self)
        registry.register(latency)

    def collect(self) -> Iterator[Metric]:
        """All figures. Those of a stream that can't be reached are left out, so that their absence can alert."""
        run = self._settings.run
        outcomes = CounterMetricFamily("wirewatch_outcomes", "How raw records ended.", labels=["run", "kind"])
        for kind, count in self._reader.count_outcomes().items():
            outcomes.add_metric([run, kind], count)
        yield outcomes
        with self._store.reading() as connection:
            seq = self._seq(connection)
            waiting = connection.execute(sa.select(sa.func.count()).select_from(t.outbox)).scalar_one()
            self._observe(connection, seq)
        yield GaugeMetricFamily("wirewatch_store_seq", "Sink transactions of the run.", value=seq)
        yield GaugeMetricFamily("wirewatch_outbox_waiting", "Records waiting to be relayed.", value=waiting)
        feeds = GaugeMetricFamily("wirewatch_feeds", "Feeds by health.", labels=["health"])
        listing = [feed.health for feed in FeedState(self._store.engine).listing() if feed.active]
        for health in sorted(set(listing)):
            feeds.add_metric([health], listing.count(health))
        yield feeds
        try:
            yield from self._lag(run)
        except WirewatchError:
            return

    def _lag(self, run: str) -> Iterator[Metric]:
        now_ms = self._clock_ms()
        with open_stream(self._settings.stream, self._settings.raw_stream) as stream:
            partitions = stream.partitions()
            ends = stream.end_offsets(partitions)
            starts = stream.start_offsets(partitions)
            # From where it last stood, unless the stream is another one by now.
            known = self._frontier if stream.uuid == self._frontier_of else {}
            begin = {p: max(start, known.get(p, start)) for p, start in starts.items()}
            frontier = self._ledger.frontier(stream.uuid, begin)
            self._frontier_of, self._frontier = stream.uuid, {p: lowest for p, (lowest, _) in frontier.items()}
            behind = {p: ends[p] - lowest - len(beyond) for p, (lowest, beyond) in frontier.items()}
            offsets = {p: frontier[p][0] for p, count in behind.items() if count > 0}
            oldest = stream.read(offsets, max_bytes=1) if offsets else ()
        lag = GaugeMetricFamily("wirewatch_lag_records", "Raw records without an outcome.", labels=["run", "partition"])
        for partition, count in behind.items():
            lag.add_metric([run, str(partition)], count)
        yield lag
        seconds = GaugeMetricFamily(
            "wirewatch_lag_seconds", "Age of the oldest raw record without an outcome.", labels=["run"]
        )
        seconds.add_metric([run], max((now_ms - record.timestamp_ms for record in oldest), default=0) / 1000)
        yield seconds

    def _seq(self, connection: sa.Connection) -> int:
        return connection.execute(sa.select(t.runs.c.seq).where(t.runs.c.name == self._settings.run)).scalar() or 0

    def _observe(self, connection: sa.Connection, seq: int) -> None:
        joined = t.outcomes.join(
            t.commits, (t.commits.c.run == t.outcomes.c.run) & (t.commits.c.seq == t.outcomes.c.seq)
        )
        query = sa.select(t.outcomes.c.place, t.commits.c.stored_ms).select_from(joined)
        query = query.where(t.outcomes.c.run == self._settings.run, t.outcomes.c.seq > self._seen_seq)
        for place, stored_ms in connection.execute(query):
            if place:
                self._latency.observe(max(0, stored_ms - int(place.partition(":")[0])) / 1000)
        self._seen_seq = seq


def serve_metrics(settings: Settings, clock_ms: Callable[[], int]) -> ThreadingHTTPServer | None:
    """Serve on ``metrics_port`` in a thread; None where it is 0. Raises UsageError where the port is taken."""
    if not settings.metrics_port:
        return None
    registry = CollectorRegistry()
    RunMetrics(settings, clock_ms, registry)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200, b"alive\n", "text/plain")
                return
            if self.path not in ("/metrics", "/readyz"):
                self._answer(404, b"/metrics, /healthz or /readyz\n", "text/plain")
                return
            try:
                with lock:
                    body = generate_latest(registry)
            except WirewatchError as error:
                self._answer(503, f"{error}\n".encode(), "text/plain")
                return
            if self.path == "/metrics":
                self._answer(200, body, CONTENT_TYPE_LATEST)
            elif b"wirewatch_lag_records{" in body:
                self._answer(200, b"ready\n", "text/plain")
            else:
                self._answer(503, b"the stream can't be reached\n", "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Scrapes are no news."""

    try:
        server = ThreadingHTTPServer((settings.metrics_host, settings.metrics_port), Handler)
    except OSError as error:
        raise UsageError(
            f"metrics_port {settings.metrics_port}: {error.strerror}", hint="choose another, or 0"
        ) from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
