"""The probes of a service (``/metrics``, ``/healthz`` and ``/readyz``), with the canary's state."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import StoreError, UsageError, WirewatchError
from core.net.serving import ServerThread
from core.settings import Settings
from core.store import Store
from core.store.canary import CanaryHealth, CanaryState
from desk.delivery.store.channels import canary_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

log = structlog.get_logger()
WATCH_S = 15.0


class Check(NamedTuple):
    """One check, which is a line of the response. A ``fatal`` one that is not ``ok`` makes the status 503; others only
    inform.
    """

    name: str
    ok: bool
    words: str
    fatal: bool = True


Checks = Callable[[], Iterable[Check]]


class Probes:
    """The probes of a service, served on a thread from the moment the service starts.

    Until ``serve``, and while the service ``waits`` for something, ``/healthz`` answers 200 and everything else 503,
    naming what it waits for. Scrapes run one at a time. ``/healthz`` never blocks and reads neither store nor stream:
    killing a process because a store is away would not help. ``port`` 0: serves nothing. ``listening``: the socket of a
    service without a port for metrics; closed with the probes. Raises UsageError if the port is taken.
    """

    def __init__(self, service: str, host: str, port: int, *, listening: socket.socket | None = None) -> None:
        self._service = service
        self._waits: str | None = None
        self._started = False
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._health: Checks = lambda: [Check(service, ok=True, words="alive")]
        self._ready: Checks = lambda: [Check(service, ok=False, words="starting")]
        self._server: ServerThread | None = None
        if port or listening:
            try:
                application = self._application(metrics=listening is None)
                self._server = ServerThread(application, host, port, name="probes", listening=listening).start()
            except OSError as error:
                raise UsageError(f"metrics_port {port}: {error.strerror}", hint="choose another, or 0") from error

    def waits(self, words: str | None) -> None:
        """Set what the service waits for, such as ``the store``; None: nothing, its start continues."""
        self._waits = words

    def serve(self, registry: CollectorRegistry, *, health: Checks, ready: Checks) -> None:
        """Answer with these from now on. ``health`` must be thread-safe."""
        self._registry, self._health, self._ready = registry, health, ready
        self._started = True

    def close(self) -> None:
        """Stop answering, and free the port."""
        if self._server is not None:
            self._server.close()

    def _application(self, *, metrics: bool) -> ASGIApp:
        # Imported here, so that commands that serve nothing don't load a web server.
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse, Response
        from starlette.routing import Route

        def figures(_request: Request) -> Response:
            with self._lock:
                return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

        def healthz(_request: Request) -> Response:
            return report(self._waiting(ok=True) or self._health())

        def readyz(_request: Request) -> Response:
            with self._lock:
                return report(self._waiting(ok=False) or self._ready())

        def report(checks: Iterable[Check]) -> Response:
            found = list(checks)
            failed = any(check.fatal and not check.ok for check in found)
            return PlainTextResponse("".join(f"{one.name}: {one.words}\n" for one in found), 503 if failed else 200)

        def failed(_request: Request, error: Exception) -> Response:
            return PlainTextResponse(f"{error}\n", 503)

        def unknown(_request: Request, _error: Exception) -> Response:
            if self._waits is not None or not self._started:
                # A browser reloads by itself.
                words = f"waits for {self._waits}" if self._waits is not None else "starting"
                return PlainTextResponse(f"{self._service}: {words}\n", 503, {"Retry-After": "5", "Refresh": "5"})
            return PlainTextResponse("not found\n", 404)

        routes = [Route("/healthz", healthz), Route("/readyz", readyz)]
        if metrics:
            routes.append(Route("/metrics", figures))
        return Starlette(routes=routes, exception_handlers={WirewatchError: failed, 404: unknown})

    def _waiting(self, *, ok: bool) -> list[Check]:
        words = self._waits
        return [] if words is None else [Check(self._service, ok=ok, words=f"waits for {words}")]


class CanaryMetrics(Collector):
    """The age of the last canary, and the time it took to each stage. Every service exports the same values."""

    def __init__(self, look: Callable[[], CanaryState]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """The metrics; none if the store can't be reached or no canaries are made, so that alert rules can fire on
        their absence.
        """
        try:
            state = self._look()
        except StoreError:
            return
        if state.age_s is not None:
            yield GaugeMetricFamily(
                "wirewatch_canary_age_seconds", "Time since the last canary passed the last stage.", value=state.age_s
            )
        silent = GaugeMetricFamily(
            "wirewatch_canary_silent_seconds",
            "Age of a stage's last canary, only if it is over the limit: the stage is silent.",
            labels=["stage"],
        )
        if state.silent_stage is not None and state.age_s is not None:
            silent.add_metric([state.silent_stage], state.age_s)
        yield silent
        journey = GaugeMetricFamily(
            "wirewatch_canary_journey_seconds",
            "Time from the creation of the last canary that came through to each stage.",
            labels=["stage"],
        )
        for stage, took_s in state.took_s.items():
            journey.add_metric([stage], took_s)
        yield journey


def canary_reader(settings: Settings, store: Store, clock_ms: Callable[[], int]) -> Callable[[], CanaryState]:
    """A function that reads the state of the run's canaries. It raises StoreError."""
    return lambda: canary_of(settings, store, clock_ms())


def canary_check(look: Callable[[], CanaryState]) -> Check:
    """A line for /readyz, read now. Never fatal: restarting this service may not help."""
    try:
        return _line(look())
    except StoreError as error:
        return _unknown(error)


def ready_checks(name: str, look: Callable[[], CanaryState]) -> list[Check]:
    """The checks for /readyz of a service that needs only the store: reading the canary's state shows whether the store
    can be read.
    """
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
    """Logs an error, naming the stage, when canaries stop coming through, and a warning when they come through again.

    ``last`` is the line for /healthz as of the last check: a liveness probe must not wait for the store, or all
    services would be killed while it can't be reached.
    """

    def __init__(self, look: Callable[[], CanaryState]) -> None:
        self._look = look
        self._silent: str | None = None
        self.last = Check("canary", ok=True, words="not checked yet", fatal=False)

    def look(self) -> None:
        """Check once, and log a change."""
        try:
            state = self._look()
        except StoreError as error:
            self.last = _unknown(error)
            log.warning("the canaries' state can't be read", error=error.message)
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
        """Check now and every 15 s until ``stop``, on a thread: a service whose main loop hangs still reports it."""

        def watch() -> None:
            self.look()
            while not stop.wait(WATCH_S):
                self.look()

        threading.Thread(target=watch, name="canary-watch", daemon=True).start()
