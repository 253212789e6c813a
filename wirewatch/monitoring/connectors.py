"""The probes and metrics of the connectors service: polls, items, errors, feeds, schedule lag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.runner import Broke, Event, Polled, Superseded, Waiting
from connectors.store.feeds import FeedRepository
from connectors.store.polls import PollRepository
from core.away import Away
from core.errors import FailureKind, StoreError
from core.settings import Settings
from core.store import Store
from wirewatch.monitoring.probes import CanaryMetrics, CanaryWatch, Check, Probes, canary_reader, ready_checks

log = structlog.get_logger()
# The loop runs about once a second; only an unavailable stream or store delays it longer.
HANGS_S = 120.0


class FeedMetrics(Collector):
    """Feeds by health, and how long the most overdue one is behind its schedule; read from the store at each scrape."""

    def __init__(self, state: FeedRepository, clock: Callable[[], datetime]) -> None:
        self._state, self._clock = state, clock

    def collect(self) -> Iterator[Metric]:
        """The metrics; none if the store can't be reached."""
        try:
            listing = [feed for feed in self._state.listing() if feed.active]
        except StoreError:
            return
        health = GaugeMetricFamily("wirewatch_feeds", "Feeds by health.", labels=["health"])
        # Also at 0: otherwise an alert rule on feeds with problems would have nothing to compare.
        for one in sorted({feed.health for feed in listing} | {"failing", "gone"}):
            health.add_metric([one], sum(feed.health == one for feed in listing))
        yield health
        now = self._clock()
        late = [(now - feed.next_poll_at).total_seconds() for feed in listing if feed.next_poll_at is not None]
        yield GaugeMetricFamily(
            "wirewatch_schedule_lag_seconds",
            "How long ago the most overdue feed should have been polled.",
            value=max(0.0, *late) if late else 0.0,
        )


class ConnectorProbes:
    """Counts the runner's events since this process started. The runner calls ``tend`` and ``on_event``."""

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], datetime], what: str = "connectors"
    ) -> None:
        self._clock, self._what = clock, what
        self.registry = CollectorRegistry()
        self._look = canary_reader(settings, store, lambda: int(clock().timestamp() * 1000))
        self.watch = CanaryWatch(self._look)
        self.registry.register(FeedMetrics(FeedRepository(store), clock))
        self.registry.register(CanaryMetrics(self._look))
        ProcessCollector(registry=self.registry)
        to = self.registry
        self._polls = Counter("wirewatch_polls", "Polls of feeds, by result.", ["result"], registry=to)
        self._errors = Counter(
            "wirewatch_poll_errors", "Failed polls and pages, by kind of failure.", ["of", "kind"], registry=to
        )
        self._items = Counter("wirewatch_items", "Items seen in feeds, by kind.", ["state"], registry=to)
        self._appended = Counter("wirewatch_appended_records", "Raw records appended.", registry=to)
        self._bytes = Counter("wirewatch_appended_bytes", "Bytes of raw records appended, not compressed.", registry=to)
        self._stubs = Counter(
            "wirewatch_stubs",
            "Raw records appended without their body, which was over the stream's limit.",
            registry=to,
        )
        self._waits = Counter(
            "wirewatch_waits", "Times that the stream or the store could not be reached.", registry=to
        )
        self._moved = clock()

    def tend(self) -> None:
        """Note that the loop is running."""
        self._moved = self._clock()

    def on_event(self, event: Event) -> None:
        """Count an event of the runner."""
        self.tend()
        match event:
            case Polled():
                self._polled(event)
            case Broke():
                self._polls.labels("broke").inc()
            case Superseded():
                self._polls.labels("outrun").inc()
            case Waiting():
                self._waits.inc()

    def appended(self, records: int, size_bytes: int, stubs: int = 0) -> None:
        """Count records that did not come from a poll."""
        self._appended.inc(records)
        self._bytes.inc(size_bytes)
        self._stubs.inc(stubs)

    def _polled(self, event: Polled) -> None:
        report = event.report
        result = "failed" if event.error else "not_modified" if report.not_modified else "ok"
        self._polls.labels(result).inc()
        if event.error:
            self._errors.labels("feed", event.error.kind.value).inc()
        for failure in report.page_failures:
            self._errors.labels("page", failure.kind.value).inc()
        for state in ("new", "changed", "unchanged", "deferred", "given_up"):
            self._items.labels(state).inc(getattr(report, state))
        self.appended(event.appended, event.size_bytes, event.stubs)

    def serve(self, probes: Probes) -> None:
        """Start answering at the service's probes."""
        probes.serve(self.registry, health=self.health, ready=self.ready)

    def health(self) -> Iterable[Check]:
        """Unhealthy if the loop has not run for two minutes."""
        still_s = (self._clock() - self._moved).total_seconds()
        words = "alive" if still_s < HANGS_S else f"the loop has not run for {still_s:.0f} s"
        return [Check(self._what, ok=still_s < HANGS_S, words=words), self.watch.last]

    def ready(self) -> Iterable[Check]:
        """The store can be read."""
        return ready_checks(self._what, self._look)


def log_event(event: Event, away: Away, address: Callable[[str], str]) -> None:
    """Log what went wrong in a poll, with the feed's address; ``away`` covers the raw stream and the store together."""
    match event:
        case Waiting():
            away.failed(event.problem)
        case Broke():
            retry_at = event.retry_at.isoformat(timespec="seconds")
            log.error(
                "a connector failed with an internal error",
                feed=address(event.name),
                problem=event.problem,
                retry_at=retry_at,
            )
        case Polled():
            away.back()
            if event.error is not None:
                log.warning("a feed could not be read", feed=event.error.url, problem=event.error.problem)


def log_poll(polls: PollRepository, event: Event, now_ms: int) -> None:
    """Add a poll to the poll log, which ``wirewatch trace`` reads. If that fails, polling goes on."""
    try:
        if isinstance(event, Polled):
            report = event.report
            polls.add(
                event.name,
                now_ms,
                problem=event.error.problem if event.error else None,
                kind=event.error.kind if event.error else None,
                new=report.new,
                changed=report.changed,
                unchanged=report.unchanged,
                appended=event.appended,
                pages=report.page_failures,
            )
        elif isinstance(event, Broke):
            polls.add(event.name, now_ms, problem=event.problem, kind=FailureKind.INTERNAL)
    except StoreError as error:
        log.warning("a poll could not be logged", feed=event.name, error=error.message)
