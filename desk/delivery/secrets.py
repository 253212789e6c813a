"""Removes secrets from channel addresses in lists, logs and error messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from core.errors import UsageError
from desk.delivery.channels.base import ChannelKind
from desk.delivery.channels.kinds import kind_named
from desk.delivery.store.channels import Channel

HIDDEN = "***"
SHORTEST = 4
"""Shorter parts of an address are not secrets, and hiding them would hide ordinary words."""

_URL = re.compile(r"\b([a-z][a-z0-9+.-]{0,40})://\S+", re.IGNORECASE)
_KEY = re.compile(
    r"(?i)\b(token|secret|password|passwd|api[_-]?key|authorization|bearer)([\"']?\s*[:=]\s*|\s+)[^\s,;\"']{4,}"
)


def shown_address(channel: Channel) -> str:
    """The channel's destination, recognisable to its owner, as its kind shows it."""
    return _kind(channel).shown(channel.config)


def redacted(text: str, channel: Channel | None = None) -> str:
    """``text`` on one line, without the secrets of ``channel`` and without anything that looks like a secret."""
    for secret in sorted(secrets_of(channel), key=len, reverse=True) if channel is not None else ():
        text = text.replace(secret, HIDDEN)
    text = _URL.sub(lambda found: f"{found[1]}://{HIDDEN}", text)
    text = _KEY.sub(lambda found: f"{found[1]}{found[2]}{HIDDEN}", text)
    return " ".join(text.split())[:500]


def secrets_of(channel: Channel) -> set[str]:
    """All parts of a channel's configuration that must not be shown, both as written and unquoted."""
    found = set()
    for value in _strings(channel.config):
        parts = {value, *_parts(value)}
        found |= parts | {unquote(part) for part in parts}
    public = set(_kind(channel).public(channel.config))
    return {part for part in found if len(part) >= SHORTEST and part not in public}


def _kind(channel: Channel) -> ChannelKind:
    try:
        return kind_named(channel.kind)
    except UsageError:
        # The kind was uninstalled, so only the scheme may be shown.
        return ChannelKind()


def _parts(url: str) -> Iterator[str]:
    """User, password, path and query of an address, piece by piece; also the host, where many services put a token."""
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
