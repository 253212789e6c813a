"""What may be read in two ways is refused by every server of ours, and nothing behind it is read."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.push.server import PushServer, Response
from core.net.connections import Connections
from core.net.heads import MOST_HEADERS, ChunkedBody, StrictConnection
from core.net.serving import ServerThread
from desk.web.connections import patient_protocol

TABLE = tomllib.loads((Path(__file__).parents[2] / "cases/http_heads.toml").read_text("utf-8"))
SERVERS = ("small", "push", "desk")


def requests(case: dict[str, Any]) -> Iterator[bytes]:
    """The requests of a case, each of whose parts is the usual one unless the case says another."""
    for version in case.get("versions", ["HTTP/1.1"]):
        for host in case.get("hosts", ["127.0.0.1"]):
            for head in case.get("heads", ["X: a"]):
                for body in case.get("bodies", [case.get("body", "")]):
                    yield f"GET / {version}\r\nHost: {host}\r\n{head}\r\n\r\n{body}".encode("latin-1")


REFUSED = [one for case in TABLE["refused"] for one in requests(case)]
ANSWERED = [
    (one, int(case["answers"]), case.get("servers", SERVERS)) for case in TABLE["answers"] for one in requests(case)
]
REFUSALS = ([b"400"], [b"411"], [b"411", b"400"])
"""Statuses that a refused request and one behind it may get; never one for each."""
SECOND = b"GET /second HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def said(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the path, as soon as all of the body is there."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"path " + scope["raw_path"] + b"\n"})


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, int]]:
    with contextlib.ExitStack() as ending:
        small = ServerThread(said, "127.0.0.1", 0, name="small").start()
        ending.callback(small.close)
        desk = ServerThread(said, "127.0.0.1", 0, name="desk", http=patient_protocol()).start()
        ending.callback(desk.close)
        push = ending.enter_context(
            PushServer("127.0.0.1", 0, lambda one: Response(200, f"path {one.path}\n"), connections=Connections())
        )
        yield {"small": small.port, "push": push.port, "desk": desk.port}


def answered(port: int, sent: bytes) -> tuple[list[bytes], bytes]:
    """The statuses of what came back until the other side ended the connection, and all of it."""
    came = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one, contextlib.suppress(ConnectionResetError):
        one.sendall(sent)
        while part := one.recv(65_536):
            came += part
    return re.findall(rb"^HTTP/1\.1 (\d{3})", came, re.MULTILINE), came


@pytest.mark.parametrize("server", SERVERS)
def test_what_may_be_read_in_two_ways_is_refused(
    server: str, servers: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    assert len(REFUSED) > 40
    for request in REFUSED:
        statuses, came = answered(servers[server], request + SECOND)
        # The push server answers some of it before it has come to the odd chunk; it reads nothing behind it all the same.
        assert statuses in REFUSALS, request
        assert b"second" not in came, request
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("server", SERVERS)
def test_valid_requests_are_answered_and_so_are_those_that_follow(server: str, servers: dict[str, int]) -> None:
    for request, number in ((one, number) for one, number, those in ANSWERED if server in those):
        statuses, came = answered(servers[server], request + SECOND)
        assert statuses == [b"200"] * number, request
        assert b"path /second" in came, request


@pytest.mark.parametrize("server", SERVERS)
def test_a_head_of_very_many_headers_is_refused(server: str, servers: dict[str, int]) -> None:
    for headers in (b"X: y\r\n" * (MOST_HEADERS + 1), b"X: " + b"y" * 300_000 + b"\r\n"):
        statuses, came = answered(servers[server], b"GET / HTTP/1.1\r\nHost: us\r\n" + headers + b"\r\n" + SECOND)
        assert statuses == [b"400"]
        assert b"second" not in came


@given(st.sampled_from(REFUSED + [one for one, _, _ in ANSWERED]), st.lists(st.integers(1, 40), min_size=1))
def test_a_request_is_judged_alike_however_it_is_cut(request: bytes, sizes: list[int]) -> None:
    """Bytes come in pieces of any size; what is refused of a whole one is refused of its parts."""

    def judged(pieces: list[bytes]) -> list[str]:
        import h11

        connection, found = StrictConnection(1 << 16), []
        try:
            for piece in pieces:
                connection.receive_data(piece)
                while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                    found.append(type(event).__name__)
        except h11.RemoteProtocolError:
            return ["refused"]
        return [name for name in found if name != "Data"]

    pieces, rest = [], request
    for number in range(len(request)):
        size = sizes[number % len(sizes)]
        pieces.append(rest[:size])
        rest = rest[size:]
    assert judged([one for one in pieces if one]) == judged([request])


LINES = st.sampled_from(
    [
        b"5\r\nabcde\r\n",
        b"3;a=b\r\n\r\n\n\r\n",
        b"0\r\n",
        b"T: x\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"2\n",
        b"1\r\nx",
        b"z" * 5_000,
    ]
)


@given(st.lists(LINES, max_size=8).map(b"".join), st.lists(st.integers(0, 1 << 16), max_size=8))
def test_chunks_are_judged_alike_however_they_are_cut(body: bytes, cuts: list[int]) -> None:
    whole, apart = ChunkedBody(), ChunkedBody()
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    assert all(apart.feed(body[start:end]) for start, end in pairwise(places)) == whole.feed(body)
