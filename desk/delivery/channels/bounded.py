"""Limits for a send, in time and in the size of the answer, for libraries that have neither.

smtplib and requests (in Apprise) limit only each step of a connection, so a receiver that sends a byte now and then can block a
channel's thread without end, and requests decompresses answers of any size. ``bounded`` disconnects when the time is over.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

MOST_ANSWER = 1 << 20
_STEP = 1 << 14
_bounds: ContextVar[Bounds | None] = ContextVar("bounds", default=None)


class Bounds:
    """The connections of one ``bounded`` block. ``over``: whether the time was over, and they were disconnected."""

    def __init__(self, total_s: float) -> None:
        self.over = False
        self._lock, self._held = threading.Lock(), list[socket.socket]()
        self._timer = threading.Timer(total_s, self._hang_up)
        self._timer.daemon = True
        self._timer.start()

    def hold(self, connection: socket.socket) -> None:
        """Also disconnect this connection once the time is over. Raises TimeoutError if it already is."""
        with self._lock:
            if self.over:
                connection.close()
                raise TimeoutError("the time limit of this message is reached")
            # A duplicate of our own, since TLS takes over the original.
            self._held.append(socket.socket(fileno=os.dup(connection.fileno())))

    def end(self) -> None:
        """End the limits, when the block is left."""
        self._timer.cancel()
        with self._lock:
            held, self._held = self._held, []
        for one in held:
            one.close()

    def _hang_up(self) -> None:
        with self._lock:
            self.over = True
            for one in self._held:
                # The other side may have closed it already.
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


@contextmanager
def bounded(total_s: float) -> Iterator[Bounds]:
    """Within the block, disconnects connections that smtplib and requests open in this thread after ``total_s`` seconds.

    requests reads at most 1 MiB, decompressed. Threads that a library starts are not covered.
    """
    _install()
    bounds = Bounds(total_s)
    token = _bounds.set(bounds)
    try:
        yield bounds
    finally:
        _bounds.reset(token)
        bounds.end()


_installed = threading.Lock()
_done = False


def _install() -> None:
    global _done
    # requests takes a third of a second to load, and only installations with a chat channel need it.
    import requests.adapters
    import requests.sessions
    import urllib3.util.connection

    class Adapter(requests.adapters.HTTPAdapter):
        """Reads answers within the limits."""

        def send(self, *arguments: Any, **options: Any) -> Any:
            if _bounds.get() is None:
                return super().send(*arguments, **options)
            arguments[0].headers["Accept-Encoding"] = "identity"
            answer = super().send(*arguments, **{**options, "stream": True})
            try:
                answer._content = _read(answer.raw)  # noqa: SLF001 - requests reads the body only from there
                answer._content_consumed = True  # noqa: SLF001
            except (urllib3.exceptions.HTTPError, ValueError, zlib.error) as error:
                raise requests.exceptions.ConnectionError(str(error)) from error
            finally:
                answer.raw.close()
            return answer

    with _installed:
        if not _done:
            socket.create_connection = _held(socket.create_connection)
            urllib3.util.connection.create_connection = _held(urllib3.util.connection.create_connection)
            vars(requests.sessions)["HTTPAdapter"] = Adapter
            _done = True


def _held(create: Callable[..., socket.socket]) -> Callable[..., socket.socket]:
    def created(*arguments: Any, **options: Any) -> socket.socket:
        connection = create(*arguments, **options)
        if (bounds := _bounds.get()) is not None:
            bounds.hold(connection)
        return connection

    return created


def _read(raw: Any) -> bytes:
    """The decompressed body of an answer. Raises ValueError if it is too long, or in an encoding that was not requested."""
    coding = str(raw.headers.get("content-encoding", "")).strip().lower()
    machine = zlib.decompressobj(47) if coding in ("gzip", "x-gzip", "deflate") else None
    if machine is None and coding not in ("", "identity"):
        raise ValueError(f"an encoding that was not asked for ({coding[:40]})")
    plain = bytearray()
    while piece := raw.read(_STEP, decode_content=False):
        plain += piece if machine is None else machine.decompress(piece, MOST_ANSWER + 1 - len(plain))
        if len(plain) > MOST_ANSWER:
            raise ValueError("an answer that is too long")
    return bytes(plain)
