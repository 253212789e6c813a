"""Waiting at the start of a service for what it needs: the store, the streams, the Flink cluster."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TypeVar

import typer

from core.away import wait_for
from core.errors import WirewatchError
from core.settings import Settings
from core.store import Store, open_store
from core.streams import Stream
from core.streams.open import create_planned
from core.streams.plans import StreamPlan, planned_streams

T = TypeVar("T")

CONNECT_S = 5.0

Waits = Callable[[str | None], object]
"""Called with what the service waits for, in words, and with None once it is there (``Probes.waits``)."""


def _unsaid(_words: str | None) -> None:
    """For a command without probes."""


class NotListening(WirewatchError):
    """No process listens on an address yet."""


def store_of(settings: Settings, stop: threading.Event, waits: Waits = _unsaid) -> Store:
    """The store, once it can be reached. Exits if the command is stopped before; otherwise raises what ``open_store``
    raises.
    """
    return _once_there("the store", lambda: open_store(settings.store), stop, waits)


def stream_of(
    settings: Settings, plan: StreamPlan, stop: threading.Event, waits: Waits = _unsaid, *, role: str
) -> Stream:
    """A stream, created as planned if it is missing, once the broker can be reached. Otherwise like ``store_of``."""
    made = lambda: create_planned(settings.stream, plan, role=role)  # noqa: E731
    return _once_there(f"the stream {plan.name}", made, stop, waits)


def await_pipeline(
    settings: Settings, stop: threading.Event, waits: Waits = _unsaid, *, job_endpoint: str = ""
) -> None:
    """Wait until everything that a pipeline needs can be reached: the store, all streams and, with Flink, the cluster
    and job server.
    """
    store_of(settings, stop, waits).close()
    for plan in planned_streams(settings).values():
        stream_of(settings, plan, stop, waits, role="reader").close()
    if job_endpoint:
        _once_there("Beam's job server", lambda: _connect(job_endpoint), stop, waits, NotListening)
    if job_endpoint and settings.flink_rest_url:
        from pipeline.drivers.flink_rest import FlinkAway, FlinkJobs

        jobs = FlinkJobs(settings.flink_rest_url)
        _once_there("the Flink cluster", jobs.listing, stop, waits, FlinkAway)


def _connect(endpoint: str) -> bool:
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise NotListening(f"{endpoint}: {getattr(error, 'strerror', None) or error}") from error
    return True


def _once_there(
    what: str, open_it: Callable[[], T], stop: threading.Event, waits: Waits, *also: type[WirewatchError]
) -> T:
    def attempt() -> T:
        try:
            return open_it()
        except WirewatchError as error:
            waits(f"{what} ({error.message})")
            raise

    waits(what)
    found = wait_for(what, attempt, wait=stop.wait, stop=stop.is_set, also=also)
    if found is None:
        raise typer.Exit
    waits(None)
    return found
