"""robots.txt for article pages: asked once, obeyed, bounded; and what a proxy may be used for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler

import pytest

from connectors.base import PollResult
from connectors.feeds import FeedConnector, FeedCursor, FeedPolicy
from connectors.http.client import Failure, Fetched, Http
from connectors.http.pacing import HostPacing
from connectors.http.robots import MAX_LINES, Robots, parse_robots, sitemaps_in
from core.errors import FailureKind, UsageError
from tests.connectors.support import NOON, Answer, Site, after, site
from tests.connectors.test_feed_connector import page, rss

POLICY = FeedPolicy(interval_s=3_600, jitter=0.0, page_retries_s=(5.0, 20.0))


@pytest.fixture
def http(web: Site) -> Iterator[Http]:
    with Http(allow_private=[web.host], total_s=10) as client:
        yield client


class Poller:
    def __init__(self, web: Site, http: Http, *, gap_s: float = 0.0) -> None:
        pacing = HostPacing(gap_s)
        self.connector = FeedConnector(
            web.url("/rss"),
            "local",
            http,
            pacing,
            policy=POLICY,
            rng=random.Random(1),
            stopwatch=lambda: 0.0,
            robots=Robots(http, pacing),
        )
        self.cursor: FeedCursor | None = None

    def poll(self, now: datetime) -> PollResult[FeedCursor]:
        result = self.connector.poll(self.cursor, now)
        self.cursor = result.cursor
        return result


def robots(text: str, status: int = 200) -> Answer:
    return Answer(text.encode(), status, {"Content-Type": "text/plain"})


def test_a_page_that_robots_txt_excludes_is_not_fetched_and_the_feeds_text_is_used(web: Site, http: Http) -> None:
    summary = "<description>What the feed says.</description>"
    web.pages |= {
        "/rss": rss(web, "private/b", "a", more=summary),
        "/a": page("a"),
        "/robots.txt": robots("User-agent: *\nDisallow: /private/\n"),
    }
    feed = Poller(web, http)
    feed.poll(NOON)
    result = feed.poll(NOON)
    found = {item.url: item for item in result.items}
    assert found[web.url("/a")].html
    refused = found[web.url("/private/b")]
    assert (refused.html, refused.text) == (None, "What the feed says.")
    assert result.report.page_failures == (
        (web.url("/private/b"), "the site's robots.txt disallows this page", FailureKind.ROBOTS),
    )
    assert web.paths() == ["/rss", "/robots.txt", "/a"], "one robots.txt for all pages"


@pytest.mark.parametrize("answer", [robots("no", 404), robots("no", 403), Answer(b"<html>a page</html>"), robots("")])
def test_no_rules_means_all_is_allowed(web: Site, http: Http, answer: Answer) -> None:
    web.pages |= {"/rss": rss(web, "a"), "/a": page("a"), "/robots.txt": answer}
    feed = Poller(web, http)
    feed.poll(NOON)
    assert feed.poll(NOON).items[0].html


def test_rules_that_cannot_be_had_mean_wait_and_they_are_asked_for_again(web: Site, http: Http) -> None:
    web.pages |= {"/rss": rss(web, "a"), "/a": page("a"), "/robots.txt": robots("", 503)}
    feed = Poller(web, http)
    feed.poll(NOON)
    waiting = feed.poll(NOON)
    assert (waiting.items, waiting.wake_at) == ((), after(600))
    assert waiting.report.page_failures == (
        (web.url("/a"), "robots.txt: 503 service unavailable", FailureKind.ROBOTS_UNREAD),
    )
    web.pages["/robots.txt"] = robots("User-agent: *\nAllow: /")
    assert feed.poll(after(600)).items[0].html
    assert web.paths() == ["/rss", "/robots.txt", "/robots.txt", "/a"]


def test_robots_txt_counts_as_a_request_and_crawl_delay_sets_the_pace(web: Site, http: Http) -> None:
    web.pages |= {
        "/rss": rss(web, "b", "a"),
        "/a": page("a"),
        "/b": page("b"),
        "/robots.txt": robots("User-agent: *\nCrawl-delay: 20\n"),
    }
    feed = Poller(web, http, gap_s=5.0)
    assert feed.poll(NOON).wake_at == NOON
    assert feed.poll(NOON).wake_at == after(5)
    assert feed.poll(after(5)).wake_at == after(25), "robots.txt was read; the page comes a delay later"
    assert len(feed.poll(after(25)).items) == 1
    assert feed.poll(after(30)).items == ()
    assert len(feed.poll(after(45)).items) == 1
    assert web.paths() == ["/rss", "/robots.txt", "/a", "/b"]


def test_a_long_crawl_delay_is_cut_and_a_mad_one_ignored() -> None:
    pacing = HostPacing(1.0)
    pacing.keep_apart("http://a.example/", 86_400.0)
    assert pacing.take("http://a.example/x", NOON)
    assert pacing.free_at("http://a.example/y") == after(60)
    for text in ("Crawl-delay: nan", "Crawl-delay: -5", "Crawl-delay: soon", "Crawl-delay: inf"):
        assert parse_robots(f"User-agent: *\n{text}", NOON).crawl_delay_s is None
    assert parse_robots("User-agent: *\nRequest-rate: 1/10s", NOON).crawl_delay_s == 10.0


def test_a_huge_robots_txt_is_bounded_and_rules_are_kept_for_a_day(web: Site, http: Http) -> None:
    web.pages["/robots.txt"] = robots("User-agent: *\n" + "Disallow: /x\n" * (MAX_LINES * 3))
    rules = Robots(http, HostPacing(0.0))
    rules.load(web.url("/a"), NOON)
    refused = rules.refusal(web.url("/a"), NOON)
    assert refused, "over the cap: not read, and so forbidden for now"
    assert refused.problem == "robots.txt: larger than 0.5 MiB"
    web.pages["/robots.txt"] = robots("User-agent: Wirewatch\nDisallow: /x\n\nUser-agent: *\nDisallow: /\n")
    rules.load(web.url("/a"), after(600))
    assert rules.refusal(web.url("/a"), after(601)) is None, "our own group goes before the one for all"
    assert rules.refusal(web.url("/x"), after(601)) == Failure(
        web.url("/x"), "the site's robots.txt disallows this page", FailureKind.ROBOTS
    )
    assert rules.known(web.url("/a"), after(86_000))
    assert not rules.known(web.url("/a"), after(87_001))


def test_sitemaps_are_found_in_it() -> None:
    text = "User-agent: *\nDisallow:\nSitemap: https://a.example/news.xml\nsitemap: https://a.example/news.xml\n"
    assert sitemaps_in(text) == ["https://a.example/news.xml"]
    assert sitemaps_in("<html>") == []


def test_a_proxy_carries_requests_and_is_asked_for_no_private_address() -> None:
    def forward(request: BaseHTTPRequestHandler) -> Answer:
        return Answer(f"for {request.path} as {request.headers['Host']}".encode())

    def resolve(host: str, port: int) -> list[str]:
        return {"public.example": ["93.184.215.14"], "inside.example": ["10.0.0.7"]}.get(host, [host])

    with site() as proxy, Http(proxy=f"http://user:secret@{proxy.host}", resolve=resolve, total_s=10) as http:
        proxy.pages["http://public.example/feed"] = forward
        got = http.fetch("http://public.example/feed", now=NOON)
        assert isinstance(got, Fetched)
        assert got.body == b"for http://public.example/feed as public.example"
        assert proxy.asked[0][1]["proxy-authorization"].startswith("Basic ")
        refused = http.fetch("http://inside.example/feed", now=NOON)
        assert isinstance(refused, Failure)
        assert (refused.kind, refused.problem) == (FailureKind.REFUSED, "refused: the host is at a private address")
        assert len(proxy.asked) == 1
    with pytest.raises(UsageError, match="proxy's address is invalid") as error:
        Http(proxy="socks5://user:secret@host")
    assert "secret" not in str(error.value)
