"""Pushed articles: ``POST /articles`` with JSON Lines of raw articles, in the form that ``wirewatch run`` reads.

The sender sends a bearer token, or signs the body with it (``X-Signature: sha256=<hex HMAC>``). The answer is 202 after
the stream has acknowledged all articles; if a line is bad, none is accepted. Pushing again after an error can only
repeat articles.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from connectors.archives.items import raw_of_line
from connectors.feeds.items import web_address
from connectors.push.server import Request, Response, is_signed
from core.errors import InputError, StreamError
from core.records import RawArticle

PATH = "/articles"
MAX_ARTICLES = 500

Append = Callable[[Sequence[RawArticle]], None]


class ArticlePush:
    """``append`` puts articles on the stream and returns once they are acknowledged; it raises StreamError."""

    def __init__(self, token: str, append: Append, *, clock: Callable[[], datetime]) -> None:
        self._token, self._append, self._clock = token, append, clock

    def proves(self, request: Request) -> bool | None:
        """Whether a request has the token; None if it is signed, which can only be checked with its body."""
        if request.method != "POST":
            return False
        return self._has_token(request) or (None if request.headers.get("x-signature") else False)

    def handle(self, request: Request) -> Response:
        """Accept a push, or answer what is wrong with it."""
        if request.method != "POST":
            return Response(405, "method not allowed\n")
        if not self._is_allowed(request):
            return Response(401, "a bearer token or a signature is needed\n")
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            return Response(415, "send the body as it is, not compressed\n")
        lines = [line for line in request.body.splitlines() if line.strip()]
        if not lines or len(lines) > MAX_ARTICLES:
            return Response(400, f"from 1 to {MAX_ARTICLES} lines, not {len(lines)}\n")
        articles = []
        now = self._clock()
        for number, line in enumerate(lines, 1):
            try:
                article = raw_of_line(line, f"line {number}", now)
            except InputError as error:
                return Response(400, f"{error.message}\n")
            if not web_address(article.url):
                return Response(400, f"line {number}: not an http or https address\n")
            # We set its time: a sender must not choose the order.
            articles.append(replace(article, fetched_at=now))
        try:
            self._append(articles)
        except StreamError:
            return Response(503, "the stream cannot be reached; push again later\n")
        return Response(202, f"{len(articles)} taken\n")

    def _has_token(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token.encode())

    def _is_allowed(self, request: Request) -> bool:
        return self._has_token(request) or is_signed(request.body, request.headers.get("x-signature"), self._token)
