"""The client address of a request, also from the header of a trusted reverse proxy. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from core.errors import UsageError
from core.net.addresses import Network, parsed

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def networks(text: str) -> tuple[Network, ...]:
    """Parses addresses or networks, separated by commas. Raises UsageError naming the invalid one."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise UsageError(f"desk_proxies: {part!r} is not an address", hint="as in 127.0.0.1, 10.0.0.0/8") from None
    return tuple(found)


def trusted(peer: str, proxies: Sequence[Network]) -> bool:
    """Whether this peer is one of the trusted proxies."""
    address = parsed(peer)
    return address is not None and any(address in network for network in proxies)


def client_address(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The client's address: the peer, or if that is a trusted proxy, the last address in X-Forwarded-For that is not.

    ``forwarded``: the values of all headers with this name, in order. A proxy may add its own header instead of extending the
    client's, so the first header alone could be one that the client wrote.
    """
    if not trusted(peer, proxies):
        return peer
    for part in reversed([part.strip() for part in ",".join(forwarded).split(",") if part.strip()]):
        if not trusted(part, proxies):
            # The client may have written anything here.
            found = parsed(part)
            return str(found) if found is not None else peer
    return peer


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a server that listens on this host."""
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
