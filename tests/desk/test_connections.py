"""Connections that send nothing, or never to an end, keep no one from the desk."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import httpx
import pytest

from core.net.connections import Connections, bounded_protocol
from core.net.serving import ServerThread
from desk.use_cases.desk import Desk
from desk.web.app import create_app
from desk.web.connections import MAX_SILENT, MAX_SILENT_PER_PEER, patient_protocol
from tests.serving import place, served
from tests.waiting import until


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
        b"POST /sign-in HTTP/1.1\r\n",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\nx",
        b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    ],
)
def test_silent_connections_block_no_others(sent: bytes, desk: Desk) -> None:
    with served(create_app(desk), http=patient_protocol()) as url, contextlib.ExitStack() as held:
        several = [
            held.enter_context(socket.create_connection(place(url), timeout=10))
            for _ in range(MAX_SILENT_PER_PEER + 40)
        ]
        for one in several:
            with contextlib.suppress(OSError):
                one.sendall(sent)
        for _ in range(3):
            assert httpx.get(f"{url}/healthz", timeout=20).status_code == 200
        # The oldest went for the newest.
        with contextlib.suppress(ConnectionResetError):
            assert several[0].recv(1) == b""
    assert MAX_SILENT > MAX_SILENT_PER_PEER


def test_a_head_or_a_body_that_never_ends_is_ended(desk: Desk) -> None:
    http = bounded_protocol(Connections(), headers_s=0.3, idle_s=0.3, a_request_proves=True)
    with served(create_app(desk), http=http) as url:
        for sent in (b"GET / HTTP/1.1\r\nHo", b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nx"):
            with socket.create_connection(place(url), timeout=10) as one:
                one.sendall(sent)
                with contextlib.suppress(ConnectionResetError):
                    while one.recv(1_000):
                        pass


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nContent-Length: 4",
        b"HTTP/1.0\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_body_of_two_lengths_is_refused_and_nothing_behind_it_is_read(head: bytes, desk: Desk) -> None:
    http = bounded_protocol(Connections(), headers_s=10, idle_s=10, a_request_proves=True)
    with served(create_app(desk), http=http) as url, socket.create_connection(place(url), timeout=20) as one:
        behind = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        one.sendall(b"POST /sign-in " + head + b"\r\nHost: 127.0.0.1\r\n\r\n0\r\n\r\n" + behind)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while more := one.recv(1_000):
                answer += more
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


async def large(scope: Any, receive: Any, send: Any) -> None:
    """Answers with 32 MiB at /large, with a word elsewhere."""
    body = b"x" * (32 << 20) if scope["raw_path"] == b"/large" else b"here"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def asked_for(port: int, path: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    one.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: us\r\n\r\n")
    return one


def test_clients_that_do_not_read_block_no_others() -> None:
    """Each complete request counts as served, but only as long as its client reads the answer."""
    http = bounded_protocol(Connections(8, 4, 4), headers_s=60, idle_s=60, a_request_proves=True)
    server = ServerThread(large, "127.0.0.1", 0, name="large", http=http).start()
    with contextlib.closing(server), contextlib.ExitStack() as held:
        for _ in range(20):
            held.enter_context(asked_for(server.port, b"/large"))
        for _ in range(3):
            assert httpx.get(f"http://127.0.0.1:{server.port}/", timeout=20).text == "here"
        assert len(held.enter_context(asked_for(server.port, b"/large")).recv(100_000)) > 0


def test_an_answer_that_is_not_read_is_given_up() -> None:
    http = bounded_protocol(Connections(), headers_s=60, idle_s=0.3, a_request_proves=True)
    server = ServerThread(large, "127.0.0.1", 0, name="large", http=http).start()
    with contextlib.closing(server), asked_for(server.port, b"/large") as one:
        until(lambda: not _is_up(one), "end of the connection", seconds=30)


def test_a_client_that_reads_gets_all_of_an_answer_that_takes_longer_than_a_head_may() -> None:
    http = bounded_protocol(Connections(), headers_s=0.01, idle_s=5, a_request_proves=True)
    server = ServerThread(large, "127.0.0.1", 0, name="large", http=http).start()
    with contextlib.closing(server), asked_for(server.port, b"/large") as one:
        taken = 0
        # In small pieces, so that it takes many times as long.
        while taken < 32 << 20 and (part := one.recv(2_000)):
            taken += len(part)
    assert taken >= 32 << 20


def _is_up(one: socket.socket) -> bool:
    """Whether the other side still keeps a connection, of which nothing is read here."""
    # The first byte of the kernel's tcp_info: 1 is ESTABLISHED.
    return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x01"
