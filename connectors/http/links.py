"""Small questions about addresses. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_LINK = re.compile(r"<([^<>\s]{1,2000})>((?:\s*;[^,<]{0,200})*)")


def host_of(url: str) -> str:
    """Host and port of ``url``, lower case; the URL itself if it has none."""
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


def header_link(value: str | None, rel: str) -> str | None:
    """The first http or https address in a Link header with this relation."""
    for address, parameters in _LINK.findall((value or "")[:8_000]):
        rels = re.search(r"rel\s*=\s*\"?([^\";]*)", parameters, re.IGNORECASE)
        if rels and rel in rels[1].lower().split() and address.startswith(("https://", "http://")):
            return str(address)
    return None
