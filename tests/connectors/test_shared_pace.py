"""Two connector processes together ask a host no more often than one would, and redirects count at both hosts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.feeds import FeedConnector, FeedCursor, FeedPolicy
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.http.robots import Robots
from connectors.store.shared_pace import SharedPace
from core.store import Store, open_store
from tests.connectors.support import NOON, Answer, Site, after, site
from tests.connectors.test_feed_connector import page, rss

POLICY = FeedPolicy(interval_s=3_600, jitter=0.0, page_retries_s=(5.0, 20.0, 60.0))
PAGE = "https://pages.example/1"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 's.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    opened = open_store(url)
    yield opened
    opened.close()


def process(store: Store, gap_s: float = 5.0) -> HostPacing:
    return HostPacing(gap_s, SharedPace(store))


def test_a_turn_taken_by_one_process_is_taken_for_all(store: Store) -> None:
    one, two = process(store), process(store)
    assert one.take(PAGE, NOON)
    assert not two.take("https://pages.example/2", after(4.9))
    assert two.free_at(PAGE) == after(5), "it knows when to come again"
    assert two.take("https://other.example/2", after(4.9))
    assert two.take(PAGE, after(5))
    assert not one.take(PAGE, after(9))
    assert one.free_at(PAGE) == after(10)


def test_a_host_that_says_429_to_one_is_left_alone_by_all(store: Store) -> None:
    one, two = process(store), process(store)
    one.slow_down(PAGE, after(90))
    assert not two.take(PAGE, after(60))
    assert two.take(PAGE, after(90))
    two.keep_apart(PAGE, 30)
    assert not one.take(PAGE, after(100)), "and a Crawl-delay that one has read holds the others back"


def test_one_of_many_simultaneous_callers_gets_the_turn(store: Store) -> None:
    turns: list[bool] = []
    ready = threading.Barrier(6)

    def ask() -> None:
        mine = process(store)
        ready.wait(30)
        turns.append(mine.take(PAGE, NOON))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(turns) == [False] * 5 + [True]


def test_unused_hosts_are_forgotten(store: Store) -> None:
    pace = SharedPace(store)
    pace.take("a.example", NOON, after(5))
    pace.forget(NOON + timedelta(days=2))
    assert pace.take("a.example", NOON, after(5)) is None


def test_without_a_gap_the_store_is_not_asked(store: Store) -> None:
    free = HostPacing(0.0, SharedPace(store))
    assert free.take(PAGE, NOON)
    assert free.take(PAGE, NOON)
    assert process(store).take(PAGE, NOON)


class Process:
    """A connector process with a feed of its own; all pages are at one other host."""

    def __init__(self, store: Store, http: Http, feed: str) -> None:
        self.connector = FeedConnector(
            feed, "local", http, process(store), policy=POLICY, stopwatch=lambda: 0.0
        )  # fmt: skip
        self.cursor: FeedCursor | None = None

    def poll(self, now: datetime) -> int:
        result = self.connector.poll(self.cursor, now)
        self.cursor = result.cursor
        return len(result.items)


def test_two_processes_with_pages_on_one_host_keep_its_pace(store: Store) -> None:
    with site() as one, site() as two, site() as pages:
        names = [f"p{n}" for n in range(4)]
        pages.pages |= {f"/{name}": page(name) for name in names}
        one.pages["/rss"], two.pages["/rss"] = rss(pages, *names[:2]), rss(pages, *names[2:])
        with Http(allow_private=[one.host, two.host, pages.host]) as http:
            here, there = Process(store, http, one.url("/rss")), Process(store, http, two.url("/rss"))
            asked = []
            for second in range(22):
                before = len(pages.asked)
                here.poll(after(second))
                there.poll(after(second))
                asked += [second] * (len(pages.asked) - before)
        assert len(asked) == 4
        assert all(later - sooner >= 5 for sooner, later in pairwise(asked)), asked


# --- redirects to another host


def poller(web: Site, http: Http, gap_s: float) -> tuple[FeedConnector, HostPacing]:
    pacing = HostPacing(gap_s)
    robots = Robots(http, pacing)
    return FeedConnector(
        web.url("/rss"), "l", http, pacing, policy=POLICY, stopwatch=lambda: 0.0, robots=robots
    ), pacing  # fmt: skip


def test_the_robots_txt_of_the_host_that_a_page_is_at_is_obeyed(web: Site) -> None:
    with site() as other, Http(allow_private=[web.host, other.host]) as http:
        web.pages |= {
            "/rss": rss(web, "go", "fine", more="<description>What the feed says.</description>"),
            "/go": Answer(status=302, headers={"Location": other.url("/closed/1")}),
            "/fine": Answer(status=302, headers={"Location": other.url("/open/1")}),
        }
        robots = "User-agent: *\nDisallow: /closed/\n"
        other.pages |= {"/robots.txt": Answer(robots.encode()), "/open/1": page("open"), "/closed/1": page("closed")}
        connector, _ = poller(web, http, 0.0)
        cursor = connector.poll(None, NOON).cursor
        result = connector.poll(cursor, NOON)
        assert other.paths().count("/closed/1") == 0
        assert other.paths().count("/robots.txt") == 1
        assert {item.url: bool(item.html) for item in result.items} == {
            other.url("/open/1"): True,
            web.url("/go"): False,
        }
        assert [one.problem for one in result.report.page_failures] == ["the site's robots.txt disallows this page"]


def test_a_page_at_a_busy_host_is_asked_there_when_its_turn_comes(web: Site) -> None:
    with site() as other, Http(allow_private=[web.host, other.host]) as http:
        web.pages |= {"/rss": rss(web, "go"), "/go": Answer(status=302, headers={"Location": other.url("/page")})}
        other.pages["/page"] = page("there")
        connector, pacing = poller(web, http, 5.0)
        result = connector.poll(None, NOON)
        assert pacing.take(other.url("/x"), NOON)
        found = []
        for second in range(1, 40):
            if result.wake_at and result.wake_at <= after(second):
                result = connector.poll(result.cursor, after(second))
                found += [item.url for item in result.items]
        assert found == [other.url("/page")]
        assert web.paths().count("/go") == 1, "the chain is not gone through again"
        assert other.paths() == ["/robots.txt", "/page"]


def test_two_hosts_that_point_at_each_other_end(web: Site) -> None:
    with site() as other, Http(allow_private=[web.host, other.host]) as http:
        web.pages |= {
            "/rss": rss(web, "go", more="<description>What the feed says.</description>"),
            "/go": Answer(status=302, headers={"Location": other.url("/back")}),
        }
        other.pages["/back"] = Answer(status=302, headers={"Location": web.url("/go")})
        connector, _ = poller(web, http, 5.0)
        result = connector.poll(None, NOON)
        found = []
        for second in range(1, 600):
            if result.wake_at and result.wake_at <= after(second):
                result = connector.poll(result.cursor, after(second))
                found += [item.text for item in result.items]
        assert found == ["What the feed says."]
        assert len(web.asked) + len(other.asked) < 20
