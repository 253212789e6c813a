"""A feed on a real server, polled step by step with a clock of the test's."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler

import pytest

from connectors.base import PollResult
from connectors.feeds import FeedConnector, FeedCursor, FeedPolicy
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from core.errors import FailureKind
from tests.connectors.support import NOON, Answer, Site, after

POLICY = FeedPolicy(interval_s=10, jitter=0.0, page_retries_s=(5.0, 20.0), change_gap_s=0.0)


def rss(site: Site, *entries: str, more: str = "") -> Answer:
    items = "".join(
        f"<item><title>About {name}</title><link>{site.url('/' + name)}</link><guid>{name}</guid>{more}</item>"
        for name in entries
    )
    xml = f"<rss version='2.0'><channel><title>Local</title><language>en</language>{items}</channel></rss>"
    return Answer(xml.encode(), headers={"Content-Type": "application/rss+xml"})


def page(text: str) -> Answer:
    return Answer(
        f"<html><body><p>{text}</p></body></html>".encode(), headers={"Content-Type": "text/html; charset=utf-8"}
    )


class Poller:
    """Polls as the runner does: with the cursor of the poll before."""

    def __init__(self, site: Site, http: Http, *, policy: FeedPolicy = POLICY, gap_s: float = 0.0) -> None:
        self.url = site.url("/rss")
        self.connector = FeedConnector(
            self.url, "local", http, HostPacing(gap_s), policy=policy, rng=random.Random(1), stopwatch=lambda: 0.0
        )
        self.cursor: FeedCursor | None = None

    def poll(self, now: datetime) -> PollResult[FeedCursor]:
        result = self.connector.poll(self.cursor, now)
        self.cursor = result.cursor
        return result


@pytest.fixture
def http(web: Site) -> Iterator[Http]:
    with Http(allow_private=[web.host], total_s=10) as client:
        yield client


def test_the_first_poll_only_lists_then_backfill_then_news(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "b", "a"), "/a": page("old a"), "/b": page("old b"), "/c": page("new c")}
    feed = Poller(web, http)
    first = feed.poll(NOON)
    assert (first.items, first.wake_at, first.report.new, first.report.pending) == ((), NOON, 2, 2)
    assert web.paths() == ["/rss"]
    second = feed.poll(NOON)
    assert [(item.url, item.backfill) for item in second.items] == [(web.url("/a"), True), (web.url("/b"), True)]
    assert second.wake_at == after(10)
    web.pages["/rss"] = rss(web, "c", "b", "a")
    third = feed.poll(after(10))
    (news,) = third.items
    assert (news.url, news.backfill, news.html) == (web.url("/c"), False, "<html><body><p>new c</p></body></html>")
    assert (news.source, news.feed_url, news.title, news.guid, news.language) == (
        "local",
        feed.url,
        "About c",
        "c",
        "en",
    )
    assert news.fetched_at == after(10)
    assert news.http
    assert news.http.status == 200
    assert (third.report.new, third.report.unchanged) == (1, 2)
    assert feed.poll(after(20)).report.not_modified, "the same bytes again"


def test_an_unchanged_feed_costs_one_conditional_request(web: Site, http: Http) -> None:
    body = rss(web, "a")

    def feed_page(request: BaseHTTPRequestHandler) -> Answer:
        if request.headers["If-None-Match"] == '"v1"':
            return Answer(status=304)
        return Answer(body.body, headers={"ETag": '"v1"'})

    web.pages |= {"/rss": feed_page, "/a": page("a")}
    feed = Poller(web, http)
    feed.poll(NOON)
    feed.poll(NOON)
    web.asked.clear()
    result = feed.poll(after(10))
    assert (result.report.not_modified, result.items, web.paths()) == (True, (), ["/rss"])
    assert web.asked[0][1]["if-none-match"] == '"v1"'
    later = 10 + POLICY.full_fetch_s
    feed.poll(after(later))
    assert "if-none-match" not in web.asked[-1][1], "now and then the whole feed is asked for"
    feed.poll(after(later + 10))
    assert web.asked[-1][1]["if-none-match"] == '"v1"'


def test_a_changed_item_is_fetched_again_an_unchanged_one_is_not(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "a"), "/a": page("first")}
    feed = Poller(web, http)
    feed.poll(NOON)
    feed.poll(NOON)
    web.pages |= {"/rss": rss(web, "a", more="<description>Corrected.</description>"), "/a": page("second")}
    (again,) = feed.poll(after(10)).items
    assert again.html
    assert "second" in again.html
    assert not again.backfill
    web.asked.clear()
    assert feed.poll(after(20)).items == ()
    assert web.paths() == ["/rss"]


def test_a_page_that_fails_is_tried_again_and_then_replaced_by_the_feeds_text(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "a", "b", more="<description>What the feed says.</description>"), "/b": page("b")}
    feed = Poller(web, http)
    feed.poll(NOON)
    second = feed.poll(NOON)
    assert [item.url for item in second.items] == [web.url("/b")]
    assert second.report.page_failures == ((web.url("/a"), "404 not found", FailureKind.HTTP_4XX),)
    assert second.wake_at == after(5)
    assert feed.poll(after(5)).items == ()
    last = feed.poll(after(25))
    (given,) = last.items
    assert (given.url, given.text, given.html, given.stub) == (web.url("/a"), "What the feed says.", None, None)
    assert given.http
    assert given.http.status == 404
    assert (last.report.given_up, last.report.pending) == (1, 0)


def test_a_page_without_any_text_anywhere_becomes_a_stub(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "a"), "/a": Answer(status=410)}
    feed = Poller(web, http)
    feed.poll(NOON)
    (stub,) = feed.poll(NOON).items
    assert (stub.stub, stub.text, stub.html, stub.title) == ("fetch_failed", None, None, "About a")


def test_other_content_is_not_mistaken_for_a_page(web: Site, http: Http) -> None:
    web.pages |= {
        "/rss": rss(web, "pdf", "empty", "plain"),
        "/pdf": Answer(b"%PDF", headers={"Content-Type": "application/pdf"}),
        "/empty": Answer(b" \n", headers={"Content-Type": "text/html"}),
        "/plain": Answer("Größe".encode("latin-1"), headers={"Content-Type": "text/plain; charset=iso-8859-1"}),
    }
    feed = Poller(web, http)
    feed.poll(NOON)
    result = feed.poll(NOON)
    assert {(item.url.rpartition("/")[2], item.text, item.stub) for item in result.items} == {
        ("plain", "Größe", None),
        ("pdf", None, "fetch_failed"),
    }
    assert {(one.problem, one.kind) for one in result.report.page_failures} == {
        ("not a page but application/pdf", FailureKind.NO_PAGE),
        ("an empty page", FailureKind.BODY),
    }


def test_the_url_is_the_one_after_redirects(web: Site, http: Http) -> None:
    web.pages |= {
        "/rss": rss(web, "go"),
        "/go": Answer(status=302, headers={"Location": "/final?x=1"}),
        "/final?x=1": page("end"),
    }
    feed = Poller(web, http)
    feed.poll(NOON)
    assert [item.url for item in feed.poll(NOON).items] == [web.url("/final?x=1")]


def test_pages_that_redirect_to_the_front_page_are_replaced_by_the_feeds_text(web: Site, http: Http) -> None:
    web.pages |= {
        "/rss": rss(web, "a", "b", more="<description>What the feed says.</description>"),
        "/a": Answer(status=302, headers={"Location": "/?utm_source=moved"}),
        "/b": Answer(status=301, headers={"Location": "/"}),
        "/": page("front"),
        "/?utm_source=moved": page("front"),
    }
    feed = Poller(web, http)
    feed.poll(NOON)
    given = feed.poll(NOON)
    assert {(one.url, one.text, one.html) for one in given.items} == {
        (web.url("/a"), "What the feed says.", None),
        (web.url("/b"), "What the feed says.", None),
    }
    assert {one.problem for one in given.report.page_failures} == {"redirects to the front page"}


def test_an_item_without_address_gives_its_text(web: Site, http: Http) -> None:
    entry = "<item><title>Flash</title><guid>77</guid><description>Short news.</description></item>"
    web.pages["/rss"] = Answer(f"<rss version='2.0'><channel>{entry}</channel></rss>".encode())
    feed = Poller(web, http)
    feed.poll(NOON)
    (flash,) = feed.poll(NOON).items
    assert flash.text == "Short news."
    assert flash.url.startswith(feed.url + "?wirewatch-item=")
    assert web.paths() == ["/rss"]


def test_no_more_pages_a_poll_than_allowed_and_the_rest_at_once_after(web: Site, http: Http) -> None:
    names = [f"n{n}" for n in range(5)]
    web.pages |= {"/rss": rss(web, *names)} | {f"/{name}": page(name) for name in names}
    feed = Poller(web, http, policy=FeedPolicy(jitter=0.0, interval_s=10, pages_per_poll=2))
    feed.poll(NOON)
    sizes = []
    while True:
        result = feed.poll(NOON)
        sizes.append(len(result.items))
        if result.wake_at and result.wake_at > NOON:
            break
    assert sizes == [2, 2, 1]


def test_one_host_is_asked_once_a_gap_also_for_the_feed(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "a", "b"), "/a": page("a"), "/b": page("b")}
    feed = Poller(web, http, gap_s=4.0)
    feed.poll(NOON)
    second = feed.poll(NOON)
    assert (second.items, second.wake_at) == ((), after(4))
    third = feed.poll(after(4))
    assert (len(third.items), third.wake_at) == (1, after(8))
    assert len(feed.poll(after(8)).items) == 1
    assert web.paths() == ["/rss", "/b", "/a"]
    busy = feed.poll(after(10))
    assert (busy.error, busy.wake_at, len(web.asked)) == (None, after(12), 3), "due, but its host is not free"


def test_a_host_that_says_429_is_left_alone(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "a", "b"), "/b": Answer(status=429, headers={"Retry-After": "90"}), "/a": page("a")}
    feed = Poller(web, http)
    feed.poll(NOON)
    second = feed.poll(NOON)
    assert (second.items, second.wake_at) == ((), after(90))
    assert web.paths() == ["/rss", "/b"]


def test_a_failing_feed_backs_off_and_comes_back(web: Site, http: Http) -> None:
    web.pages["/rss"] = Answer(status=500)
    feed = Poller(web, http)
    first = feed.poll(NOON)
    assert first.error
    assert (str(first.error), first.wake_at) == (f"{feed.url}: 500 internal server error", after(10))
    assert feed.poll(after(10)).wake_at == after(30)
    web.pages["/rss"] = Answer(b"<html></html>")
    third = feed.poll(after(30))
    assert third.error
    assert third.error.problem == "not a feed: an HTML page"
    web.pages |= {"/rss": rss(web, "a"), "/a": page("a")}
    fourth = feed.poll(after(70))
    assert (fourth.error, fourth.report.new, fourth.cursor.facts.failures) == (None, 1, 0)
    assert feed.poll(after(70)).items[0].backfill


def test_feed_and_pages_take_turns_if_the_host_allows_one_request_at_a_time(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "b", "a"), "/a": page("a"), "/b": page("b")}
    feed = Poller(web, http, policy=FeedPolicy(jitter=0.0, interval_s=2), gap_s=5.0)
    for at in (0, 5, 10, 15, 20):
        feed.poll(after(at))
    assert web.paths() == ["/rss", "/a", "/rss", "/b", "/rss"], "the feed is always due, but its pages get their turn"


def test_polling_at_the_wake_time_never_spins(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "c", "b", "a"), "/a": page("a"), "/b": Answer(status=500), "/c": Answer(status=503)}
    feed = Poller(web, http, policy=FeedPolicy(jitter=0.0, interval_s=7, pages_per_poll=1), gap_s=3.0)
    now, idle = NOON, 0
    for _ in range(60):
        asked = len(web.asked)
        wake_at = feed.poll(now).wake_at
        assert wake_at
        idle = idle + 1 if wake_at <= now and len(web.asked) == asked else 0
        assert idle < 2, "polled at once again although nothing could be done"
        now = max(now, wake_at)
    assert now > after(120)


def test_a_feed_that_moved_is_asked_at_its_new_place(web: Site, http: Http) -> None:
    web.pages |= {"/rss": Answer(status=301, headers={"Location": "/new"}), "/new": rss(web)}
    feed = Poller(web, http)
    feed.poll(NOON)
    feed.poll(after(10))
    assert web.paths() == ["/rss", "/new", "/new"]
    web.pages["/new"] = Answer(status=404)
    for at in (20, 60, 200, 1_000):
        feed.poll(after(at))
    assert web.paths()[-2:] == ["/rss", "/new"], "after three failures at the new place the first one is tried again"


def test_items_beyond_the_room_come_with_later_polls(web: Site, http: Http) -> None:
    names = [f"n{n}" for n in range(5)]
    web.pages |= {"/rss": rss(web, *names)} | {f"/{name}": page(name) for name in names}
    feed = Poller(web, http, policy=FeedPolicy(jitter=0.0, interval_s=10, max_pending=3))
    assert feed.poll(NOON).report.deferred == 2
    found = [item.url for at in (0, 10, 20) for item in feed.poll(after(at)).items]
    assert sorted(found) == [web.url(f"/{name}") for name in names]


PLAIN = {"Content-Type": "application/rss+xml"}
RAW_DEFLATE = {"Content-Encoding": "deflate"} | PLAIN


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("pack", "headers"),
    [
        (gzip.compress, PLAIN),
        (gzip.compress, {"Content-Encoding": "identity"} | PLAIN),
        (bytes, {"Content-Encoding": "gzip"} | PLAIN),
        (raw_deflate, RAW_DEFLATE),
        (bytes, {"Content-Type": "text/html; charset=utf-8"}),
    ],
    ids=[
        "packed, not said",
        "packed, said not to be",
        "said to be packed",
        "deflate without its head",
        "said to be a page",
    ],
)
def test_a_wrong_declaration_of_the_bytes_is_handled(
    web: Site, http: Http, pack: Callable[[bytes], bytes], headers: dict[str, str]
) -> None:
    web.pages["/rss"] = Answer(pack(rss(web, "a", "b").body), headers=headers)
    assert Poller(web, http).poll(NOON).report.new == 2


def test_an_etag_without_quotes_is_given_back_as_it_came(web: Site, http: Http) -> None:
    def feed_page(request: BaseHTTPRequestHandler) -> Answer:
        if request.headers["If-None-Match"] == "abc":
            return Answer(status=304)
        return Answer(rss(web, "a").body, headers={"ETag": "abc"})

    web.pages |= {"/rss": feed_page, "/a": page("a")}
    feed = Poller(web, http)
    feed.poll(NOON)
    feed.poll(NOON)
    assert feed.poll(after(10)).report.not_modified


@pytest.mark.parametrize(
    "between",
    [
        Answer(b"", headers=PLAIN),
        Answer(
            b"<html><head><title>Sign in</title></head><body>Sign in</body></html>",
            headers={"Content-Type": "text/html"},
        ),
        Answer(b"<rss version='2.0'><channel><title>Local</title></channel></rss>", headers=PLAIN),
    ],
    ids=["nothing", "a page", "an empty list"],
)
def test_after_a_failed_answer_no_item_is_new_again(web: Site, http: Http, between: Answer) -> None:
    good = rss(web, "a", "b")
    web.pages |= {"/rss": good, "/a": page("a"), "/b": page("b"), "/c": page("c")}
    feed = Poller(web, http)
    feed.poll(NOON)
    feed.poll(NOON)
    web.pages["/rss"] = between
    feed.poll(after(10))
    web.pages["/rss"] = rss(web, "c", "a", "b")
    web.asked.clear()
    later = feed.poll(after(4_000))
    assert [item.url for item in later.items] == [web.url("/c")]
    assert web.paths() == ["/rss", "/c"]
