"""Reads the heads of HTTP answers as leniently as curl and browsers do.

httpcore's parser refuses an answer for one header line that is not in order, and with it a whole feed. Between the
connection and the parser each head is put in order first: lines that name no header go, the space before a colon goes,
control characters go. Bodies pass through as they are.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

MOST_HEAD = 64 << 10
"""A head that has no end after so many bytes is given to the parser as it is."""

_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"\A([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INTERIM = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+1\d\d\b", re.IGNORECASE)
"""Answers that come before the true one. None was asked for, so they are left out."""
_STATUS = re.compile(rb"(?:HTTP/(\d)(?:\.(\d))?|ICY)[ \t]+(\d{3})([^\r\n]*)", re.IGNORECASE)


def in_order(head: bytes) -> bytes:
    """The head of an answer (status line and header lines, without the empty line) as a strict parser takes it. Pure."""
    first, *lines = re.split(rb"\r?\n", head)
    status = _STATUS.match(first.strip())
    if status is None:
        return head
    # HTTP/2 on a connection that never agreed on it is a server's slip; its bytes are those of 1.1.
    version = b"1.0" if status[2] == b"0" else b"1.1"
    kept = [b"HTTP/%s %s%s" % (version, status[3], _CONTROL.sub(b"", status[4]))]
    seen: dict[bytes, bytes] = {}
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            # A folded line goes on with the one before.
            if len(kept) > 1:
                kept[-1] += b" " + _CONTROL.sub(b"", line).strip()
            continue
        field = _FIELD.fullmatch(line)
        if field is None:
            continue
        name, value = field[1], _CONTROL.sub(b"", field[2]).strip()
        if _counts(name.lower(), value, seen):
            kept.append(name + b": " + value)
    return b"\r\n".join(kept)


def _counts(name: bytes, value: bytes, seen: dict[bytes, bytes]) -> bool:
    """Whether a field that says how long the body is says so in a way that can be used, and for the first time."""
    if name == b"transfer-encoding":
        fine = value.lower() == b"chunked" and name not in seen
    elif name == b"content-length":
        numbers = {number.strip() for number in value.split(b",")}
        fine = len(numbers) == 1 and min(numbers).isdigit() and seen.get(name) != value
    else:
        return True
    # Two lengths that differ stay: the parser refuses them, since one of two readers would be deceived.
    seen.setdefault(name, value)
    return fine


class LenientBackend(httpcore.NetworkBackend):
    """Connections of ``inner`` whose answers' heads are in order."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect as ``inner`` does."""
        return _LenientStream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))


class _LenientStream(httpcore.NetworkStream):
    """A connection without pipelining: what comes after something was written begins with a head."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._in_head = True
        self._held = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if not self._in_head:
            return self._stream.read(max_bytes, timeout)
        searched = 0
        while len(self._held) <= MOST_HEAD:
            if end := _END.search(self._held, searched):
                head, self._held = self._held[: end.start()], self._held[end.end() :]
                searched = 0
                if not _INTERIM.match(head):
                    return in_order(head) + b"\r\n\r\n" + self._passed_on()
                continue
            searched = max(len(self._held) - 3, 0)
            piece = self._stream.read(max_bytes, timeout)
            if not piece:
                break
            self._held += piece
        return self._passed_on()

    def _passed_on(self) -> bytes:
        """What is held; from here on bytes pass through."""
        self._in_head, held, self._held = False, self._held, b""
        return held

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._in_head, self._held = True, b""
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _LenientStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
