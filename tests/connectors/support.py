"""What the connectors' tests share: a scripted web server on this machine and a stream in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

from core.errors import StreamUnavailable
from tests.serving import Answering, Handler

NOON = datetime(2031, 3, 4, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@dataclass
class Answer:
    """What the server sends. ``stall``: an event to wait for after ``body``, before the connection ends."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: threading.Event | None = None
    length: bool = True


Page = Answer | Callable[[BaseHTTPRequestHandler], Answer]


class Site:
    """A server whose pages a test may change at any time. ``asked`` is (path, headers) of every request."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def site() -> Iterator[Site]:
    class Pages(Handler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            here.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            page = here.pages.get(self.path, Answer(b"no such page", 404))
            answer = page if isinstance(page, Answer) else page(self)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.length:
                self.send_header("Content-Length", str(len(answer.body)))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            try:
                self.end_headers()
                self.wfile.write(answer.body)
                self.wfile.flush()
                if answer.stall:
                    answer.stall.wait(30)
            except OSError:
                self.close_connection = True

        do_POST = do_GET

    with Answering(Pages) as server:
        here = Site(server.server_port)
        yield here


def unavailable(times: int) -> Callable[[int], None]:
    """Trouble: the first ``times`` appends don't reach the stream."""

    def raise_it(number: int) -> None:
        if number <= times:
            raise StreamUnavailable("memory:", "nobody answers")

    return raise_it


class Clock:
    """A clock that moves when the code waits."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)
