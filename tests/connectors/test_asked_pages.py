"""Pages that are asked for again: after growing pauses, a few times, by the feed that led to them, and without its list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from connectors.base import PollResult
from connectors.feeds import FeedConnector, FeedCursor
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.store.asked_pages import LOOK_MS, AskedPages, asked_again, feed_of
from connectors.store.feeds import FeedRepository
from connectors.store.rows import feed_id
from connectors.store.tables import feed_items, feeds
from core.again import WALL
from core.records import article_id, to_ms
from core.store import Store
from core.store.metadata import metadata
from core.store.page_requests import BY_HAND, PageRequest, PageRequests, note_walls
from core.store.tables import page_requests
from tests.connectors.support import NOON, Answer, Clock, Site, after
from tests.connectors.test_feed_connector import POLICY, page, rss

RUN = "live"


class World:
    """A store with one feed, which is polled by hand."""

    def __init__(self, store: Store, site: Site, http: Http) -> None:
        self.store, self.site, self.http, self.clock = store, site, http, Clock(NOON)
        self.feed, self.repository = site.url("/rss"), FeedRepository(store)
        self.requests = PageRequests(store, RUN)
        self.asked = AskedPages(store, RUN, self.clock)
        self.repository.add(self.feed, "local", NOON)

    def poll(self, now: datetime) -> PollResult[FeedCursor]:
        name = feed_id(self.feed)
        before = self.repository.load(name)
        result = FeedConnector(self.feed, "local", self.http, HostPacing(0.0), policy=POLICY).poll(before.cursor, now)
        assert self.repository.save(name, before, result)
        return result

    def note(self, path: str, at: datetime, *, cured: bool = False) -> None:
        url = self.site.url(path)
        one = PageRequest(article=article_id(url), url=url, feed_url=self.feed, title="About", reason="consent")
        with self.store.writing() as connection:
            note_walls(
                self.store, connection, RUN, [] if cured else [(one, to_ms(at))], {one.article} if cured else set()
            )

    def tend(self, now: datetime) -> int:
        self.clock.now = now
        return self.asked.tend()


@pytest.fixture
def world(tmp_path: Path, web: Site) -> Iterator[World]:
    engine = create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    metadata.create_all(engine, tables=[feeds, feed_items, page_requests])
    web.pages |= {"/rss": rss(web, "a"), "/a": page("a robot check")}
    with Http(allow_private=[web.host], total_s=10) as http:
        made = World(Store(engine), web, http)
        made.poll(NOON)
        assert [one.url for one in made.poll(after(1)).items] == [web.url("/a")]
        yield made
    engine.dispose()


def test_a_wall_is_asked_for_again_after_growing_pauses_and_no_more_at_the_limit(world: World) -> None:
    at = NOON
    for pause_s in WALL.steps_s:
        world.note("/a", at)
        began = (at - NOON).total_seconds()
        assert world.tend(after(began + pause_s - 1)) == 0
        at = after(began + pause_s + LOOK_MS / 1000)
        assert world.tend(at) == 1
        assert asked_again(world.store, RUN) == {"wall: consent": {"asked": 1}}
        assert [one.url for one in world.poll(at).items] == [world.site.url("/a")]
    world.note("/a", at)
    assert asked_again(world.store, RUN) == {"wall: consent": {"over": 1}}
    assert world.tend(after(10**9)) == 0
    world.note("/a", at, cured=True)
    assert asked_again(world.store, RUN) == {}


def test_one_asked_for_by_hand_is_fetched_at_once_keeping_what_is_known_of_it(world: World) -> None:
    world.site.pages["/a"] = page("the article")
    url = world.site.url("/a")
    assert feed_of(world.store, world.site.url("/other")) is None
    one = PageRequest(article=article_id(url), url=url, feed_url=world.feed, title="About a", reason=BY_HAND)
    world.requests.add(one, to_ms(after(2)))
    assert world.tend(after(2)) == 1
    world.site.asked.clear()
    (again,) = world.poll(after(3)).items
    assert (again.url, again.title, again.html) == (url, "About a", "<html><body><p>the article</p></body></html>")
    assert world.site.paths() == ["/a"], "the list is not read for it"
    assert world.poll(after(30)).items == ()
    # The list is read as before: the item is known, and nothing comes twice.
    world.site.pages["/rss"] = rss(world.site, "b", "a")
    world.site.pages["/b"] = page("news")
    found = [*world.poll(after(60)).items, *world.poll(after(61)).items]
    assert [item.url for item in found] == [world.site.url("/b")]


def test_a_page_that_fails_has_its_own_pauses_and_is_counted(world: World) -> None:
    world.site.pages["/a"] = Answer(b"", 503)
    world.note("/a", NOON)
    assert world.tend(after(1_000)) == 1
    world.poll(after(1_000))
    assert asked_again(world.store, RUN) == {"http_5xx": {"waiting": 1}, "wall: consent": {"asked": 1}}


def test_without_its_feed_a_page_is_given_up(world: World) -> None:
    world.repository.remove(world.feed)
    world.note("/a", NOON)
    assert world.tend(after(1_000)) == 1
    assert asked_again(world.store, RUN) == {"wall: consent": {"over": 1}}
