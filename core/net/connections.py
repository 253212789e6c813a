"""Which connections a server keeps: proven ones before those that have not proved anything yet.

A connection is *unproven* until it has sent what the server requires: a token to the push server, a complete request to
all others, where it is unproven again while it does not read the answer. Unproven connections never make the server
refuse a new one: if there are too many, it closes the oldest one of the peer that has the most. So idle connections can't
keep anyone out, however many there are and however often they are renewed.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from core.net.addresses import place_of

MAX_PROVEN = 32
MAX_UNPROVEN = 128
MAX_UNPROVEN_PER_PEER = 16
READ_BYTES = 1 << 16
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
        # In order of arrival.
        self._unproven: dict[Connection, None] = {}
        self._proven: set[Connection] = set()

    def opened(self, one: Connection) -> None:
        """Count a new, unproven connection; another may be closed for it."""
        self._proven.discard(one)
        self._unproven.pop(one, None)
        self._unproven[one] = None
        peers = Counter(other.peer for other in self._unproven)
        if peers[one.peer] > self._most_per_peer:
            self._end_oldest(one.peer)
        elif len(self._unproven) > self._most_unproven:
            self._end_oldest(max(peers, key=lambda peer: peers[peer]))

    def proved(self, one: Connection) -> bool:
        """Count a connection as proven; False if enough of them are being served."""
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
        # One that has sent its headers may be signed; it is closed last.
        gone = next(self._silent(theirs), theirs[0])
        self.closed(gone)
        gone.transport.abort()

    @staticmethod
    def _silent(several: list[Connection]) -> Iterator[Connection]:
        # Not the newest: it is the one to make room for.
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
    """Uvicorn's HTTP protocol with limits on silence, time and connections, which a proxy in front may not have.

    It refuses what ``StrictConnection`` refuses. ``headers_s``: for the head of a request. ``idle_s``: of silence while a
    request arrives, and for reading 64 KiB of an answer. ``whole_s``: for a
    connection in total; None: no limit. ``by_client`` is updated with the open connections. ``a_request_proves``:
    whether a request that has arrived with its whole body proves a connection (one that is never complete costs its
    sender nothing); otherwise the handler of the request decides.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from core.net.heads import StrictConnection

    class Bounded(H11Protocol):
        peer = ""
        waiting = False
        # Bytes of answers that the client had not taken when it was last looked at.
        _left = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.conn = StrictConnection(self.config.h11_max_incomplete_event_size or HEAD_BYTES)

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.peer = place_of(self.client[0]) if self.client else ""
            if self.client and by_client is not None:
                by_client[self.client] = self
            # The whole connection is limited, not only each wait, so trickling bytes does not help a sender.
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

        def send_400_response(self, msg: str) -> None:
            super().send_400_response(msg)
            # The application sees the client as gone: an answer now would fail, and each failure would be logged.
            cycle: Any = self.cycle
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()

        def shutdown(self) -> None:
            if self._under_way() and not self._whole():
                # The rest of the request may never arrive, and cancelling its task later would be logged as an error.
                self.transport.abort()
            else:
                super().shutdown()

        def pause_writing(self) -> None:
            # A client that does not read would hold the connection, and the answer in memory, without end.
            self._watch_reading()
            if a_request_proves:
                connections.opened(self)
            super().pause_writing()

        def resume_writing(self) -> None:
            # The rest of a complete answer still has to be read.
            if self._under_way():
                self._timers["unread"].cancel()
                if a_request_proves:
                    connections.proved(self)
            super().resume_writing()

        def _watch_reading(self) -> None:
            self._left = self.transport.get_write_buffer_size()
            self._again("unread", idle_s, self._unread)

        def _unread(self) -> None:
            left = self.transport.get_write_buffer_size()
            if not left:
                return
            if self._left - left >= READ_BYTES:
                self._watch_reading()
                return
            if (opened := self.transport.get_extra_info("socket")) is not None:
                # With a reset: otherwise the kernel keeps offering the rest for a quarter of an hour.
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

        def on_response_complete(self) -> None:
            # Like a new connection: the next request has to prove it again.
            self.waiting = False
            # Also if it is closing: the rest of the answer may never be read.
            self._watch_reading()
            self._again("idle", idle_s, self._silent)
            if not self.transport.is_closing():
                self._again("headers", headers_s, self._headless)
                connections.opened(self)
            super().on_response_complete()

        def _again(self, name: str, after_s: float, call: Callable[[], None]) -> None:
            if (timer := self._timers.get(name)) is not None:
                timer.cancel()
            self._timers[name] = self.loop.call_later(after_s, call)

        def _headless(self) -> None:
            if self._is_reading():
                self._again("headers", headers_s, self._headless)
            elif not self._under_way():
                self.transport.abort()

        def _silent(self) -> None:
            if self._whole():
                # It is waiting for us.
                return
            if self._is_reading():
                self._again("idle", idle_s, self._silent)
            else:
                self.transport.abort()

        def _is_reading(self) -> bool:
            """Whether the rest of a complete answer is still to be taken; ``_unread`` ends a client that does not."""
            return not self._under_way() and self.transport.get_write_buffer_size() > 0

        def _whole(self) -> bool:
            """Whether an unanswered request has arrived completely."""
            cycle: Any = self.cycle
            return self._under_way() and not cycle.more_body

        def _under_way(self) -> bool:
            """Whether the head of an unanswered request has arrived."""
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
