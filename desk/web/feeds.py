"""Feeds that a feed reader can fetch: it can't sign in, so the address carries a token that opens this one feed alone."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request

PARAMETER = "feed_token"
_PATHS = re.compile(r"/(?:live|search)/export\.atom|/subscriptions/of/[^/]{1,600}/alerts\.atom")


def is_feed(path: str) -> bool:
    """Whether it is the path of an Atom feed of this desk."""
    return _PATHS.fullmatch(path) is not None


def feed_address(address: str) -> str | None:
    """Path and query of a feed in the form that tokens are bound to; None where it is no feed of this desk."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or not is_feed(parts.path):
        return None
    return _bound(parts.path, parts.query)


def asked_address(request: Request) -> str:
    """The same of a request, its path as it was sent."""
    path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
    return _bound(path, request.url.query)


def with_token(address: str, token: str) -> str:
    """The address that a feed reader takes."""
    return f"{address}{'&' if '?' in address else '?'}{PARAMETER}={token}"


def _bound(path: str, query: str) -> str:
    values = [(name, value) for name, value in parse_qsl(query) if name != PARAMETER]
    return f"{path}?{urlencode(sorted(values))}" if values else path
