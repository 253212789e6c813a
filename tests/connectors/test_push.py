"""What is pushed to us: hubs that verify and sign, articles with a token, and senders that mean no good."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import hmac
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, urlencode

import pytest
import uvicorn
from msgspec.structs import replace
from sqlalchemy import select

from connectors.base import PollResult
from connectors.feeds import FeedCursor, FeedFacts
from connectors.http.answers import header_link
from connectors.http.client import Http
from connectors.push.articles import MAX_ARTICLES, ArticlePush
from connectors.push.server import BODY_BYTES, PushServer, Request, Response, is_signed
from connectors.push.websub import LEASE_S, HubRepository, WebSub
from connectors.store.feeds import FeedRepository
from connectors.store.tables import hub_subscriptions
from core.errors import StreamUnavailable
from core.net.connections import MAX_PROVEN, Connection, Connections, bounded_protocol
from core.records import RawArticle, to_ms
from core.store import Store, open_store
from desk.terminal import harmless
from tests.connectors.support import NOON, Answer, Clock, Site, after

FEED = "https://outlet.example/rss"
TOPIC = "https://outlet.example/topic"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 's.db'}")
    yield opened
    opened.close()


class World:
    """A feed that names a hub, the hub, and our subscriber."""

    def __init__(self, store: Store, web: Site, http: Http) -> None:
        self.clock, self.web, self.store = Clock(), web, store
        self.posts: list[dict[str, str]] = []
        web.pages["/hub"] = self._hub
        self.feeds = FeedRepository(store)
        self.feeds.add(FEED, "s", NOON)
        (name,) = self.feeds.due(NOON, limit=1)
        self.feed = name
        facts = FeedFacts(listed=True, ok_at_ms=1, hub=web.url("/hub"), topic=TOPIC, poll_at_ms=to_ms(after(86_400)))
        self.feeds.save(name, self.feeds.load(name), PollResult((), FeedCursor(facts=facts), after(86_400)))
        self.subscriber = WebSub(HubRepository(store), self.feeds, http, "https://us.example", clock=self.clock)

    def _hub(self, request: BaseHTTPRequestHandler) -> Answer:
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        self.posts.append({name: values[0] for name, values in parse_qs(body).items()})
        return Answer(status=202)

    @property
    def path(self) -> str:
        return self.posts[-1]["hub.callback"].removeprefix("https://us.example")

    def verify(self, **changes: str) -> Response:
        query = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "c-1", "hub.lease_seconds": "864000"}
        return self.subscriber.handle(Request("GET", self.path, {**query, **changes}))

    def push(self, body: bytes, signature: str) -> Response:
        return self.subscriber.handle(Request("POST", self.path, {}, {"x-hub-signature": signature}, body))

    def sign(self, body: bytes, method: str = "sha256") -> str:
        secret = self.posts[-1]["hub.secret"].encode()
        return f"{method}={hmac.new(secret, body, getattr(hashlib, method)).hexdigest()}"

    def row(self) -> dict[str, object]:
        with self.store.reading() as connection:
            return dict(connection.execute(select(hub_subscriptions)).one()._mapping)


@pytest.fixture
def world(store: Store, web: Site) -> Iterator[World]:
    with Http(allow_private=[web.host], total_s=10) as http:
        yield World(store, web, http)


def test_a_hub_is_asked_verified_and_its_signed_push_makes_the_feed_due(world: World) -> None:
    ((one, problem),) = world.subscriber.subscribe()
    assert problem is None
    asked = world.posts[0]
    assert (asked["hub.mode"], asked["hub.topic"], asked["hub.lease_seconds"]) == ("subscribe", TOPIC, str(LEASE_S))
    assert len(asked["hub.secret"]) >= 32
    assert world.subscriber.subscribe() == [], "asked once, then waited for"
    assert world.push(b"x", world.sign(b"x")).status == 410, "before the hub verified"
    assert world.verify() == Response(200, "c-1")
    assert world.row()["lease_until"] == to_ms(after(864_000))
    assert world.feeds.due(after(10), limit=1) == []
    world.clock.now = after(10)
    assert world.push(b"<rss/>", world.sign(b"<rss/>")).status == 202
    assert world.feeds.due(after(10), limit=1) == [one.feed]


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_every_method_of_the_standard_is_checked(world: World, method: str) -> None:
    world.subscriber.subscribe()
    world.verify()
    world.clock.now = after(10)
    for wrong in ("", method, f"{method}=", world.sign(b"other", method), "md5=abc", f"{method}=é"):
        assert world.push(b"news", wrong).status == 202, "answered like a right one"
        assert world.feeds.due(after(10), limit=1) == []
    assert "without the right signature" in str(world.row()["problem"])
    world.push(b"news", world.sign(b"news", method))
    assert len(world.feeds.due(after(10), limit=1)) == 1


def test_intent_that_is_not_ours_is_not_verified(world: World) -> None:
    world.subscriber.subscribe()
    for changes in (
        {"hub.topic": "https://evil.example/"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": "publish"},
        {"hub.challenge": ""},
        {"hub.challenge": "x" * 5_000},
    ):
        assert world.verify(**changes).status == 404
    assert world.row()["status"] == "asked"
    assert world.subscriber.handle(Request("GET", "/websub/guess", {})).status == 404
    world.clock.now = after(7_200)
    assert world.verify().status == 404, "long after we asked"


def test_a_refusal_is_noted_and_asked_again_later(world: World) -> None:
    world.subscriber.subscribe()
    assert world.verify(**{"hub.mode": "denied", "hub.reason": "no room"}).status == 200
    assert (world.row()["status"], world.row()["problem"]) == ("denied", "the hub refused: no room")
    world.clock.now = after(7_200)
    assert len(world.subscriber.subscribe()) == 1


def test_a_lease_is_renewed_a_day_before_its_end_with_the_same_callback(world: World) -> None:
    world.subscriber.subscribe()
    world.verify()
    world.clock.now = after(8 * 86_400)
    assert world.subscriber.subscribe() == []
    world.clock.now = after(9 * 86_400 + 60)
    assert len(world.subscriber.subscribe()) == 1
    assert world.posts[0]["hub.callback"] == world.posts[1]["hub.callback"]
    assert world.posts[0]["hub.secret"] == world.posts[1]["hub.secret"]
    assert world.row()["status"] == "active", "pushes go on meanwhile"
    assert world.verify(**{"hub.lease_seconds": "1"}).status == 200
    assert world.row()["lease_until"] == to_ms(after(9 * 86_400 + 60 + 300)), "no hub makes us ask all the time"


def test_a_replayed_push_asks_the_feed_once_in_ten_seconds(world: World) -> None:
    ((one, _),) = world.subscriber.subscribe()
    world.verify()
    for second in (100, 101, 105, 109):
        world.clock.now = after(second)
        assert world.push(b"news", world.sign(b"news")).status == 202
    world.feeds.save(one.feed, world.feeds.load(one.feed), PollResult((), polled_at(world, 109), after(86_400)))
    assert world.feeds.due(after(109), limit=1) == [], (
        "what came after the poll is looked at ten seconds after the first"
    )
    assert world.feeds.due(after(111), limit=1) == [one.feed]


def polled_at(world: World, second: int) -> FeedCursor:
    facts = FeedFacts(listed=True, ok_at_ms=1, hub=world.web.url("/hub"), topic=TOPIC)
    return FeedCursor(facts=replace(facts, asked_ms=to_ms(after(second)), poll_at_ms=to_ms(after(86_400))))


def test_a_hubs_answer_is_still_accepted_after_a_restart(world: World, store: Store) -> None:
    world.subscriber.subscribe()
    with Http() as http:
        world.subscriber = WebSub(HubRepository(store), world.feeds, http, "https://us.example", clock=world.clock)
        assert world.subscriber.subscribe() == [], "asked for already"
        assert world.verify() == Response(200, "c-1")
    assert world.row()["status"] == "active"


def test_an_unsubscription_that_we_did_not_ask_for_changes_nothing(world: World) -> None:
    world.subscriber.subscribe()
    world.verify()
    before = world.row()
    assert world.verify(**{"hub.mode": "unsubscribe"}).status == 404
    assert world.row() == before


def test_each_feed_has_a_secret_of_its_own_and_no_other_opens_it(world: World) -> None:
    world.subscriber.subscribe()
    world.verify()
    other = "https://other.example/rss"
    world.feeds.add(other, "o", NOON)
    (name,) = world.feeds.due(NOON, limit=1)
    facts = FeedFacts(listed=True, ok_at_ms=1, hub=world.web.url("/hub"), topic=other, poll_at_ms=to_ms(after(86_400)))
    world.feeds.save(name, world.feeds.load(name), PollResult((), FeedCursor(facts=facts), after(86_400)))
    world.subscriber.subscribe()
    first, second = world.posts
    assert first["hub.secret"] != second["hub.secret"]
    assert first["hub.callback"] != second["hub.callback"]
    world.clock.now = after(10)
    # Signed with the first one's secret, sent to the second one's callback.
    signature = hmac.new(first["hub.secret"].encode(), b"x", hashlib.sha256).hexdigest()
    query = {"hub.mode": "subscribe", "hub.topic": other, "hub.challenge": "c"}
    world.subscriber.handle(Request("GET", world.path, query))
    assert world.push(b"x", f"sha256={signature}").status == 202
    assert world.feeds.due(after(10), limit=2) == []


def test_a_feed_that_names_another_hub_each_time_does_not_make_us_post_each_time(world: World) -> None:
    ((one, _),) = world.subscriber.subscribe()
    for second in (200, 400, 600):
        world.clock.now = after(second)
        facts = FeedFacts(listed=True, ok_at_ms=1, hub=world.web.url(f"/hub{second}"), topic=TOPIC)
        cursor = FeedCursor(facts=replace(facts, poll_at_ms=to_ms(after(86_400))))
        world.feeds.save(one.feed, world.feeds.load(one.feed), PollResult((), cursor, after(86_400)))
        assert world.subscriber.subscribe() == []
    world.clock.now = after(3_700)
    assert len(world.subscriber.subscribe()) == 1


def test_a_hub_that_is_down_or_redirects_is_plain_words(world: World) -> None:
    world.web.pages["/hub"] = Answer(status=307, headers={"Location": "/else"})
    ((_, problem),) = world.subscriber.subscribe()
    assert problem == "redirects a posted form"
    assert world.row()["problem"] == problem


HOSTILE_HUBS = [
    ("http://127.0.0.1:{port}/hub", "loopback"),
    ("http://localhost:{port}/hub", "loopback"),
    ("http://[::ffff:127.0.0.1]:{port}/hub", "loopback"),
    ("http://2130706433:{port}/hub", "address"),
    ("http://0x7f.1:{port}/hub", "address"),
    ("http://169.254.169.254/latest/", "link-local"),
    ("http://outlet.example@127.0.0.1:{port}/hub", "loopback"),
    ("file:///etc/passwd", "address"),
    ("gopher://127.0.0.1:{port}/hub", "address"),
    ("http://[/hub", "address"),
    ("//127.0.0.1:{port}/hub", "address"),
]


@pytest.mark.parametrize(("hub", "why"), HOSTILE_HUBS)
def test_a_hub_that_leads_inside_or_nowhere_is_never_posted_to(store: Store, web: Site, hub: str, why: str) -> None:
    """The feed names it: its publisher's words. The one with nothing listed meets this machine as any hub does."""
    with Http(total_s=5) as http:
        world = World(store, web, http)
        name = world.feed
        facts = FeedFacts(listed=True, ok_at_ms=1, hub=hub.format(port=web.host.rpartition(":")[2]), topic=TOPIC)
        cursor = FeedCursor(facts=replace(facts, poll_at_ms=to_ms(after(86_400))))
        world.feeds.save(name, world.feeds.load(name), PollResult((), cursor, after(86_400)))
        ((_, problem),) = world.subscriber.subscribe()
        assert why in str(problem)
        assert world.posts == []
        # The others are asked all the same, and this one not again for an hour.
        assert world.subscriber.subscribe() == []


def test_a_hub_that_answers_with_too_much_or_in_a_bomb_is_words(world: World) -> None:
    bomb = gzip.compress(b"\0" * 90_000_000)
    world.web.pages["/hub"] = Answer(bomb, status=202, headers={"Content-Encoding": "gzip"})
    ((_, problem),) = world.subscriber.subscribe()
    assert problem is None or "larger" in problem
    world.clock.now = after(7_200)
    world.web.pages["/hub"] = Answer(b"x" * 30_000_000, status=500)
    ((_, problem),) = world.subscriber.subscribe()
    assert problem


def test_a_callback_is_confirmed_for_an_hour_and_only_for_its_own_topic(world: World) -> None:
    world.subscriber.subscribe()
    for topic in ("", TOPIC + "/", TOPIC.upper(), f"{TOPIC}\0", FEED):
        assert world.verify(**{"hub.topic": topic}).status == 404
    world.clock.now = after(3_599)
    assert world.verify().status == 200
    world.clock.now = after(3_601)
    assert world.verify().status == 404, "a confirmation that comes again later changes nothing"
    assert world.row()["lease_until"] == to_ms(after(3_599 + 864_000))


@pytest.mark.parametrize(
    ("asked", "given"), [("0", 300), ("9" * 40, 2_592_000), ("-5", LEASE_S), ("١٢", LEASE_S), ("1e9", LEASE_S)]
)
def test_a_hubs_lease_has_a_least_and_a_greatest_length(world: World, asked: str, given: int) -> None:
    world.subscriber.subscribe()
    assert world.verify(**{"hub.lease_seconds": asked}).status == 200
    assert world.row()["lease_until"] == to_ms(after(given))


def test_an_oversized_push_is_refused_unread_and_counts_for_nothing(world: World) -> None:
    world.subscriber.subscribe()
    world.verify()
    world.clock.now = after(10)
    server = PushServer("127.0.0.1", 0, world.subscriber.handle, proves=world.subscriber.proves)
    with server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = f"POST {world.path} HTTP/1.1\r\nHost: us.example\r\nContent-Length: {BODY_BYTES + 1}\r\n"
        connection.sendall(f"{head}X-Hub-Signature: {world.sign(b'')}\r\n\r\n".encode() + b"x" * 1_000)
        assert b" 413 " in connection.recv(1_000)
    assert world.feeds.due(after(10), limit=1) == []


def test_words_of_a_hub_that_refuses_are_kept_short_and_shown_without_escapes(world: World) -> None:
    world.subscriber.subscribe()
    reason = "\x1b]0;PWNED\x07\u202e" + "x" * 100_000
    assert world.verify(**{"hub.mode": "denied", "hub.reason": reason}).status == 200
    said = str(world.row()["problem"])
    assert len(said) < 300
    assert "\x1b" not in harmless(said)


def test_hubs_of_link_headers() -> None:
    header = '<https://hub.example/>; rel="hub", <https://a.example/rss>; rel=self, <javascript:x>; rel=hub'
    assert header_link(header, "hub") == "https://hub.example/"
    assert header_link(header, "self") == "https://a.example/rss"
    assert header_link("<" * 10_000, "hub") is None
    assert header_link(None, "hub") is None


TOKEN = "a-token-of-some-length"


class Sink:
    def __init__(self) -> None:
        self.articles: list[RawArticle] = []
        self.away = False

    def __call__(self, articles: Sequence[RawArticle]) -> None:
        if self.away:
            raise StreamUnavailable("memory:", "away")
        self.articles += articles


def push(hook: ArticlePush, body: bytes, **headers: str) -> Response:
    given = headers or {"authorization": f"Bearer {TOKEN}"}
    return hook.handle(Request("POST", "/articles", {}, {k.replace("_", "-"): v for k, v in given.items()}, body))


def line(url: str = "https://outlet.example/a", **fields: object) -> bytes:
    return json.dumps({"url": url, "text": "Something happened.", "fetched": "1999-01-01T00:00:00Z", **fields}).encode()


def test_articles_are_taken_with_a_token_or_a_signature() -> None:
    sink = Sink()
    hook = ArticlePush(TOKEN, sink, clock=lambda: NOON)
    assert push(hook, line() + b"\n\n" + line("https://outlet.example/b", source="o")) == Response(202, "2 taken\n")
    assert [(one.url, one.source, one.fetched_at) for one in sink.articles] == [
        ("https://outlet.example/a", "outlet.example", NOON),
        ("https://outlet.example/b", "o", NOON),
    ]
    signature = hmac.new(TOKEN.encode(), line(), hashlib.sha512).hexdigest()
    assert push(hook, line(), x_signature=f"sha512={signature}").status == 202
    assert is_signed(line(), f"SHA512={signature.upper()}", TOKEN)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"x_signature": "sha256=00"},
        {"authorization": "Bearer é"},
    ],
)
def test_nothing_is_accepted_from_a_stranger(headers: dict[str, str]) -> None:
    sink = Sink()
    assert push(ArticlePush(TOKEN, sink, clock=lambda: NOON), line(), **headers).status == 401
    assert sink.articles == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not 0"),
        (line() + b"\nnot json", "line 2: not JSON"),
        (line("file:///etc/passwd"), "line 1: not an http or https address"),
        (b"[" * 100_000, "line 1"),
        (b'{"url": 5}', "line 1: not a raw article"),
        (line() + b"\n" + b"{}\n" * MAX_ARTICLES, "lines, not 501"),
    ],
)
def test_a_request_with_a_bad_line_is_refused_as_a_whole(body: bytes, said: str) -> None:
    sink = Sink()
    answer = push(ArticlePush(TOKEN, sink, clock=lambda: NOON), body)
    assert (answer.status, sink.articles) == (400, [])
    assert said in answer.text


def test_a_compressed_push_is_refused_in_words() -> None:
    sink = Sink()
    answer = push(
        ArticlePush(TOKEN, sink, clock=lambda: NOON), line(), authorization=f"Bearer {TOKEN}", content_encoding="gzip"
    )
    assert (answer.status, sink.articles) == (415, [])


def test_while_the_stream_is_unavailable_senders_get_a_retry_after() -> None:
    sink = Sink()
    sink.away = True
    assert push(ArticlePush(TOKEN, sink, clock=lambda: NOON), line()).status == 503


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    def echo(request: Request) -> Response:
        return Response(200, f"{request.method} {request.path} {dict(request.query)} {len(request.body)}")

    with PushServer("127.0.0.1", 0, echo) as running:
        yield "127.0.0.1", running.port


def test_the_server_gives_requests_as_they_are(server: tuple[str, int]) -> None:
    url = f"http://{server[0]}:{server[1]}/a/b?{urlencode({'x': 'é', 'y': ''})}&x=2"
    with urllib.request.urlopen(url, data=b"12345", timeout=10) as answer:
        assert answer.read().decode() == "POST /a/b {'x': 'é'} 5"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10)
    assert caught.value.code == 405


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /a HTTP/1.1\r\nHost: us\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES + 1), b"413"),
        (b"POST /a HTTP/1.1\r\nHost: us\r\nContent-Length: 99999999999999999999\r\n\r\n", b"413"),
        (b"POST /a HTTP/1.1\r\nHost: us\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /a HTTP/1.1\r\nHost: us\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST /a HTTP/1.1\r\nHost: us\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST /a HTTP/1.1\r\nHost: us\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 0\r\n\r\n0\r\n\r\n", b"400"),
        (b"POST /a HTTP/1.0\r\nHost: us\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: us\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: us\r\n" + b"X: y\r\n" * 150 + b"\r\n", b"431"),
        (b"GET /?" + b"a=1&" * 100 + b" HTTP/1.1\r\nHost: us\r\n\r\n", b"400"),
        (b"GET http://[/ HTTP/1.1\r\nHost: us\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01 no http at all\r\n\r\n", b"400"),
    ],
)
def test_hostile_requests_are_answered_and_the_server_continues(
    server: tuple[str, int], sent: bytes, status: bytes
) -> None:
    with socket.create_connection(server, timeout=10) as connection:
        connection.sendall(sent)
        assert status in connection.recv(200)
    with urllib.request.urlopen(f"http://{server[0]}:{server[1]}/", timeout=10) as answer:
        assert answer.status == 200


def test_a_sender_that_is_silent_or_trickles_is_cut_off() -> None:
    slow = threading.Event()

    def handle(request: Request) -> Response:
        # Longer than a sender may be silent: the one who is waited for is us.
        slow.wait(0.6)
        return Response(200, "taken")

    with PushServer("127.0.0.1", 0, handle, idle_s=0.3, whole_s=1.0) as running:
        address = ("127.0.0.1", running.port)
        with socket.create_connection(address, timeout=10) as silent:
            assert _ended(silent) == b""
        with socket.create_connection(address, timeout=10) as trickling:
            trickling.sendall(b"POST / HTTP/1.1\r\nHost: us\r\nContent-Length: 1000\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(100):
                    trickling.sendall(b"x")
                    time.sleep(0.05)
                pytest.fail("it may trickle for five seconds")
        with socket.create_connection(address, timeout=10) as patient:
            patient.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"taken" in _ended(patient)


PUSH = b"POST /articles HTTP/1.1\r\nHost: us\r\nContent-Length: %d\r\n"
HEAD = PUSH % 1_000 + b"\r\n"
FLOODS = {
    "idle": [b""],
    "headers that trickle": [b"GET / HTTP/1.1\r\nHost: us\r\nX: "],
    "bodies that don't come": [HEAD],
    "signed bodies that don't come": [PUSH % 1_000 + b"X-Signature: sha256=00\r\n\r\n"],
    "wrong tokens": [PUSH % 1_000 + b"Authorization: Bearer wrong\r\n\r\n"],
    "all of them": [b"", b"POST /art", HEAD, PUSH % 1_000 + b"X-Signature: sha256=00\r\n\r\n"],
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("shown", ["token", "signature"])
def test_pushes_come_through_however_many_connections_show_nothing(
    flood: str, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Sink()
    hook = ArticlePush(TOKEN, sink, clock=lambda: NOON)
    proof = {"token": {"Authorization": f"Bearer {TOKEN}"}, "signature": {"X-Signature": sign(line())}}[shown]
    with contextlib.ExitStack() as held, PushServer("127.0.0.1", 0, hook.handle, proves=hook.proves) as running:
        address = ("127.0.0.1", running.port)
        for number in range(200):
            one = held.enter_context(socket.create_connection(address, timeout=10))
            with contextlib.suppress(OSError):
                one.sendall(FLOODS[flood][number % len(FLOODS[flood])])
        for _ in range(3):
            url = f"http://127.0.0.1:{running.port}/articles"
            request = urllib.request.Request(url, data=line(), headers=proof)
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 202
    assert len(sink.articles) == 3
    assert caplog.records == [], "a stranger fills no log"


def test_a_hub_that_a_feed_names_takes_no_places_from_those_with_the_token(world: World) -> None:
    """Any publisher can name a hub, and so gets an address of ours."""
    world.subscriber.subscribe()
    world.verify()
    sink = Sink()
    hook = ArticlePush(TOKEN, sink, clock=lambda: NOON)

    def is_hub(request: Request) -> bool:
        return request.path.startswith("/websub/")

    server = PushServer(
        "127.0.0.1",
        0,
        lambda one: (world.subscriber if is_hub(one) else hook).handle(one),
        proves=lambda one: (world.subscriber if is_hub(one) else hook).proves(one),
    )
    head = f"POST {world.path} HTTP/1.1\r\nHost: us\r\nContent-Length: 9\r\n\r\n".encode()
    with contextlib.ExitStack() as held, server:
        for _ in range(MAX_PROVEN + 8):
            held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10)).sendall(head)
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/articles", data=line(), headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 202
    assert len(sink.articles) == 1


def sign(body: bytes) -> str:
    return "sha256=" + hmac.new(TOKEN.encode(), body, "sha256").hexdigest()


def test_headers_have_a_short_time_and_a_body_of_a_stranger_is_not_waited_for() -> None:
    hook = ArticlePush(TOKEN, Sink(), clock=lambda: NOON)
    with PushServer("127.0.0.1", 0, hook.handle, proves=hook.proves, headers_s=0.3) as running:
        address = ("127.0.0.1", running.port)
        with socket.create_connection(address, timeout=10) as trickling, contextlib.suppress(OSError):
            trickling.sendall(b"GET / HTTP/1.1\r\n")
            for _ in range(100):
                trickling.sendall(b"X")
                time.sleep(0.05)
            pytest.fail("it may trickle headers for five seconds")
        with socket.create_connection(address, timeout=10) as stranger:
            stranger.sendall(HEAD)
            assert b"401" in stranger.recv(200)


class Held:
    """A connection, as far as the count of them goes."""

    def __init__(self, peer: str, *, waiting: bool = False) -> None:
        self.peer, self.waiting, self.gone = peer, waiting, False
        self.transport = self  # type: ignore[assignment]

    def abort(self) -> None:
        self.gone = True


def test_the_oldest_of_the_heaviest_peer_goes_and_what_has_proved_itself_stays() -> None:
    connections = Connections(proven=2, unproven=5, per_peer=3)
    mine, many = Held("a"), [Held("b") for _ in range(5)]
    for one in [mine, *many]:
        connections.opened(one)  # type: ignore[arg-type]
    assert [one.gone for one in many] == [True, True, False, False, False]
    others = [Held(peer) for peer in ("c", "d")]
    for one in others:
        connections.opened(one)  # type: ignore[arg-type]
    assert many[2].gone
    assert not any(one.gone for one in [mine, *others])
    assert connections.proved(mine)  # type: ignore[arg-type]
    assert connections.proved(many[4])  # type: ignore[arg-type]
    assert not connections.proved(others[0])  # type: ignore[arg-type]
    for _ in range(20):
        connections.opened(Held("b"))  # type: ignore[arg-type]
    assert not mine.gone
    assert not many[4].gone
    connections.closed(mine)  # type: ignore[arg-type]
    assert connections.proved(others[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "same"), [("2001:db8:7:101::1", "2001:db8:7:1ff::2", True), ("192.0.2.1", "192.0.2.2", False)]
)
def test_all_addresses_of_one_customer_are_one_peer(one: str, other: str, same: bool) -> None:
    seen: list[str] = []

    class Noting(Connections):
        def opened(self, one: Connection) -> None:
            seen.append(one.peer)

    loop = asyncio.new_event_loop()
    kind = bounded_protocol(Noting(), headers_s=1, idle_s=1)
    config = uvicorn.Config(mock.Mock(), interface="asgi3", log_config=None)
    config.load()
    for address in (one, other):
        protocol = kind(config=config, server_state=uvicorn.server.ServerState(), app_state={}, _loop=loop)  # type: ignore[call-arg]
        transport = mock.Mock(asyncio.Transport)
        connected = mock.Mock(socket.socket)
        connected.getpeername.return_value = (address, 50_000, 0, 0)
        transport.get_extra_info.side_effect = {"socket": connected}.get
        protocol.connection_made(transport)
        protocol.connection_lost(None)
    loop.close()
    assert (seen[0] == seen[1]) is same


def test_one_that_waits_for_its_signed_body_goes_last() -> None:
    connections = Connections(per_peer=2)
    signed, idle, newest = Held("a", waiting=True), Held("a"), Held("a")
    for one in (signed, idle, newest):
        connections.opened(one)  # type: ignore[arg-type]
    assert [one.gone for one in (signed, idle, newest)] == [False, True, False]


def test_pushes_beyond_the_limit_get_a_retry_after() -> None:
    go, inside = threading.Event(), threading.Semaphore(0)

    def slow(_: Request) -> Response:
        inside.release()
        go.wait(20)
        return Response(202)

    connections = Connections(proven=2)
    running = PushServer("127.0.0.1", 0, slow, proves=lambda _: True, connections=connections)
    with running, contextlib.ExitStack() as held:
        several = [held.enter_context(socket.create_connection(("127.0.0.1", running.port), 10)) for _ in range(3)]
        for one in several[:2]:
            one.sendall(PUSH % 0 + b"\r\n")
            assert inside.acquire(timeout=10)
        several[2].sendall(PUSH % 0 + b"\r\n")
        assert b"503" in several[2].recv(200)
        go.set()
        assert all(b"202" in one.recv(200) for one in several[:2])
    assert MAX_PROVEN == 32


def _ended(connection: socket.socket) -> bytes:
    """What came until the other side ended it."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1_000):
            found += part
    return found


def test_a_whole_subscription_over_http(store: Store, web: Site) -> None:
    """The hub verifies while it is being asked, then pushes; all over real connections."""
    with Http(allow_private=[web.host], total_s=10) as http:
        world = World(store, web, http)
        verified: list[bytes] = []

        def hub(request: BaseHTTPRequestHandler) -> Answer:
            answer = world._hub(request)
            query = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "c-2"}
            url = f"{world.posts[-1]['hub.callback']}?{urlencode(query)}"
            with urllib.request.urlopen(url, timeout=10) as got:
                verified.append(got.read())
            return answer

        web.pages["/hub"] = hub
        server = PushServer("127.0.0.1", 0, lambda request: subscriber.handle(request))
        base = f"http://127.0.0.1:{server.port}"
        subscriber = WebSub(HubRepository(store), world.feeds, http, base, clock=world.clock)
        with server:
            ((_, problem),) = subscriber.subscribe()
            assert (problem, verified) == (None, [b"c-2"])
            world.clock.now = after(10)
            push = urllib.request.Request(
                world.posts[0]["hub.callback"], data=b"<rss/>", headers={"X-Hub-Signature": world.sign(b"<rss/>")}
            )
            with urllib.request.urlopen(push, timeout=10) as answer:
                assert answer.status == 202
    assert len(world.feeds.due(after(10), limit=1)) == 1
