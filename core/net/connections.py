"""Which connections of a server stay: those that have proved something, before those that have shown nothing yet.

A connection is *unproven* until it has sent what the server asks of it: the push server a token, the desk the head of a
request. A new one is never turned away for the sake of such: if there are too many, the oldest of the peer that has most of
them goes. So idle connections, however many they are and however often they are renewed, keep no one out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from core.net.addresses import place_of

MAX_PROVEN = 32
MAX_UNPROVEN = 128
MAX_UNPROVEN_PER_PEER = 16
HEAD_BYTES = 1 << 16
"""The longest head of a request, unless the server says otherwise."""


class Connection(Protocol):
    """What is known of one connection.

    ``peer``: the place that it comes from (``place_of``). ``waiting``: its headers have come, and its body must before it can
    prove itself.
    """

    peer: str
    waiting: bool
    transport: asyncio.Transport


class Connections:
    """The open connections of one server. For one event loop."""

    def __init__(
        self, proven: int = MAX_PROVEN, unproven: int = MAX_UNPROVEN, per_peer: int = MAX_UNPROVEN_PER_PEER
    ) -> None:
        self._most_proven, self._most_unproven, self._most_per_peer = proven, unproven, per_peer
        # In the order in which they came.
        self._unproven: dict[Connection, None] = {}
        self._proven: set[Connection] = set()

    def opened(self, one: Connection) -> None:
        """Count a connection that has shown nothing; another may have to go for it."""
        self._proven.discard(one)
        self._unproven.pop(one, None)
        self._unproven[one] = None
        peers = Counter(other.peer for other in self._unproven)
        if peers[one.peer] > self._most_per_peer:
            self._end_oldest(one.peer)
        elif len(self._unproven) > self._most_unproven:
            self._end_oldest(max(peers, key=lambda peer: peers[peer]))

    def proved(self, one: Connection) -> bool:
        """Count a connection that has shown a token; False if enough are being served."""
        if one in self._proven:
            return True
        if len(self._proven) >= self._most_proven:
            return False
        self._unproven.pop(one, None)
        self._proven.add(one)
        return True

    def closed(self, one: Connection) -> None:
        """Forget a connection."""
        self._unproven.pop(one, None)
        self._proven.discard(one)

    def _end_oldest(self, peer: str) -> None:
        theirs = [one for one in self._unproven if one.peer == peer]
        # One that has sent its headers may be signed; it goes last.
        gone = next(self._silent(theirs), theirs[0])
        self.closed(gone)
        gone.transport.abort()

    @staticmethod
    def _silent(several: list[Connection]) -> Iterator[Connection]:
        # The newest is the one that room is made for.
        yield from (one for one in several[:-1] if not one.waiting)


def bounded_protocol(
    connections: Connections,
    *,
    headers_s: float,
    idle_s: float,
    whole_s: float | None = None,
    by_client: dict[tuple[str, int], Any] | None = None,
    a_request_proves: bool = False,
) -> type[asyncio.Protocol]:
    """Uvicorn's HTTP, with what a proxy in front may leave out: limits on silence, on time, and on connections.

    ``headers_s``: for the head of a request. ``idle_s``: of silence while a request comes. ``whole_s``: for a connection in
    all; None: no limit. ``by_client`` is kept up with the open connections. ``a_request_proves``: whether a request that has
    come with all of its body is enough to be proven (one that is never whole costs its sender nothing); else whoever handles
    requests says so.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Unambiguous(h11.Connection):
        """Refuses a request whose body has two lengths: a proxy in front may have read another request by the other one."""

        def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
            event = super().next_event()
            if isinstance(event, h11.Request):
                names = {name for name, _ in event.headers}
                if b"transfer-encoding" in names and (b"content-length" in names or event.http_version < b"1.1"):
                    raise h11.RemoteProtocolError("both a length and a transfer coding", error_status_hint=400)
            return event

    class Bounded(H11Protocol):
        peer = ""
        waiting = False

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.conn = Unambiguous(h11.SERVER, self.config.h11_max_incomplete_event_size or HEAD_BYTES)

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.peer = place_of(self.client[0]) if self.client else ""
            if self.client and by_client is not None:
                by_client[self.client] = self
            # The whole connection is bounded, not only each wait: a sender that trickles bytes gains nothing.
            self._timers = {
                "idle": self.loop.call_later(idle_s, self._silent),
                "headers": self.loop.call_later(headers_s, self._headless),
            }
            if whole_s is not None:
                self._timers["whole"] = self.loop.call_later(whole_s, transport.abort)
            connections.opened(self)

        def data_received(self, data: bytes) -> None:
            self._again("idle", idle_s, self._silent)
            super().data_received(data)
            if a_request_proves and self._whole() and not connections.proved(self):
                self.transport.abort()

        def on_response_complete(self) -> None:
            # As a new connection: the next request has to prove itself too.
            self.waiting = False
            if not self.transport.is_closing():
                self._again("headers", headers_s, self._headless)
                connections.opened(self)
            super().on_response_complete()

        def _again(self, name: str, after_s: float, call: Callable[[], None]) -> None:
            self._timers[name].cancel()
            self._timers[name] = self.loop.call_later(after_s, call)

        def _headless(self) -> None:
            if not self._under_way():
                self.transport.abort()

        def _silent(self) -> None:
            if self._whole():
                # What it waits for is us.
                return
            self.transport.abort()

        def _whole(self) -> bool:
            """Whether all of a request has come that is not answered yet."""
            cycle: Any = self.cycle
            return self._under_way() and not cycle.more_body

        def _under_way(self) -> bool:
            """Whether the head of a request has come that is not answered yet."""
            cycle: Any = self.cycle
            return cycle is not None and not cycle.response_complete

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in self._timers.values():
                timer.cancel()
            connections.closed(self)
            if self.client and by_client is not None:
                by_client.pop(self.client, None)
            super().connection_lost(exc)

    return Bounded
