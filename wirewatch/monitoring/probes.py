"""Probes of a service, ``/metrics``, ``/healthz`` and ``/readyz``, and the canary's part in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import StoreError, UsageError, WirewatchError
from core.settings import Settings
from core.store import Store
from core.store.canary import CanaryHealth, CanaryState, canary_state
from desk.delivery.store.channels import any_active

log = structlog.get_logger()
WATCH_S = 15.0


class Check(NamedTuple):
    """One thing looked at. Only ``fatal`` ones that aren't ``ok`` make the answer 503; the others are for the reader."""

    name: str
    ok: bool
    words: str
    fatal: bool = True


Checks = Callable[[], Iterable[Check]]


def serve_probes(
    host: str, port: int, registry: CollectorRegistry, *, health: Checks, ready: Checks
) -> ThreadingHTTPServer | None:
    """Serve in a thread; None where ``port`` is 0. Raises UsageError where the port is taken.

    One scrape at a time. A service is healthy while it moves, and ready while it can do its work: ``health`` asks neither
    store nor stream and may be called by several threads, since a process that is killed for others' absence helps nobody.
    """
    if not port:
        return None
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                if self.path == "/metrics":
                    with lock:
                        body = generate_latest(registry)
                    self._answer(200, body, CONTENT_TYPE_LATEST)
                elif self.path in ("/healthz", "/readyz"):
                    with nullcontext() if self.path == "/healthz" else lock:
                        checks = list((health if self.path == "/healthz" else ready)())
                    bad = any(check.fatal and not check.ok for check in checks)
                    words = "".join(f"{check.name}: {check.words}\n" for check in checks)
                    self._answer(503 if bad else 200, words.encode(), "text/plain; charset=utf-8")
                else:
                    self._answer(404, b"/metrics, /healthz or /readyz\n", "text/plain")
            except WirewatchError as error:
                self._answer(503, f"{error}\n".encode(), "text/plain; charset=utf-8")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Scrapes are no news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise UsageError(f"metrics_port {port}: {error.strerror}", hint="choose another, or 0") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class CanaryMetrics(Collector):
    """``wirewatch_canary_age_seconds``, and how long the last one took to each stage. Each service tells the same."""

    def __init__(self, look: Callable[[], CanaryState]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """Nothing where the store is away or no canaries are made: an absence alerts."""
        try:
            state = self._look()
        except StoreError:
            return
        if state.age_s is not None:
            yield GaugeMetricFamily(
                "wirewatch_canary_age_seconds", "Since the last canary came out at the end.", value=state.age_s
            )
        silent = GaugeMetricFamily(
            "wirewatch_canary_silent_seconds",
            "The age, where it is over the limit: the stage is silent.",
            labels=["stage"],
        )
        if state.silent_stage is not None and state.age_s is not None:
            silent.add_metric([state.silent_stage], state.age_s)
        yield silent
        journey = GaugeMetricFamily(
            "wirewatch_canary_journey_seconds",
            "From the making of the last canary that came out to each stage.",
            labels=["stage"],
        )
        for stage, took_s in state.took_s.items():
            journey.add_metric([stage], took_s)
        yield journey


def looking(settings: Settings, store: Store, clock_ms: Callable[[], int]) -> Callable[[], CanaryState]:
    """A look at the canaries of the settings' run. It raises StoreError."""
    return lambda: canary_state(
        store, settings.run, now_ms=clock_ms(), interval_s=settings.canary_interval_s, channels=any_active(store)
    )


def canary_check(look: Callable[[], CanaryState]) -> Check:
    """A line for /readyz, looked at now. Never fatal: starting this service anew may not help at all."""
    try:
        return _line(look())
    except StoreError as error:
        return _unknown(error)


def ready_checks(name: str, look: Callable[[], CanaryState]) -> list[Check]:
    """/readyz of a service that needs the store alone: whether it can be read, which looking at the canary shows."""
    try:
        return [Check(name, ok=True, words="ready"), _line(look())]
    except StoreError as error:
        return [Check(name, ok=False, words="the store can't be reached"), _unknown(error)]


def _unknown(error: StoreError) -> Check:
    return Check("canary", ok=False, words=f"unknown: {error.message}", fatal=False)


def _line(state: CanaryState) -> Check:
    words = f"{state.health}: {state.summary}"
    return Check("canary", ok=state.health is not CanaryHealth.SILENT, words=words, fatal=False)


class CanaryWatch:
    """Logs an error when the canaries fall silent, naming the stage, and a warning when they are back.

    ``last`` is the line for /healthz as of the last look: whoever asks if a process is alive must not wait for its store, or
    a store that is away would have all services killed.
    """

    def __init__(self, look: Callable[[], CanaryState]) -> None:
        self._look = look
        self._silent: str | None = None
        self.last = Check("canary", ok=True, words="not looked at yet", fatal=False)

    def look(self) -> None:
        """Look once; something is logged only when it changed."""
        try:
            state = self._look()
        except StoreError as error:
            self.last = _unknown(error)
            log.warning("the canaries can't be looked at", error=error.message)
            return
        self.last = _line(state)
        if state.silent_stage == self._silent:
            return
        if state.silent_stage is not None:
            log.error(
                "no canary comes through",
                silent=state.silent_stage,
                summary=state.summary,
                age_s=round(state.age_s or 0),
            )
        else:
            log.warning("canaries come through again", summary=state.summary)
        self._silent = state.silent_stage

    def start(self, stop: threading.Event) -> None:
        """Look now and every 15 s in a thread, until ``stop``: a service whose main loop hangs still says so."""

        def watch() -> None:
            self.look()
            while not stop.wait(WATCH_S):
                self.look()

        threading.Thread(target=watch, name="canary-watch", daemon=True).start()
