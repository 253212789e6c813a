"""Heads of answers that a strict parser refuses and curl reads: over real connections, and as a function."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.http.client import Failure, Fetched, Http
from connectors.http.lenient import MOST_HEAD, in_order
from tests.connectors.support import NOON

BODY = b"Content-Length: 5\r\n\r\nhello"


class Raw:
    """A server that answers each request with the next of ``answers``, on one connection as long as the client stays."""

    def __init__(self) -> None:
        self.answers: list[list[bytes]] = []
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            with connection, connection.makefile("rb") as lines:
                while self.answers and lines.readline():
                    while lines.readline() not in (b"\r\n", b""):
                        pass
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for piece in self.answers.pop(0):
                        connection.sendall(piece)

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def raw() -> Iterator[Raw]:
    server = Raw()
    yield server
    server.close()


@pytest.fixture
def http(raw: Raw) -> Iterator[Http]:
    with Http(allow_private=[raw.host], total_s=10) as client:
        yield client


HEADS = {
    "a quoted line": b'HTTP/1.1 200 OK\r\n"X-XSS-Protection: 0"\r\n',
    "a line without a colon": b"HTTP/1.1 200 OK\r\nthis is no header\r\n",
    "an empty name": b"HTTP/1.1 200 OK\r\n: value\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nX-Cache : HIT\r\n",
    "a name with a space": b"HTTP/1.1 200 OK\r\nX Powered By: us\r\n",
    "a name in another script": "HTTP/1.1 200 OK\r\nX-Rédaction: a\r\n".encode(),
    "a name in brackets": b"HTTP/1.1 200 OK\r\n[X-Served]: a\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\n",
    "a control character": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\x01c; path=/\r\n",
    "UTF-8 in a value": "HTTP/1.1 200 OK\r\nX-A: Économie\r\n".encode(),
    "a folded first line": b"HTTP/1.1 200 OK\r\n  odd\r\nX-A: a\r\n b\r\n",
    "only line feeds": b"HTTP/1.1 200 OK\nX-A: a\n",
    "no reason": b"HTTP/1.1 200\r\n",
    "a reason in another script": "HTTP/1.1 200 Всё хорошо\r\n".encode(),
    "lower case": b"http/1.1 200 ok\r\n",
    "HTTP/2 by mistake": b"HTTP/2 200\r\n",
    "a radio's status line": b"ICY 200 OK\r\n",
    "one length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    "early hints before it": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n",
    "an odd transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_an_odd_head_loses_no_answer(raw: Raw, http: Http, head: bytes) -> None:
    whole = head + BODY
    raw.answers = [[whole], [bytes([byte]) for byte in whole]]
    for _ in range(2):
        answer = http.fetch(f"http://{raw.host}/feed", now=NOON)
        assert isinstance(answer, Fetched), answer
        assert (answer.status, answer.body) == (200, b"hello")


def test_a_connection_is_used_again_and_bodies_that_look_like_heads_stay_whole(raw: Raw, http: Http) -> None:
    body = b'HTTP/1.1 500 No\r\n"quoted"\r\n\r\nbody'
    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
    raw.answers = [[b"HTTP/1.1 200 OK\r\n", length, body[:9], body[9:]], [b"HTTP/1.1 200 OK\r\n" + length + body]]
    for _ in range(2):
        answer = http.fetch(f"http://{raw.host}/feed", now=NOON)
        assert isinstance(answer, Fetched)
        assert answer.body == body
    assert raw.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"hello without a head",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * (2 * MOST_HEAD),
        b"HTTP/1.1 200 OK\r\nX-A",
        b"",
    ],
    ids=["no head", "two lengths that differ", "a head without an end", "cut short", "nothing"],
)
def test_an_invalid_answer_is_a_failure_with_a_reason(raw: Raw, http: Http, answer: bytes) -> None:
    raw.answers = [[answer]]
    failure = http.fetch(f"http://{raw.host}/feed", now=NOON)
    assert isinstance(failure, Failure)
    assert failure.problem == "the connection was lost, or the server does not speak HTTP"


@given(st.binary(max_size=300))
def test_a_head_in_order_stays_as_it_is(noise: bytes) -> None:
    once = in_order(b"HTTP/1.1 200 OK\r\n" + noise)
    assert in_order(once) == once
    assert b"\x00" not in once
