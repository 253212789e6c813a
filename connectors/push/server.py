"""A small HTTP server for pushes, bounded in everything: connections, time, headers, bodies.

It speaks plain HTTP and belongs behind a proxy that does TLS.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.errors import WirewatchError

_HASHES = frozenset({"sha1", "sha256", "sha384", "sha512"})


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` without the query; ``query`` the first value of each name; ``headers`` by lower-case name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A status and a text."""

    status: int
    text: str = ""


NOT_FOUND = Response(404, "not found\n")


def is_signed(body: bytes, signature: str | None, secret: str) -> bool:
    """Whether ``signature`` (``sha256=<hex>``; sha1, sha256, sha384 or sha512) is the HMAC of the body."""
    method, _, given = (signature or "").strip().partition("=")
    if method.lower() not in _HASHES or not given.isascii():
        return False
    right = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(right, given.strip().lower())


BODY_BYTES = 8 << 20
MAX_AT_ONCE = 32
IDLE_S = 15.0
_METHODS = ("GET", "POST")

Handle = Callable[[Request], Response]


class PushServer(ThreadingHTTPServer):
    """Serves ``handle``. More than 32 connections at once are turned away; a silent one is closed after 15 s."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handle: Handle, *, on_error: Callable[[str], object] = str) -> None:
        self.handle_push, self.tell = handle, on_error
        self._free = threading.BoundedSemaphore(MAX_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread, if one is free."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its thread."""
        # The whole connection is bounded, not only each read: who trickles bytes gains nothing.
        guard = threading.Timer(4 * IDLE_S, _cut, [request])
        guard.daemon = True
        guard.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            guard.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news."""


class _Handler(BaseHTTPRequestHandler):
    server: PushServer
    timeout = IDLE_S
    server_version, sys_version = "Wirewatch", ""
    protocol_version = "HTTP/1.0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        response = self._response()
        body = response.text.encode()
        self.send_response(response.status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _response(self) -> Response:
        if self.command not in _METHODS:
            return Response(405, "method not allowed\n")
        declared = self.headers.get("content-length", "0")
        if self.headers.get("transfer-encoding") or not (declared.isascii() and declared.isdigit()):
            return Response(411, "the length of the body is needed\n")
        if len(declared) > 9 or int(declared) > BODY_BYTES:
            return Response(413, f"more than {BODY_BYTES >> 20} MiB\n")
        body = self.rfile.read(int(declared))
        if len(body) < int(declared):
            return Response(400, "the body broke off\n")
        try:
            split = urlsplit(self.path)
            query: dict[str, str] = {}
            for name, value in parse_qsl(split.query, max_num_fields=50):
                query.setdefault(name, value)
        except ValueError:
            return Response(400, "not a valid address\n")
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            return self.server.handle_push(Request(self.command, split.path, query, headers, body))
        except WirewatchError as error:
            self.server.tell(error.message)
            return Response(503, "try again later\n")

    def log_message(self, *args: Any) -> None:
        """Paths hold secret tokens: nothing is logged."""


def _cut(connection: socket) -> None:
    try:
        connection.shutdown(2)
    except OSError:
        return


@contextmanager
def serving(server: PushServer) -> Iterator[PushServer]:
    """Serve in a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
