"""Where a request comes from, and whether a reverse proxy that we trust says so. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from core.errors import UsageError
from core.net.addresses import Network, parsed

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def networks(text: str) -> tuple[Network, ...]:
    """Addresses or networks, separated by commas. Raises UsageError naming the one that is none."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise UsageError(f"desk_proxies: {part!r} is not an address", hint="as in 127.0.0.1, 10.0.0.0/8") from None
    return tuple(found)


def trusted(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether this peer is one of our proxies."""
    address = parsed(peer)
    return address is not None and any(address in network for network in proxies)


def client_address(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Who asks: the peer, or, where that is a proxy of ours, the last address in X-Forwarded-For that is not.

    ``forwarded``: the values of all headers of this name in their order. A proxy may add one of its own instead of a part to
    the client's, so that the first alone would be what the client wrote.
    """
    if not trusted(peer, proxies):
        return peer
    for part in reversed([part.strip() for part in ",".join(forwarded).split(",") if part.strip()]):
        if not trusted(part, proxies):
            # What a client wrote there itself may be anything.
            found = parsed(part)
            return str(found) if found is not None else peer
    return peer


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host in LOOPBACK:
        return True
    address = parsed(host)
    return address is not None and address.is_loopback


def host_of(header: str) -> str:
    """The host of a Host header, without its port, in lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0]
