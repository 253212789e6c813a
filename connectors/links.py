"""Small questions about addresses. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def host_of(url: str) -> str:
    """Host and port of ``url``, lower case; the URL itself where it has none."""
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return url
    return f"{split.hostname}:{port}" if port else (split.hostname or url)


def without_credentials(url: str) -> str:
    """``url`` without user name and password, for messages and records."""
    try:
        split = urlsplit(url)
    except ValueError:
        return url
    _, at, host = split.netloc.rpartition("@")
    return urlunsplit(split._replace(netloc=host)) if at else url
