"""Connections that send nothing, or never to an end, keep no one from the desk."""

from __future__ import annotations

import contextlib
import socket

import httpx
import pytest

from core.net.connections import Connections, bounded_protocol
from desk.use_cases.desk import Desk
from desk.web.app import create_app
from desk.web.connections import MAX_SILENT, MAX_SILENT_PER_PEER, patient_protocol
from tests.serving import place, served


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
def test_silent_connections_keep_no_one_out(sent: bytes, desk: Desk) -> None:
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
