"""Receivers that answer without end, or with too much: each send ends with a message, and its connection is closed."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from desk.delivery.channels import Trouble
from desk.delivery.channels.bounded import MOST_ANSWER
from tests.desk.delivery.test_channels import carry

BOMB = gzip.compress(b"\0" * (64 << 20), 9)
Answer = Callable[[socket.socket], None]
# A reader that never gives up would be served for so long.
ENDLESS_S = 60.0


def trickled(start: bytes, unit: bytes) -> Answer:
    """First ``start``, then ``unit`` again and again, each quicker than any time limit of a step."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        until_s = time.monotonic() + ENDLESS_S
        while time.monotonic() < until_s:
            connection.sendall(unit)
            time.sleep(0.02)

    return answer


def flooded(start: bytes) -> Answer:
    """As fast as it is taken, 4 GiB of it."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(1 << 12):
            connection.sendall(b"x" * (1 << 20))

    return answer


def packed(coding: str, body: bytes) -> Answer:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda connection: connection.sendall(head + body)


OK = b"HTTP/1.1 200 OK\r\n"
ANSWERS: dict[str, Answer] = {
    "status": trickled(b"HTTP/1.1 2", b"0"),
    "header": trickled(OK + b"X-A: ", b"x"),
    "headers": trickled(OK, b"X: y\r\n"),
    "body": trickled(OK + b"Content-Length: 999999\r\n\r\n", b"x"),
    "chunks": trickled(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "flood": flooded(OK + b"Content-Length: 99999999999\r\n\r\n"),
    "flood without a length": flooded(OK + b"Connection: close\r\n\r\n"),
    "gzip bomb": packed("gzip", BOMB),
    "deflate that is a gzip bomb": packed("deflate", BOMB),
    "br": packed("br", b"\x1b\xff\xff\xff" * 1_000),
    "zstd": packed("zstd", b"\x28\xb5\x2f\xfd" * 1_000),
    "gzip in gzip": packed("gzip, gzip", gzip.compress(BOMB)),
}


@contextmanager
def serving(answer: Answer, greeting: bytes = b"") -> Iterator[tuple[int, threading.Event]]:
    """A port, and an event that is set once its client has hung up on it or has all."""
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                if greeting:
                    connection.sendall(greeting)
                else:
                    connection.recv(1 << 16)
                with contextlib.suppress(OSError):
                    answer(connection)
        over.set()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1], over
    finally:
        listening.close()


@pytest.mark.parametrize("scheme", ["json", "http"])
@pytest.mark.parametrize("how", ANSWERS)
def test_an_endless_or_oversized_answer_of_a_receiver_is_cut_off(how: str, scheme: str) -> None:
    with serving(ANSWERS[how]) as (port, over):
        # Whether the message was taken over before is another matter: with a whole head it was, for a webhook.
        with contextlib.suppress(Trouble):
            carry(f"{scheme}://127.0.0.1:{port}/in", monotonic=time.monotonic, timeout_s=0.3, total_s=0.6)
        assert over.wait(ENDLESS_S / 2)


@pytest.mark.parametrize("how", ["status", "gzip bomb", "br", "flood"])
def test_such_an_answer_is_a_failure_of_the_chat_in_words(how: str) -> None:
    with serving(ANSWERS[how]) as (port, _), pytest.raises(Trouble) as caught:
        carry(f"json://127.0.0.1:{port}/in", monotonic=time.monotonic, timeout_s=0.3, total_s=0.6)
    assert caught.value.again
    assert str(caught.value)
    assert len(gzip.decompress(BOMB)) > MOST_ANSWER


@pytest.mark.parametrize("banner", [b"2", b"220-a\r\n"], ids=["line", "lines"])
@pytest.mark.parametrize(
    "address", ["mailto:ann@outlet.example", "mailto://127.0.0.1:{}/?from=c@b.example&to=a@b.example&mode=insecure"]
)
def test_a_mail_server_that_trickles_its_greeting_is_hung_up_on(banner: bytes, address: str) -> None:
    with serving(trickled(b"", banner), greeting=banner) as (port, over):
        with pytest.raises(Trouble):
            carry(
                address.format(port),
                smtp=f"smtp://127.0.0.1:{port}",
                monotonic=time.monotonic,
                timeout_s=0.3,
                total_s=0.6,
            )
        assert over.wait(ENDLESS_S / 2)
