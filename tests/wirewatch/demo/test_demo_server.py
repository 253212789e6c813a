"""The server on a real socket, with a clock that the test turns."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from core.errors import UsageError
from tests.wirewatch.demo.conftest import STARTED_AT
from wirewatch.demo import DemoOutlets, DemoServer, Samples, feed_urls, serve


class Clock:
    """Monotonic seconds, turned by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(samples: Samples, clock: Clock) -> Iterator[DemoServer]:
    with serve(DemoOutlets(samples, STARTED_AT), clock) as running:
        yield running


@pytest.fixture
def client(server: DemoServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, trust_env=False, timeout=10) as made:
        yield made


def test_items_come_with_the_clock_and_link_to_the_server(
    server: DemoServer, client: httpx.Client, clock: Clock
) -> None:
    first = client.get("/birchgate/feed.json")
    assert [item["id"] for item in first.json()["items"]] == ["birchgate-fisheries"]
    clock.now_s += 60
    later = client.get("/birchgate/feed.json", headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == 200
    items = json.loads(later.content)["items"]
    assert len(items) == 17
    for item in items:
        assert item["url"].startswith(server.base_url + "/")
        assert client.get(item["url"]).status_code == 200


def test_an_unchanged_feed_is_answered_with_304(client: httpx.Client, clock: Clock) -> None:
    clock.now_s += 100
    for _, url in feed_urls(str(client.base_url)):
        first = client.get(url)
        assert first.status_code == 200
        by_tag = client.get(url, headers={"If-None-Match": first.headers["etag"]})
        by_date = client.get(url, headers={"If-Modified-Since": first.headers["last-modified"]})
        assert (by_tag.status_code, by_tag.content) == (304, b"")
        assert (by_date.status_code, by_date.content) == (304, b"")


def test_types_head_and_missing(client: httpx.Client, clock: Clock) -> None:
    clock.now_s += 60
    assert client.get("/harbour/feed.xml").headers["content-type"] == "application/rss+xml; charset=utf-8"
    assert client.get("/lanterns/atom.xml").headers["content-type"] == "application/atom+xml; charset=utf-8"
    head = client.head("/robots.txt")
    assert (head.status_code, head.content) == (200, b"")
    assert client.get("/harbour/business/withdrawn").status_code == 404
    assert client.get("/robots.txt").text.startswith("User-agent")


def test_many_readers_at_once(client: httpx.Client, clock: Clock) -> None:
    clock.now_s += 60
    with ThreadPoolExecutor(8) as pool:
        bodies = set(pool.map(lambda _: client.get("/lanterns/atom.xml").content, range(24)))
    assert len(bodies) == 1


def test_a_client_that_disconnects_leaves_nothing_behind(
    server: DemoServer, client: httpx.Client, clock: Clock, capfd: pytest.CaptureFixture[str]
) -> None:
    clock.now_s += 60
    host, port = server.base_url.removeprefix("http://").split(":")
    for _ in range(5):
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            # Linger 0: the connection is reset, so the server's write fails.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.sendall(b"GET /lanterns/atom.xml HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
    assert client.get("/robots.txt").status_code == 200
    server.close()
    assert capfd.readouterr() == ("", "")


def test_close_frees_the_port_and_may_be_repeated(samples: Samples, clock: Clock) -> None:
    outlets = DemoOutlets(samples, STARTED_AT)
    first = serve(outlets, clock)
    first.start()
    first.start()
    port = int(first.base_url.rsplit(":", 1)[1])
    with pytest.raises(UsageError, match=str(port)):
        serve(outlets, clock, port=port)
    first.close()
    first.close()
    again = serve(outlets, clock, port=port)
    again.close()


@pytest.mark.parametrize("port", [70000, -1])
def test_an_impossible_port_is_wrong_use(samples: Samples, clock: Clock, port: int) -> None:
    with pytest.raises(UsageError):
        serve(DemoOutlets(samples, STARTED_AT), clock, port=port)
