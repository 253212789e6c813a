"""Reads the heads of HTTP responses as leniently as curl and browsers do.

httpcore's parser refuses a response, and so a whole feed, for one malformed header line. So each head is repaired
between the connection and the parser: lines that are not headers, the space before a colon, and control characters are
removed. Bodies pass through unchanged.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

MOST_HEAD = 64 << 10
"""A head without an end after this many bytes is passed to the parser unchanged."""

_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"\A([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\r\n]*)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INTERIM = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+1\d\d\b", re.IGNORECASE)
"""Interim responses before the final one. None was requested, so they are skipped."""
_STATUS = re.compile(rb"(?:HTTP/(\d)(?:\.(\d))?|ICY)[ \t]+(\d{3})([^\r\n]*)", re.IGNORECASE)


def in_order(head: bytes) -> bytes:
    """The head of a response (status line and headers, without the empty line), repaired for a strict parser. Pure."""
    first, *lines = re.split(rb"\r?\n", head)
    status = _STATUS.match(first.strip())
    if status is None:
        return head
    # HTTP/2 without negotiation is a server's mistake; its bytes are those of 1.1.
    version = b"1.0" if status[2] == b"0" else b"1.1"
    kept = [b"HTTP/%s %s%s" % (version, status[3], _CONTROL.sub(b"", status[4]))]
    seen: dict[bytes, bytes] = {}
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            # A folded line continues the previous one.
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
    """Whether a field with the body's length is usable, and the first one."""
    if name == b"transfer-encoding":
        fine = value.lower() == b"chunked" and name not in seen
    elif name == b"content-length":
        numbers = {number.strip() for number in value.split(b",")}
        fine = len(numbers) == 1 and min(numbers).isdigit() and seen.get(name) != value
    else:
        return True
    # Two different lengths stay, and the parser refuses them: otherwise two readers might disagree.
    seen.setdefault(name, value)
    return fine


class LenientBackend(httpcore.NetworkBackend):
    """Connections from ``inner`` with repaired response heads."""

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
    """A connection without pipelining: the first data after a write begins with a head."""

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
        """The held bytes; from here on, bytes pass through."""
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
