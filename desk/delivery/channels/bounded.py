"""An end for a send, however slowly its receiver answers, and a bound on what it may answer, in libraries that have neither.

smtplib and requests (in Apprise) bound each step of a connection, so a receiver that sends a byte now and then holds a
channel's thread without end, and requests unpacks an answer of any size. ``bounded`` hangs up at the end of the time.
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
    """The connections of one block of ``bounded``. ``over``: its time was up, and they were hung up."""

    def __init__(self, total_s: float) -> None:
        self.over = False
        self._lock, self._held = threading.Lock(), list[socket.socket]()
        self._timer = threading.Timer(total_s, self._hang_up)
        self._timer.daemon = True
        self._timer.start()

    def hold(self, connection: socket.socket) -> None:
        """Hang this one up too, once the time is up. Raises TimeoutError if it is."""
        with self._lock:
            if self.over:
                connection.close()
                raise TimeoutError("the time for this message is over")
            # One of our own: TLS takes the other over.
            self._held.append(socket.socket(fileno=os.dup(connection.fileno())))

    def end(self) -> None:
        """The block is left."""
        self._timer.cancel()
        with self._lock:
            held, self._held = self._held, []
        for one in held:
            one.close()

    def _hang_up(self) -> None:
        with self._lock:
            self.over = True
            for one in self._held:
                # It may be closed by the other side already.
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


@contextmanager
def bounded(total_s: float) -> Iterator[Bounds]:
    """Within the block, connections that smtplib and requests open in this thread are hung up after ``total_s`` seconds.

    What requests reads is 1 MiB at most, unpacked. Threads that a library starts are not covered.
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
    # requests takes a third of a second to load, and only who has a chat needs it.
    import requests.adapters
    import requests.sessions
    import urllib3.util.connection

    class Adapter(requests.adapters.HTTPAdapter):
        """Reads an answer within bounds."""

        def send(self, *arguments: Any, **options: Any) -> Any:
            if _bounds.get() is None:
                return super().send(*arguments, **options)
            arguments[0].headers["Accept-Encoding"] = "identity"
            answer = super().send(*arguments, **{**options, "stream": True})
            try:
                answer._content = _read(answer.raw)  # noqa: SLF001 - it reads everything else only there
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
    """The body of an answer, unpacked. Raises ValueError if it is too long, or packed in a way that was not asked for."""
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
