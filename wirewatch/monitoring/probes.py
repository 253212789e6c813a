"""A service's small HTTP server: ``/metrics`` for Prometheus; ``/healthz`` and ``/readyz``, a line for each thing looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from core.errors import UsageError, WirewatchError


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
