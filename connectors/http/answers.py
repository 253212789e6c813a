"""The result of a request: a response, or a failure in plain words. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from core.errors import FailureKind, FeedError

PRIVATE_HINT = "to fetch from your own host, add it to the setting allow_private"
_LINK = re.compile(r"<([^<>\s]{1,2000})>((?:\s*;[^,<]{0,200})*)")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request. ``url`` is the last requested address, without credentials."""

    url: str
    problem: str
    kind: FailureKind
    status: int | None = None
    retry_after_s: float | None = None

    def error(self) -> FeedError:
        """The failure as an exception, for callers that raise."""
        hint = PRIVATE_HINT if self.kind is FailureKind.REFUSED else None
        return FeedError(self.url, self.problem, kind=self.kind, retry_after_s=self.retry_after_s, hint=hint)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response: 200 to 299, or 304 with an empty body (``not_modified``).

    ``url`` is the final address, ``moved_to`` the one to request from now on (after 301 or 308), both without
    credentials. ``body`` is decompressed. ``link`` is the Link header.
    """

    url: str
    status: int
    body: bytes = b""
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    moved_to: str | None = None
    link: str | None = None

    @property
    def not_modified(self) -> bool:
        """Whether the server reports no change since the given ETag or date."""
        return self.status == HTTPStatus.NOT_MODIFIED


def without_credentials(url: str) -> str:
    """``url`` without user name and password, for messages and records."""
    try:
        split = urlsplit(url)
    except ValueError:
        return url
    _, at, host = split.netloc.rpartition("@")
    return urlunsplit(split._replace(netloc=host)) if at else url


def header_link(value: str | None, rel: str) -> str | None:
    """The first http or https address in a Link header with this relation."""
    for address, parameters in _LINK.findall((value or "")[:8_000]):
        rels = re.search(r"rel\s*=\s*\"?([^\";]*)", parameters, re.IGNORECASE)
        if rels and rel in rels[1].lower().split() and address.startswith(("https://", "http://")):
            return str(address)
    return None
