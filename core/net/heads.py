"""Which heads of requests every server of ours refuses, though some server on the way might let them pass.

A proxy in front and the server behind it have to agree where a request ends. If they don't, what a stranger sends as the rest
of one request is read as another one, in the name of whoever comes next (request smuggling). So whatever may be read in two
ways is refused, and the connection ends. h11 refuses most of that itself.
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


class StrictConnection(h11.Connection):
    """h11's side of a server. ``next_event`` raises RemoteProtocolError also for the heads that are refused here."""

    def __init__(self, longest_head: int) -> None:
        super().__init__(h11.SERVER, longest_head)
        self._longest = longest_head
        self._came: list[bytes] = []

    def receive_data(self, data: bytes) -> None:
        """See h11."""
        if self.their_state is h11.IDLE:
            self._came.append(bytes(data))
        super().receive_data(data)

    def start_next_cycle(self) -> None:
        """See h11."""
        super().start_next_cycle()
        self._came = [self.trailing_data[0]]

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """See h11."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            came = b"".join(self._came)
            self._came = []
            reason = _refusal(event, came[: len(came) - len(self.trailing_data[0])], self._longest)
            if reason is not None:
                raise h11.RemoteProtocolError(reason, error_status_hint=400)
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
