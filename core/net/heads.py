"""Heads and chunks of requests that every server of ours refuses, although a server on the way might let them pass.

A proxy and the server behind it must agree where a request ends. If they don't, the rest of one request, sent by a stranger,
is read as another one, in the name of the next client (request smuggling). So everything that can be read in two ways is
refused, and the connection ends. h11 refuses most of that itself.
"""

from __future__ import annotations

import re

import h11

MOST_HEADERS = 200
"""Each is looked through for each header that is asked for: tens of thousands would take a tenth of a second."""

_ODD_LINES = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""A line that ends without CR, or goes on in the next one."""
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]++|\[[0-9A-Za-z:.%]++\])?(?::[0-9]{0,5})?")
"""No user, path or second host: Starlette makes a request's URL of it."""


_LONGEST_LINE = 8_192
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*+(?:;[\t -~]*+)?\r\n")
_TRAILER = re.compile(rb"[!#-'*+.0-9A-Z^-z|~-]++:[\t -~\x80-\xff]*+\r\n")
_END = b"\r\n"


class ChunkedBody:
    """The lines around a body's chunks, as its bytes come.

    h11 accepts a bare CR in an extension, folded trailers, and trailers that end with LF alone.
    """

    def __init__(self) -> None:
        self._line, self._skip, self._wanted = b"", 0, "size"

    def feed(self, data: bytes) -> bool:
        """Whether all lines so far can be read in one way only; what follows the body is not looked at."""
        at = 0
        while at < len(data) and self._wanted:
            if self._skip:
                passed = min(self._skip, len(data) - at)
                self._skip, at = self._skip - passed, at + passed
                continue
            end = data.find(b"\n", at) + 1
            stop = end or len(data)
            self._line += data[at:stop]
            at = stop
            if len(self._line) > _LONGEST_LINE:
                return False
            if end and not self._takes():
                return False
        return True

    def _takes(self) -> bool:
        line, self._line = self._line, b""
        if self._wanted == "size":
            found = _SIZE.fullmatch(line)
            self._skip = int(found[1], 16) if found else 0
            self._wanted = "end of a chunk" if self._skip else "trailer"
            return found is not None
        if self._wanted == "trailer" and line != _END:
            return _TRAILER.fullmatch(line) is not None
        self._wanted = "size" if self._wanted == "end of a chunk" else ""
        return line == _END


class StrictConnection(h11.Connection):
    """h11's side of a server. ``next_event`` raises RemoteProtocolError also for the heads and chunks that are refused here."""

    def __init__(self, longest_head: int) -> None:
        super().__init__(h11.SERVER, longest_head)
        self._longest = longest_head
        self._came: list[bytes] = []
        self._chunks: ChunkedBody | None = None
        self._odd = False

    def receive_data(self, data: bytes) -> None:
        """See h11."""
        if self.their_state is h11.IDLE:
            self._came.append(bytes(data))
        elif self._chunks is not None:
            self._odd = self._odd or not self._chunks.feed(bytes(data))
        super().receive_data(data)

    def start_next_cycle(self) -> None:
        """See h11."""
        super().start_next_cycle()
        self._came, self._chunks = [self.trailing_data[0]], None

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """See h11."""
        if self._odd:
            raise h11.RemoteProtocolError("a chunk that others may read as two", error_status_hint=400)
        event = super().next_event()
        if isinstance(event, h11.Request):
            came = b"".join(self._came)
            self._came = []
            reason = _refusal(event, came[: len(came) - len(self.trailing_data[0])], self._longest)
            if reason is not None:
                raise h11.RemoteProtocolError(reason, error_status_hint=400)
            if any(name == b"transfer-encoding" for name, _ in event.headers):
                self._chunks = ChunkedBody()
                self._odd = not self._chunks.feed(self.trailing_data[0])
        return event


def _refusal(request: h11.Request, head: bytes, longest: int) -> str | None:
    """Why a request is refused, in words; None if it isn't. ``head``: all of its bytes up to its body."""
    headers = list(request.headers)
    names = {name for name, _ in headers}
    if len(headers) > MOST_HEADERS or len(head) > longest:
        return "the head is too long"
    if _ODD_LINES.search(head):
        return "a line that others may read as two"
    if not request.http_version.startswith(b"1."):
        return "another version of HTTP"
    if b"transfer-encoding" in names and (b"content-length" in names or request.http_version < b"1.1"):
        return "both a length and a transfer coding"
    if any(name == b"host" and not _HOST.fullmatch(value) for name, value in headers):
        return "a host that is none"
    return None
