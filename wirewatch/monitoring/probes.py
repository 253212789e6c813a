"""The operator's side of the canary: its age for Prometheus, a line for the probes, a log line when it falls silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import structlog
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import StoreError
from core.settings import Settings
from core.store import Store
from core.store.canary import CanaryHealth, CanaryState, canary_state
from desk.delivery.store.channels import any_active
from wirewatch.monitoring.probes import Check

log = structlog.get_logger()
WATCH_S = 15.0


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
