"""Which addresses may be connected to, for feeds and for channels, and two ways to connect that enforce it.

Publishers control a feed's links and redirects, and owners a channel's address: without a guard, either could make
Wirewatch send requests inside its own network. A name is resolved once, within a time limit. Each address is checked,
and the connection goes to a checked address, so it does not help if the name resolves differently a moment later (DNS
rebinding). Certificates are still checked against the name. If a name has public and private addresses, only the public
ones are used.

- ``GuardedBackend`` for httpcore and httpx (feeds, webhooks);
- ``guarded_lookups`` for libraries that resolve names themselves (smtplib, Apprise).
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpcore

from core.net.addresses import NOT_AN_ADDRESS, refusal

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host for a port, in the order to try. Raises OSError."""

# Names reserved for private networks: RFC 6761, RFC 6762, ICANN's "internal", and those used by routers and offices.
_INSIDE = frozenset({"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "localdomain"})

deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""The monotonic time by which this thread's request must be over."""

_lookups: ContextVar[Lookups | None] = ContextVar("lookups", default=None)


class AddressRefused(httpcore.ConnectError):
    """The host has no address that may be connected to. The message is the reason: ``loopback``, ``private`` …"""


class NameNotResolved(httpcore.ConnectError):
    """The host's name could not be resolved; the message is the name."""


def is_listed(host: str, port: int, allow_private: Collection[str]) -> bool:
    """Whether ``allow_private`` lists the host as it is in the URL: ``host`` or ``host:port``; IPv6 as ``[::1]:80``."""
    name = host.lower().rstrip(".").strip("[]")
    forms = {name, f"{name}:{port}", f"[{name}]", f"[{name}]:{port}"}
    return any(entry.strip().lower() in forms for entry in allow_private)


def is_inside(host: str) -> bool:
    """Whether a name can only belong to a private network, or is a number that is not a well-formed address.

    Programs read such numbers differently: to a proxy, ``010.0.0.1`` and ``127.0.0.1.`` may be other addresses than to us.
    """
    if refusal(host.strip("[]")) != NOT_AN_ADDRESS:
        return False
    name = host.lower().rstrip(".")
    last = name.rpartition(".")[2]
    inside = last in _INSIDE or f".{name}".endswith(".home.arpa")
    return "." not in name or ":" in name or inside or last.isdigit() or last.startswith("0x")


def certain_refusal(host: str, port: int, allow_private: Collection[str] = ()) -> str | None:
    """Why ``host`` will never be connected to, decided without a resolver, in a word or two; None if it may be."""
    if is_listed(host, port, allow_private):
        return None
    reason = refusal(host.strip("[]"))
    if reason == NOT_AN_ADDRESS:
        return "private" if is_inside(host) else None
    return reason


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Resolve a host with the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def look_up(host: str, port: int, timeout_s: float | None, resolve: Resolve = resolve_host) -> Sequence[str]:
    """Return the addresses of ``host``, at least one. Raises NameNotResolved, httpcore.ConnectTimeout."""
    answer: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolve(host, port))
        except (OSError, UnicodeError) as failed:
            answer.put(failed)

    # getaddrinfo has no time limit; a thread that hangs in it must not block the caller.
    threading.Thread(target=ask, daemon=True, name=f"resolve {host}").start()
    try:
        found = answer.get(timeout=timeout_s)
    except queue.Empty:
        raise httpcore.ConnectTimeout("resolving") from None
    if isinstance(found, Exception) or not found:
        raise NameNotResolved(host)
    return found


def checked(
    host: str,
    port: int,
    allow_private: Collection[str] = (),
    *,
    timeout_s: float | None = None,
    resolve: Resolve = resolve_host,
) -> Sequence[str]:
    """Return the addresses of ``host`` that may be connected to, at least one; all of them if the host is listed.

    Raises AddressRefused, NameNotResolved, httpcore.ConnectTimeout.
    """
    addresses = look_up(host, port, timeout_s, resolve)
    return addresses if is_listed(host, port, allow_private) else _public(addresses)


class Lookups:
    """The names that one block of ``guarded_lookups`` resolves: each once, for all its connections."""

    def __init__(self, allow_private: Collection[str], timeout_s: float, resolve: Resolve) -> None:
        self._allow_private, self._timeout_s, self._resolve = frozenset(allow_private), timeout_s, resolve
        self._proxies = frozenset(_environment_proxies())
        self._found: dict[tuple[str, int], Sequence[str]] = {}
        self.failed: dict[str, AddressRefused | NameNotResolved] = {}
        """The hosts without an address that may be connected to, in the order of the look-ups."""

    def pin(self, host: str, port: int) -> None:
        """Resolve and check ``host`` now. Raises AddressRefused, NameNotResolved, httpcore.ConnectTimeout."""
        self._find(host, port, self._allow_private)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of ``host`` that may be connected to. Raises what ``pin`` raises."""
        return self._found.get(_key(host, port)) or self._find(host, port, self._allow_private | self._proxies)

    def _find(self, host: str, port: int, listed: Collection[str]) -> Sequence[str]:
        host = host.strip("[]")
        try:
            found = checked(host, port, listed, timeout_s=self._timeout_s, resolve=self._resolve)
        except (AddressRefused, NameNotResolved) as error:
            self.failed.setdefault(host, error)
            raise
        return self._found.setdefault(_key(host, port), found)


def _key(host: str, port: int) -> tuple[str, int]:
    return host.lower().rstrip(".").strip("[]"), port


@contextmanager
def guarded_lookups(
    allow_private: Collection[str] = (), *, timeout_s: float, resolve: Resolve = resolve_host
) -> Iterator[Lookups]:
    """Within the block, ``socket.getaddrinfo`` returns only checked addresses to this thread, always the same ones for a name.

    For libraries that open their connections themselves. In them, a refused name raises ``socket.gaierror`` as if it
    did not exist. Proxies from the environment may be private; behind one, the proxy resolves the names. Threads that
    the library starts are not covered.
    """
    socket.getaddrinfo = _getaddrinfo
    lookups = Lookups(allow_private, timeout_s, resolve)
    token = _lookups.set(lookups)
    try:
        yield lookups
    finally:
        _lookups.reset(token)


# The function as of the import of this module: later it could be a replacement that calls ours.
_system_getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo


def _getaddrinfo(
    host: Any,
    port: Any,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the name is socket.getaddrinfo's
    proto: int = 0,
    flags: int = 0,
) -> list[Any]:
    lookups = _lookups.get()
    if lookups is None:
        return _system_getaddrinfo(host, port, family, type, proto, flags)
    name = host.decode("ascii") if isinstance(host, bytes) else str(host or "localhost")
    number = int(port) if str(port or 0).isdigit() else socket.getservbyname(str(port))
    try:
        addresses = lookups.addresses(name, number)
    except AddressRefused as error:
        raise socket.gaierror(socket.EAI_NONAME, f"refused: a {error} address") from error
    except (NameNotResolved, httpcore.TimeoutException) as error:
        raise socket.gaierror(socket.EAI_NONAME, "could not resolve host") from error
    found = []
    for address in addresses:
        try:
            found += _system_getaddrinfo(address, number, family, type, proto, flags | socket.AI_NUMERICHOST)
        except socket.gaierror:
            # An address of another family than the requested one.
            continue
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no address of this family")
    return found


def _environment_proxies() -> Iterator[str]:
    for address in getproxies().values():
        try:
            split = urlsplit(address if "://" in address else f"http://{address}")
            port = split.port or 80
        except ValueError:
            continue
        if split.hostname:
            yield f"[{split.hostname}]:{port}" if ":" in split.hostname else f"{split.hostname}:{port}"


def _public(addresses: Sequence[str]) -> Sequence[str]:
    """The addresses that may be connected to. Raises AddressRefused if there are none."""
    reasons = {address: refusal(address) for address in addresses}
    public = [address for address in addresses if reasons[address] is None]
    if not public:
        raise AddressRefused(", ".join(sorted({reason for reason in reasons.values() if reason})))
    return public


class GuardedBackend(httpcore.NetworkBackend):
    """Connects over TCP to checked addresses only, with ``deadline`` as the limit of every wait."""

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
        """Allow connections to this host at any address: for a proxy from the settings. It still can't be fetched itself."""
        self._proxies |= {f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"}

    def check(self, host: str, port: int) -> None:
        """Check a host that a proxy will connect to for us. Raises AddressRefused, httpcore.TimeoutException.

        Behind a proxy there is often no resolver: a name that can't be resolved here passes if it could be a public
        one. Then the proxy's own rules must keep it from private addresses.
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
        """Resolve, check, connect. Raises NameNotResolved, AddressRefused, httpcore.ConnectTimeout, httpcore.ConnectError."""
        addresses = self._addresses(host, port, timeout)
        if not is_listed(host, port, self._allow_private | self._proxies):
            addresses = _public(addresses)
        error: Exception | None = None
        for place, address in enumerate(addresses):
            # A dead address must leave time to try the others.
            left = _left(timeout, self._monotonic, httpcore.ConnectTimeout)
            share = None if left is None else left / (len(addresses) - place)
            try:
                stream = self._sockets.connect_tcp(address, port, share, local_address, socket_options)
                return _TimedStream(stream, self._monotonic)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error or NameNotResolved(host)

    def _addresses(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        return look_up(host, port, _left(timeout, self._monotonic, httpcore.ConnectTimeout), self._resolve)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose reads and writes end at the deadline, even if the server trickles bytes."""

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
    """The shorter of ``timeout`` and the time to the deadline, in seconds. Raises ``late`` if no time is left."""
    end = deadline.get()
    if end is None:
        return timeout
    left = end - monotonic()
    if left <= 0:
        raise late("deadline")
    return left if timeout is None else min(timeout, left)
