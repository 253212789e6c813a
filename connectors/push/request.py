"""A request and its answer, as values; and the check of signatures. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

_METHODS = frozenset({"sha1", "sha256", "sha384", "sha512"})


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
    if method.lower() not in _METHODS or not given.isascii():
        return False
    right = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(right, given.strip().lower())
