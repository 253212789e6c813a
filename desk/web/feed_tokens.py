"""Feeds that a feed reader can fetch: it can't sign in, so the address carries a token that opens this one feed alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import itemgetter
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Request

PARAMETER = "feed_token"
# An id of 100 characters has up to 1,200 once it is encoded.
_PATHS = re.compile(r"/(?:live|search)/export\.atom|/subscriptions/of/[^/]{1,1200}/alerts\.atom")


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
    return _bound(parts.path, parse_qsl(parts.query, keep_blank_values=True))


def asked_address(request: Request) -> str:
    """The same of a request, its path as it was sent, its parameters as those who answer it read them."""
    path = request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0]
    return _bound(path, request.query_params.multi_items())


def with_token(address: str, token: str) -> str:
    """The address that a feed reader takes."""
    return f"{address}{'&' if '?' in address else '?'}{PARAMETER}={token}"


def _bound(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    values = [(name, value) for name, value in parameters if name != PARAMETER]
    # Several of one name stay in their order, and empty ones too: which of them holds is for those who answer to say.
    return f"{path}?{urlencode(sorted(values, key=itemgetter(0)))}" if values else path
