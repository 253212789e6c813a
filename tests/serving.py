"""Servers in a thread of the test: an ASGI application, or a handler of ``http.server``; on a free port of loopback."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from tests.waiting import until


@contextmanager
def served(app: Any, **options: Any) -> Iterator[str]:
    """Serve the ASGI application; gives its address. ``options`` are uvicorn's."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", **{"timeout_graceful_shutdown": 2, **options}
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="application under test", daemon=True)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive(), "server that listens", seconds=60)
        assert server.started
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def place(url: str) -> tuple[str, int]:
    """Host and port of an address, for a socket."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


class Handler(BaseHTTPRequestHandler):
    """Logs nothing."""

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send an answer. ``headers``: with ``_`` for ``-``."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Each request would be a line of the test's output."""


class Answering(ThreadingHTTPServer):
    """A server whose requests ``handler`` answers, a thread for each, until it is closed or its context ends."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        if tls is not None:
            # The handshake is made by the request's thread: a client that doesn't finish it keeps no other waiting.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the tests; any other error is printed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Answer no more. Requests that have begun are not waited for."""
        self.shutdown()
        self.server_close()
        self._thread.join(10)

    def __exit__(self, *_arguments: object) -> None:
        self.close()
