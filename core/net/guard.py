"""Which addresses may be connected to, and a network backend that holds every connection to it.

A feed's links, and redirects, are the publisher's text: without a guard they could make us ask the inside of our own
network. The name is resolved once, each address is checked, and the connection goes to a checked address, so a name
that resolves differently a moment later (DNS rebinding) gains nothing. The certificate is still checked against the
name.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextvars import ContextVar
from typing import Any

import httpcore

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a host for a port, in the order to try. Raises OSError."""

_DOTTED = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
# Names kept for private networks: RFC 6761, RFC 6762, ICANN's "internal", and what routers and offices use.
_INSIDE = frozenset({"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "localdomain"})
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.ip_network("::/96")
_RELAY_6TO4 = ipaddress.ip_network("192.88.99.0/24")

deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""The monotonic time at which the request of this thread has to be over."""


class AddressRefused(httpcore.ConnectError):
    """The host has no address that may be connected to."""


class NameNotResolved(httpcore.ConnectError):
    """The host's name could not be resolved."""


def refusal(address: str) -> str | None:
    """Why ``address`` (of IPv4 or IPv6) may not be connected to, in a word or two; None if it may.

    An IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64, compatible) counts as itself.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_loopback or ip.is_unspecified:
            return "loopback" if ip.is_loopback else "unspecified"
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and (ip in _COMPATIBLE or any(ip in net for net in _NAT64)):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return refusal(str(inner))
        if ip.is_site_local:
            return "private"
    elif ip in _RELAY_6TO4:
        return "reserved"
    for name, hit in (
        ("loopback", ip.is_loopback),
        ("link-local", ip.is_link_local),
        ("multicast", ip.is_multicast),
        ("unspecified", ip.is_unspecified),
        ("private", ip.is_private),
        ("reserved", ip.is_reserved or not ip.is_global),
    ):
        if hit:
            return name
    return None


def is_listed(host: str, port: int, allow_private: Collection[str]) -> bool:
    """Whether ``allow_private`` names the host, as in the URL: ``host`` or ``host:port``; IPv6 as ``[::1]:80``."""
    name = host.lower().rstrip(".").strip("[]")
    forms = {name, f"{name}:{port}", f"[{name}]", f"[{name}]:{port}"}
    return any(entry.strip().lower() in forms for entry in allow_private)


def is_inside(host: str) -> bool:
    """Whether a name can only be one of a private network, or a number that is no address as it is written."""
    name = host.lower().rstrip(".")
    if ":" in name or _DOTTED.fullmatch(name):
        return False
    last = name.rpartition(".")[2]
    return "." not in name or last in _INSIDE or last.isdigit() or last.startswith("0x") or name.endswith(".home.arpa")


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.NetworkBackend):
    """Connects over TCP to checked addresses only, and ends every wait at ``deadline``."""

    def __init__(
        self,
        allow_private: Collection[str] = (),
        *,
        resolve: Resolve = resolve_host,
        monotonic: Callable[[], float] = time.monotonic,
        sockets: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._allow_private = frozenset(allow_private)
        self._proxies: frozenset[str] = frozenset()
        self._resolve = resolve
        self._monotonic = monotonic
        self._sockets = sockets or httpcore.SyncBackend()

    def allow(self, host: str, port: int) -> None:
        """Let this one be connected to wherever it is: a proxy that was configured. It is none that may be fetched."""
        self._proxies |= {f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"}

    def check(self, host: str, port: int) -> None:
        """Refuse a host that somebody else is to connect to for us. Raises AddressRefused, httpcore.TimeoutException.

        Behind a proxy there is often no resolver: a name that can't be resolved here passes if it could be one of the
        public net, and then the proxy's own rules have to keep it from private addresses.
        """
        if is_listed(host, port, self._allow_private):
            return
        if is_inside(host):
            raise AddressRefused("private")
        try:
            addresses = self._addresses(host, port, None)
        except NameNotResolved:
            return
        reasons = {reason for address in addresses if (reason := refusal(address))}
        if reasons:
            raise AddressRefused(", ".join(sorted(reasons)))

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check, connect. Raises NameNotResolved, AddressRefused, httpcore's errors."""
        addresses = self._addresses(host, port, timeout)
        if not is_listed(host, port, self._allow_private | self._proxies):
            reasons = {address: refusal(address) for address in addresses}
            addresses = [address for address in addresses if reasons[address] is None]
            if not addresses:
                raise AddressRefused(", ".join(sorted({reason for reason in reasons.values() if reason})))
        error: Exception | None = None
        for place, address in enumerate(addresses):
            # A dead address must leave time for the others.
            left = _left(timeout, self._monotonic, httpcore.ConnectTimeout)
            share = None if left is None else left / (len(addresses) - place)
            try:
                stream = self._sockets.connect_tcp(address, port, share, local_address, socket_options)
                return _TimedStream(stream, self._monotonic)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error or NameNotResolved(host)

    def _addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        left = _left(timeout, self._monotonic, httpcore.ConnectTimeout)
        answer: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._resolve(host, port))
            except (OSError, UnicodeError) as failed:
                answer.put(failed)

        # getaddrinfo knows no time-out; a thread that hangs in it must not hold the poll up.
        threading.Thread(target=ask, daemon=True, name=f"resolve {host}").start()
        try:
            found = answer.get(timeout=left)
        except queue.Empty:
            raise httpcore.ConnectTimeout("resolving") from None
        if isinstance(found, Exception) or not found:
            raise NameNotResolved(host)
        return found


class _TimedStream(httpcore.NetworkStream):
    """A connection on which no read or write outlasts the deadline, so a server that trickles bytes gains nothing."""

    def __init__(self, stream: httpcore.NetworkStream, monotonic: Callable[[], float]) -> None:
        self._stream, self._monotonic = stream, monotonic

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, self._monotonic, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, self._monotonic, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, self._monotonic, httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._monotonic)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, monotonic: Callable[[], float], late: type[httpcore.TimeoutException]) -> float | None:
    """Return the shorter of ``timeout`` and the time to the deadline, in seconds. Raises ``late`` if none is left."""
    end = deadline.get()
    if end is None:
        return timeout
    left = end - monotonic()
    if left <= 0:
        raise late("deadline")
    return left if timeout is None else min(timeout, left)
