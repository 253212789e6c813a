"""No delivery into our own network: whoever may add a channel could otherwise reach what only this machine may.

The desk can't import the connectors' guard, and there is less to do here: one connection a message, no
redirects, no proxies. The address that was checked is the one connected to, so a name that changes its address in between
gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection, Iterable
from typing import Any

import httpcore

from core.errors import WirewatchError

Resolve = Callable[[str, int], list[str]]


class Refused(WirewatchError):
    """An address that no channel may lead to."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(
            f"{host} is not for channels: {why}", hint="an administrator may list it in delivery_allow_private"
        )


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def checked(host: str, port: int, allowed: Collection[str], look_up: Resolve = resolve) -> list[str]:
    """The addresses of ``host`` that may be connected to. Raises Refused where one is not public, OSError.

    ``allowed``: hosts, as ``host`` or ``host:port``, that may be private.
    """
    addresses = look_up(host, port)
    if host.lower() in allowed or f"{host.lower()}:{port}" in allowed:
        return addresses
    for address in addresses:
        if why := unfit(address):
            raise Refused(host, why)
    return addresses


def unfit(address: str) -> str:
    """Why an IP address is not a public one; empty where it is."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    if ip.is_loopback:
        return "a loopback address"
    if ip.is_link_local:
        return "a link-local address"
    return "" if ip.is_global and not ip.is_multicast else "a private address"


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to public addresses only, and to those that are allowed."""

    def __init__(self, allowed: Collection[str] = (), look_up: Resolve = resolve) -> None:
        self._allowed, self._look_up = frozenset(one.lower() for one in allowed), look_up
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to one of the host's addresses."""
        try:
            addresses = checked(host, port, self._allowed, self._look_up)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} can't be found") from error
        last: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                last = error
        raise last

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Never."""
        raise Refused(path, "a socket of this machine")
