"""The hostile server, polled by the real runner with a real store: each case does what it should, and nothing stops."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.base import PollReport
from connectors.feeds import FeedConnector, FeedPolicy
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.runner import Event, Polled, RunnerOptions, run
from connectors.store.feeds import FeedRepository
from connectors.store.rows import feed_id
from connectors.testing import MemoryStream
from core.records import RawArticle
from core.store import open_store
from tests.connectors import hostile
from tests.connectors.hostile import RUSSIAN, items, rss, said, xml
from tests.connectors.support import Answer, Clock, Site

DAY = timedelta(days=1)
POLICY = FeedPolicy(interval_s=60, jitter=0.0, ceiling_s=3_600, page_retries_s=(60.0,), poll_budget_s=5.0)


@dataclass
class World:
    """The connectors service in small: a store, a stream, a runner; the clock moves when nothing is to be done."""

    web: Site
    folder: Path
    total_s: float = 2.0
    stream: MemoryStream = field(default_factory=MemoryStream)
    clock: Clock = field(default_factory=Clock)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = open_store(f"sqlite:///{self.folder / 'store.db'}")
        self.state = FeedRepository(self.store, owner="me", linger_s=0.0)

    def watch(self, *urls: str) -> None:
        for url in urls:
            self.state.add(url, "hostile", self.clock())

    def run_for(self, span: timedelta) -> None:
        """Poll all that comes due in this time."""
        end = self.clock() + span
        allowed = [self.web.host]
        with Http(allow_private=allowed, total_s=self.total_s) as http:
            pacing = HostPacing(0.0)
            run(
                self.state,
                lambda name: FeedConnector(*self.state.source(name)[2:], http, pacing, policy=POLICY),
                self.stream,
                clock=self.clock,
                wait=self.clock.wait,
                stop=lambda: self.clock() >= end,
                on_event=self.events.append,
                options=RunnerOptions(workers=4, idle_s=600),
            )

    def polls(self, url: str) -> list[Polled]:
        return [one for one in self.events if isinstance(one, Polled) and one.name == feed_id(url)]

    def articles(self, url: str) -> list[RawArticle]:
        return [one for one in self.stream.articles() if one.feed_url == url]

    def health(self, url: str) -> tuple[str, str | None]:
        (row,) = [row for row in self.state.listing() if row.url == url]
        return row.health, row.problem


@pytest.fixture
def world(web: Site, tmp_path: Path) -> Iterator[World]:
    here = World(web, tmp_path)
    yield here
    here.store.close()


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Lets servers that stall go home."""
    event = threading.Event()
    yield event
    event.set()


def unreadable(web: Site, over: threading.Event) -> dict[str, tuple[hostile.Page, str]]:
    """Feeds that give nothing: what the server does, and the words that the desk reads."""
    broke_off = "the connection was lost, or the server does not speak HTTP"
    feed = rss(items(said("x"))).encode()
    return {
        "/html": (xml("<!doctype html><html><body>Log in</body></html>"), "not a feed: an HTML page"),
        "/pdf": (xml(b"%PDF-1.7 ..."), "not a feed: a PDF document"),
        "/json": (xml('{"error": "no"}', "application/json"), "not a feed: JSON but not a JSON Feed"),
        "/empty": (Answer(b""), "not a feed: empty"),
        "/cut": (xml("<rss version='2.0'><channel><title>T</title><item"), "a feed that is cut short before its first item"),
        "/endless": (hostile.endless, "larger than 10 MiB"),
        "/endless-header": (hostile.endless_header, broke_off),
        "/declared-huge": (Answer(feed, headers={"Content-Length": str(1 << 40)}, length=False), "larger than 10 MiB"),
        "/short": (Answer(feed, headers={"Content-Length": "99999"}, length=False), broke_off),
        "/drip": (hostile.Drip(over), "timed out after 2 s"),
        "/stall": (Answer(b"<rss>", stall=over, length=False), "timed out after 2 s"),
        "/loop": (to("/loop"), "redirects more than 5 times"),
        "/to-private": (to("http://169.254.169.254/latest/meta-data/"), "refused: the host is at a link-local address"),
        "/to-loopback": (to("http://127.0.0.1:1/"), "refused: the host is at a loopback address"),
        "/to-file": (to("file:///etc/hostname"), "not an http or https address (file)"),
        "/bomb-body": (xml(hostile.gzip_bomb(), **{"Content-Encoding": "gzip"}), "larger than 10 MiB"),
        "/bomb-file": (xml(hostile.gzip_bomb(), "application/gzip"), "not a feed: larger than 20 MiB when unpacked"),
        "/gzip-in-gzip": (xml(_packed(feed, 5), "application/gzip"), "not a feed: packed more than 3 times"),
        "/broken-gzip": (xml(b"no gzip", **{"Content-Encoding": "gzip"}), "sent a broken compressed body"),
        "/brotli": (xml(b"x", **{"Content-Encoding": "br"}), "sent in an encoding that was not asked for (br)"),
        "/tags": (xml("<rss version='2.0'><channel>" + "<item>" * 300_001), "more than 300,000 elements: not read"),
        "/noise": (hostile.noise, broke_off),
        "/304": (Answer(status=304), "answers 304 (not modified) to an unconditional request"),
        "/500": (Answer(status=500), "500 internal server error"),
        "/410": (Answer(status=410), "410 gone"),
        "/busy": (Answer(status=429, headers={"Retry-After": "soon"}), "429 too many requests"),
    }  # fmt: skip


def to(address: str) -> Answer:
    return Answer(status=301, headers={"Location": address})


def _packed(body: bytes, times: int) -> bytes:
    for _ in range(times):
        body = gzip.compress(body)
    return body


@pytest.mark.slow
def test_all_of_them_at_once_and_the_good_feed_s_news_arrive(
    world: World, over: threading.Event, tmp_path: Path
) -> None:
    """Every hostile feed is polled, again and again, beside a good one: each says what is wrong, and none stops it."""
    web = world.web
    cases = unreadable(web, over)
    web.pages |= {path: page for path, (page, _) in cases.items()}
    web.pages["/good"] = xml(rss(items(said("good", 1))))
    good = web.url("/good")
    with hostile.tls_site(tmp_path, rss("").encode()) as secure:
        plain = f"https://{web.host}/good"
        world.watch(*map(web.url, cases), f"https://{secure}/feed", plain, good)
        world.run_for(timedelta(minutes=5))
        web.pages["/good"] = xml(rss(items(said("good", 2), said("good", 1))))
        world.run_for(timedelta(hours=3))
    for path, (_, words) in cases.items():
        polls = world.polls(web.url(path))
        assert len(polls) > (1 if path != "/410" else 0), path
        assert {str(poll.error.problem) for poll in polls if poll.error} == {words}, path
        assert world.health(web.url(path)) == ("gone" if path == "/410" else "failing", words), path
        assert world.articles(web.url(path)) == [], path
    assert "refused: the host is at a loopback address" in str(world.health(f"https://{secure}/feed"))
    assert [(one.title, one.backfill) for one in world.articles(good)] == [("good 1", True), ("good 2", False)]
    assert world.health(good) == ("ok", None)
    assert all(isinstance(event, Polled) for event in world.events), "no connector broke"


def test_untrusted_tls_is_reported(world: World, tmp_path: Path) -> None:
    with (
        hostile.tls_site(tmp_path, rss(items(said("x"))).encode()) as secure,
        Http(allow_private=["127.0.0.1"]) as http,
    ):
        answer = http.fetch(f"https://{secure}/feed", now=world.clock())
        plain = http.fetch(f"https://{world.web.host}/", now=world.clock())
    assert "no secure connection: the certificate is not valid (self-signed certificate)" in str(answer)
    assert "no secure connection: " in str(plain)


@pytest.mark.parametrize(
    ("about", "page", "titles"),
    [
        ("an image, it says", xml(rss(items(said("a"))), "image/png"), ["a 1"]),
        ("a page, it says", xml(rss(items(said("a"))), "text/html; charset=ascii"), ["a 1"]),
        ("no type", Answer(rss(items(said("a"))).encode()), ["a 1"]),
        ("packed twice", xml(_packed(rss(items(said("a"))).encode(), 2), "application/gzip"), ["a 1"]),
        ("UTF-8 called windows-1251", xml(rss(items(f"<title>{RUSSIAN}</title><guid>1</guid><description>x</description>")),
         "text/xml; charset=windows-1251"), [RUSSIAN]),
        ("windows-1251 called UTF-8", xml(rss(items(f"<title>{RUSSIAN}</title><guid>1</guid><description>x</description>"),
         declaration="<?xml version='1.0' encoding='windows-1251'?>").encode("cp1251"), "text/xml; charset=utf-8"), [RUSSIAN]),
        ("windows-1251 called nothing", xml(rss(items(f"<title>{RUSSIAN}</title><guid>1</guid><description>x</description>"))
         .encode("cp1251")), [RUSSIAN]),
        ("UTF-16 with a mark", xml(rss(items(said("a"))).encode("utf-16")), ["a 1"]),
        ("one guid for all", xml(rss(items(*(
            f"<title>t{n}</title><guid isPermaLink='false'>same</guid><description>text {n}</description><link>/p{n}</link>"
            for n in range(3))))), ["t2", "t1", "t0"]),
        ("twins", xml(rss(items(said("a"), said("a"), said("a")))), ["a 1"]),
        ("an entity bomb", xml(hostile.entity_bomb()), None),
        ("nested a hundred thousand deep", xml(rss(items(said("a")) + "<b>" * 100_000)), ["a 1"]),
        ("links that are none", xml(rss(items(*(
            f"<title>t{n}</title><link>{link}</link><description>text</description>"
            for n, link in enumerate(["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "http://["]))))),
         ["t3", "t2", "t1", "t0"]),
        ("control characters", xml(rss(items("<title>a\0\x07b</title><guid>1</guid><description>x</description>"))), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_can_be_read_is_read(world: World, about: str, page: Answer, titles: list[str] | None) -> None:
    url = world.web.url("/feed")
    world.web.pages["/feed"] = page
    world.watch(url)
    world.run_for(timedelta(minutes=10))
    found = world.articles(url)
    assert world.health(url) == ("ok", None), about
    assert found
    assert all(len(one.title or "") < 500 for one in found)
    if titles is not None:
        assert [one.title for one in found] == titles
    assert not any("\0" in (one.title or "") for one in found)


def test_an_external_entity_reads_no_file_and_asks_no_server(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret words")
    url = world.web.url("/feed")
    world.web.pages["/feed"] = xml(hostile.external_entity(secret, world.web))
    world.watch(url)
    world.run_for(timedelta(minutes=10))
    assert world.articles(url)
    assert "secret words" not in str(world.stream.records)
    assert "/asked-by-an-entity" not in world.web.paths()


def test_a_wrong_etag_delays_news_by_hours_but_never_hides_it(world: World) -> None:
    url, box = world.web.url("/feed"), [1]
    world.web.pages["/feed"] = hostile.lying_etag("lie", box)
    world.watch(url)
    world.run_for(timedelta(minutes=10))
    box[0] = 2
    world.run_for(timedelta(hours=8))
    assert [one.title for one in world.articles(url)] == ["lie 1", "lie 2"]
    asked = [headers for path, headers in world.web.asked if path == "/feed"]
    assert sum("if-none-match" not in headers for headers in asked) == 2, "once at first, once after six hours"


def test_answering_304_to_every_request_costs_only_requests(world: World) -> None:
    url = world.web.url("/feed")
    answers = iter([xml(rss(items(said("a"))), ETag='"1"')])
    world.web.pages["/feed"] = lambda _: next(answers, Answer(status=304))
    world.watch(url)
    world.run_for(DAY)
    assert [one.title for one in world.articles(url)] == ["a 1"]
    health, problem = world.health(url)
    assert (health, problem) == ("failing", "answers 304 (not modified) to an unconditional request"), "it lies"


def test_hostile_pages_leave_the_feed_s_own_text(world: World) -> None:
    web = world.web
    web.pages |= {
        "/loop": Answer(status=302, headers={"Location": "/loop"}),
        "/inside": Answer(status=302, headers={"Location": "http://10.0.0.1/admin"}),
        "/endless": hostile.endless,
        "/zip": Answer(b"PK\x03\x04 zip", headers={"Content-Type": "text/html"}),
        "/twice": Answer(
            _packed(b"<html><body><p>Packed twice.</p></body></html>", 2), headers={"Content-Type": "text/html"}
        ),
        "/bomb": Answer(hostile.gzip_bomb(), headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}),
    }
    paths = list(web.pages)
    web.pages["/feed"] = xml(rss(items(*(
        f"<title>{path}</title><link>{web.url(path)}</link><description>Said of {path}.</description>" for path in paths
    ))))  # fmt: skip
    url = web.url("/feed")
    world.watch(url)
    world.run_for(timedelta(hours=1))
    found = {one.title: one for one in world.articles(url)}
    assert found.keys() == set(paths)
    assert found["/twice"].html == "<html><body><p>Packed twice.</p></body></html>"
    assert {title: one.text for title, one in found.items() if title != "/twice"} == {
        path: f"Said of {path}." for path in paths if path != "/twice"
    }
    problems = {one.problem for poll in world.polls(url) for one in poll.report.page_failures}
    assert problems == {
        "redirects more than 5 times",
        "refused: the host is at a private address",
        "larger than 8 MiB",
        "not a page but a ZIP archive",
    }
    assert PollReport().page_failures == ()
