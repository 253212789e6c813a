"""Channel addresses without what nobody may read: in lists, logs and error messages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from desk.delivery.store.channels import Channel

HIDDEN = "***"
SHORTEST = 4
"""A shorter part of an address is no secret, and would hide innocent words."""

_URL = re.compile(r"\b([a-z][a-z0-9+.-]{0,40})://\S+", re.IGNORECASE)
_KEY = re.compile(
    r"(?i)\b(token|secret|password|passwd|api[_-]?key|authorization|bearer)([\"']?\s*[:=]\s*|\s+)[^\s,;\"']{4,}"
)


def shown_address(channel: Channel) -> str:
    """Where a channel leads, as its owner may recognise it: of a webhook the host, of mail the addresses, else the service."""
    url = str(channel.config.get("url", ""))
    scheme, _, rest = url.partition(":")
    if scheme == "mailto" and not rest.startswith("//"):
        return url.partition("?")[0]
    if scheme in ("smtp", "smtps"):
        to = dict(parse_qsl(urlsplit(url).query)).get("to", "")
        return f"{scheme}://{_host(url)} to {to}"
    if scheme in ("http", "https"):
        return f"{scheme}://{_host(url)}/…"
    return f"{scheme}://…" if scheme else ""


def redacted(text: str, channel: Channel | None = None) -> str:
    """``text`` in one line, without the secrets of ``channel``, and without what looks like anybody's."""
    for secret in sorted(secrets_of(channel), key=len, reverse=True) if channel is not None else ():
        text = text.replace(secret, HIDDEN)
    text = _URL.sub(lambda found: f"{found[1]}://{HIDDEN}", text)
    text = _KEY.sub(lambda found: f"{found[1]}{found[2]}{HIDDEN}", text)
    return " ".join(text.split())[:500]


def secrets_of(channel: Channel) -> set[str]:
    """All stretches of a channel's configuration that must not be shown, as written and unquoted."""
    found = set()
    for value in _strings(channel.config):
        parts = {value, *_parts(value)}
        found |= parts | {unquote(part) for part in parts}
    public = set(_public(channel))
    return {part for part in found if len(part) >= SHORTEST and part not in public}


def _public(channel: Channel) -> Iterator[str]:
    url = str(channel.config.get("url", ""))
    scheme = url.partition(":")[0]
    yield scheme
    if scheme in ("http", "https", "smtp", "smtps", "mailto"):
        yield _host(url)
    if scheme == "mailto":
        yield from re.split(r"[:,?]", url)


def _parts(url: str) -> Iterator[str]:
    """User, password, path and query of an address, piece by piece; the host too: many services put a token there."""
    try:
        split = urlsplit(url)
    except ValueError:
        return
    yield from re.split(r"[@:/]", split.netloc)
    yield from split.path.split("/")
    yield split.path
    yield split.query
    yield from (value for _, value in parse_qsl(split.query))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(value.values())
    elif isinstance(value, Iterable):
        for one in value:
            yield from _strings(one)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
