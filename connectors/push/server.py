"""A small HTTP server for pushes, with limits on connections, time, headers and bodies.

It speaks plain HTTP and should be behind a proxy that terminates TLS. Starlette and uvicorn are imported when a server starts.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from core.errors import WirewatchError
from core.net.connections import Connections, bounded_protocol
from core.net.serving import ServerThread

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest
    from starlette.types import Receive, Scope, Send

BODY_BYTES = 8 << 20
HEADERS_S = 5.0
IDLE_S = 15.0
WHOLE_S = 60.0
_TARGET_CHARS = 65_536
_MAX_HEADERS = 100
_MAX_FIELDS = 50
_METHODS = ("GET", "POST")
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
BUSY = Response(503, "try again later\n")
T = TypeVar("T")
Handle = Callable[[Request], Response]
Proves = Callable[[Request], bool | None]
"""Whether a request, still without its body, has a token; None: its body is needed first, since it is signed."""


def is_signed(body: bytes, signature: str | None, secret: str) -> bool:
    """Whether ``signature`` (``sha256=<hex>``; sha1, sha256, sha384 or sha512) is the HMAC of the body."""
    method, _, given = (signature or "").strip().partition("=")
    if method.lower() not in _HASHES or not given.isascii():
        return False
    right = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(right, given.strip().lower())


class PushServer:
    """Serves ``handle``, which is called from several threads. The socket is bound on creation (``port``); it answers
    within a ``with``.

    A connection has ``headers_s`` for the head of a request, and is closed after ``idle_s`` of silence and ``whole_s``
    in all. ``proves`` decides which requests have a token: 32 of these are served at once, and others can't keep anyone
    out (see ``core.net.connections``). A request that can't be proven is answered without waiting for its body.

    Raises OSError or OverflowError if the address can't be bound. Nothing is logged, since paths contain secret tokens.
    ``on_error`` gets the message of a WirewatchError raised by ``handle``; the sender gets 503.
    """

    def __init__(
        self,
        host: str,
        port: int,
        handle: Handle,
        *,
        proves: Proves = lambda _: None,
        on_error: Callable[[str], object] = str,
        connections: Connections | None = None,
        headers_s: float = HEADERS_S,
        idle_s: float = IDLE_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._handle, self._on_error, self._proves = handle, on_error, proves
        self._connections = connections or Connections()
        self._by_client: dict[tuple[str, int], Any] = {}
        self._thread = ServerThread(
            self._application,
            host,
            port,
            name="pushes",
            interface="asgi3",
            http=bounded_protocol(
                self._connections,
                headers_s=headers_s,
                idle_s=idle_s,
                whole_s=whole_s,
                by_client=self._by_client,
            ),
            # Longer than the limit here, which answers in plain words and with the right status.
            h11_max_incomplete_event_size=4 * _TARGET_CHARS,
        )
        self.port = self._thread.port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.close()

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import ClientDisconnect
        from starlette.requests import Request as HttpRequest
        from starlette.responses import PlainTextResponse

        request = HttpRequest(scope, receive)
        found = _read(request)
        try:
            if isinstance(found, Request):
                found = await self._answered(found, request)
        except ClientDisconnect:
            # A line in the log for each would be a stranger's way to fill it.
            return
        answer = PlainTextResponse(found.text, found.status, {"X-Content-Type-Options": "nosniff"})
        await answer(scope, receive, send)

    async def _answered(self, found: Request, request: HttpRequest) -> Response:
        from starlette.concurrency import run_in_threadpool

        client = request.scope["client"]
        connection = self._by_client.get(tuple(client)) if client else None
        if connection is not None:
            connection.waiting = True
        proves = await run_in_threadpool(self._asked, self._proves, found)
        if isinstance(proves, Response):
            return proves
        if proves and connection is not None and not self._connections.proved(connection):
            return BUSY
        if proves is False:
            # It is refused whatever its body is, so the body is not needed.
            return await run_in_threadpool(self._asked, self._handle, found)
        whole = Request(found.method, found.path, found.query, found.headers, await request.body())
        return await run_in_threadpool(self._asked, self._handle, whole)

    def _asked(self, ask: Callable[[Request], T], request: Request) -> T | Response:
        try:
            return ask(request)
        except WirewatchError as error:
            self._on_error(error.message)
            return BUSY


def _read(request: HttpRequest) -> Request | Response:
    """The request without its body, or why it is refused before the body is read. h11 enforces the body's length."""
    if request.method not in _METHODS:
        return Response(405, "method not allowed\n")
    target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
    if len(target) > _TARGET_CHARS:
        return Response(414, "the address is too long\n")
    if len(request.scope["headers"]) > _MAX_HEADERS:
        return Response(431, "too many headers\n")
    declared = request.headers.get("content-length", "0")
    if request.headers.get("transfer-encoding") or not (declared.isascii() and declared.isdigit()):
        return Response(411, "the length of the body is needed\n")
    if len(declared) > 9 or int(declared) > BODY_BYTES:
        return Response(413, f"more than {BODY_BYTES >> 20} MiB\n")
    try:
        split = urlsplit(target.decode("latin-1"))
        query: dict[str, str] = {}
        for name, value in parse_qsl(split.query, max_num_fields=_MAX_FIELDS):
            query.setdefault(name, value)
    except ValueError:
        return Response(400, "not a valid address\n")
    return Request(request.method, split.path, query, dict(request.headers))
