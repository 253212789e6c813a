"""The outlets on a socket: the standard library's threading server, on loopback, with the clock passed in."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from core.errors import UsageError
from wirewatch.demo.outlets import DemoOutlets, DemoResponse
from wirewatch.demo.samples import Samples, load_samples


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A reader that hangs up is no event; without this the base class prints a traceback.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class DemoServer:
    """Serves the outlets until closed. Bound on creation, so ``base_url`` is known at once; answers after ``start``."""

    def __init__(
        self,
        outlets: DemoOutlets,
        clock: Callable[[], float],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        waits: bool = False,
    ) -> None:
        self._clock = clock
        self._origin: float | None = None if waits else clock()
        try:
            self._http = _Server((host, port), _handler(self._answer))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"cannot serve the sample outlets on {host} port {port}: {error}",
                hint="choose another port, or 0 for a free one",
            ) from error
        shown_host = f"[{host}]" if ":" in host else host
        self.base_url = f"http://{shown_host}:{self._http.server_address[1]}"
        self._outlets = outlets.at(self.base_url)
        self._thread: threading.Thread | None = None

    @property
    def samples(self) -> Samples:
        """What is served."""
        return self._outlets.samples

    def elapsed_s(self) -> float:
        """Seconds since creation, or since the first request if it waits for that, by the given clock."""
        return 0.0 if self._origin is None else self._clock() - self._origin

    def start(self) -> None:
        """Begin to answer, in a thread. Starting twice is harmless."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._http.serve_forever, args=(0.05,), name="demo-outlets", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Stop and free the port. Closing twice is harmless."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._http.shutdown()
            thread.join()
        self._http.server_close()

    def _answer(self, target: str, headers: Any) -> DemoResponse:
        if self._origin is None:
            self._origin = self._clock()
        return self._outlets.get(
            target,
            self.elapsed_s(),
            if_none_match=headers.get("If-None-Match"),
            if_modified_since=headers.get("If-Modified-Since"),
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(
    outlets: DemoOutlets, clock: Callable[[], float], host: str = "127.0.0.1", port: int = 0, *, waits: bool = False
) -> DemoServer:
    """Make a server for ``outlets``, bound but not started. ``clock`` gives monotonic seconds; its reading now is time 0.

    With ``waits`` time 0 is the first request: on a slow machine the readers start seconds later than the outlets.
    Port 0 is a free port. Raises UsageError where the address can't be had.
    """
    return DemoServer(outlets, clock, host, port, waits=waits)


def feed_urls(base_url: str, samples: Samples | None = None) -> list[tuple[str, str]]:
    """(source id, feed URL) of each outlet, in order of source id. Reads the sample files unless they are given."""
    outlets = (samples if samples is not None else load_samples()).outlets
    return [(outlet.id, base_url.rstrip("/") + outlet.feed_path) for outlet in outlets.values()]


def _handler(answer: Callable[[str, Any], DemoResponse]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "WirewatchDemo"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            self._send(with_body=True)

        def do_HEAD(self) -> None:
            self._send(with_body=False)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing: the demo's terminal belongs to the supervisor."""

        def _send(self, *, with_body: bool) -> None:
            got = answer(self.path, self.headers)
            self.send_response(got.status)
            for name, value in got.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", got.content_type)
            if got.status != 304:
                self.send_header("Content-Length", str(len(got.body)))
            self.end_headers()
            if with_body:
                self.wfile.write(got.body)

    return Handler
