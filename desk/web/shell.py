"""Rules for every answer, also streams: security headers, accepted hosts, the largest body. Plain ASGI."""

from __future__ import annotations

import sys
from collections.abc import Callable

from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desk.people.addresses import LOOPBACK, host_of

LARGEST_BODY = 8 << 20
STRANGERS_BODY = 64 << 10
"""Bytes of a body from an unknown sender: forms are held in memory until complete, and only then is the caller checked."""
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Scripts, styles and images may come only from this desk's own files, whatever an article contains."""

_CHARSETS = frozenset({b"", b"utf-8", b"utf8", b"us-ascii"})
"""Accepted charsets of bodies. Multipart forms may name any of Python's codecs, and punycode takes a second for 200,000 letters
and four for twice as many."""
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # A publisher must not learn who reads it, and from which page.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Shell:
    """The ASGI shell. ``hosts``: accepted hosts, so that DNS rebinding fails; None: any. ``secure``: only https.

    ``known`` says whether the sender of a request is known; it may read the store.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: frozenset[str] | None, secure: bool, known: Callable[[Request], bool]
    ) -> None:
        self._app, self._hosts, self._secure, self._known = app, hosts, secure, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cookies: list[str] = []
        scope.setdefault("state", {})["cookies"] = cookies
        headers = Headers(scope=scope)
        known = False
        got = 0

        async def counted() -> Message:
            nonlocal got, known
            message = await receive()
            got += len(message.get("body", b""))
            if got > STRANGERS_BODY and not known:
                known = await run_in_threadpool(self._known, Request(scope))
            limit = LARGEST_BODY if known else STRANGERS_BODY
            if got > limit:
                # The application answers, as it does for other exceptions of a route.
                raise HTTPException(413, _too_large(limit))
            return message

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._set_headers(scope, MutableHeaders(scope=message), cookies)
            await send(message)

        refusal = None
        if self._hosts is not None and host_of(headers.get("host", "")) not in self._hosts:
            refusal = PlainTextResponse("this desk has another name\n", 421)
        elif _length(headers.get("content-length")) > LARGEST_BODY:
            refusal = PlainTextResponse(f"{_too_large(LARGEST_BODY)}\n", 413)
        elif _charset(headers.get("content-type")) not in _CHARSETS:
            refusal = PlainTextResponse("send it as UTF-8\n", 415)
        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        await self._app(scope, counted, with_headers)

    def _set_headers(self, scope: Scope, headers: MutableHeaders, cookies: list[str]) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        if self._secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if scope["path"].startswith("/static/"):
            kept = b"v=" in scope.get("query_string", b"")
            headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        elif "cache-control" not in headers:
            headers["Cache-Control"] = "no-store"
        for cookie in cookies:
            headers.append("Set-Cookie", cookie)


def _too_large(limit: int) -> str:
    return f"more than {limit >> 10} KiB" if limit < 1 << 20 else f"more than {limit >> 20} MiB"


def hosts_of(public_url: str, *, demo: bool) -> frozenset[str] | None:
    """The accepted hosts: the public address, if any, and this machine; in the demo, without sign-in, only this machine."""
    if public_url:
        return frozenset({host_of(public_url.partition("://")[2].partition("/")[0]), *LOOPBACK})
    return frozenset(LOOPBACK) if demo else None


def _charset(content_type: str | None) -> bytes:
    """The charset in a body's content type, parsed as the form parser does; empty if there is none."""
    if content_type is None or "charset" not in content_type.lower():
        return b""
    _, parameters = parse_options_header(content_type)
    return parameters.get(b"charset", b"").strip().lower()


def _length(text: str | None) -> int:
    """The length in the header; 0 if it is not a number (the body is counted anyway), and too large for too many digits."""
    if not (text and text.isascii() and text.isdigit()):
        return 0
    return int(text) if len(text) < 20 else sys.maxsize
