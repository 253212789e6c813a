"""Cursors in a store: what is saved is what is loaded; who was outrun writes nothing. And whole stories over a real store."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, create_engine

from connectors.base import PollResult, SavedCursor, Source
from connectors.feeds import FeedConnector, FeedCursor, FeedFacts, FeedItem, FeedPolicy, ItemState
from connectors.feeds.cursor import ItemStatus
from connectors.feeds.identity import marks_of
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.runner import Event, Polled, RunnerOptions, run
from connectors.store.feeds import FeedRepository
from connectors.store.rows import feed_id
from connectors.store.tables import feed_items, feeds, hub_subscriptions
from connectors.testing import Abort, MemoryStream
from core.errors import StoreError
from core.store import Store
from core.store.metadata import metadata
from tests.connectors.support import NOON, Clock, Site, after
from tests.connectors.test_feed_connector import page, rss
from tests.statements import statements

URL = "https://ann:secret@a.example/rss"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    metadata.create_all(made, tables=[feeds, feed_items, hub_subscriptions])
    yield made
    made.dispose()


@pytest.fixture
def state(engine: Engine) -> FeedRepository:
    return FeedRepository(Store(engine))


def item(key: str) -> FeedItem:
    return FeedItem(
        key=key, url=f"https://a.example/{key}", title="Ä\0b", authors=("A", "B"), content="<p>", content_is_html=True
    )


def waiting(key: str) -> ItemState:
    return ItemState(
        digest=str(marks_of(item(key))),
        first_seen_ms=1,
        place=3,
        backfill=True,
        attempts=1,
        retry_at_ms=9,
        item=item(key),
    )


def result(cursor: FeedCursor, wake_at: datetime | None = NOON) -> PollResult[FeedCursor]:
    return PollResult((), cursor, wake_at)


def test_a_feed_is_added_once_listed_removed_and_added_again(state: FeedRepository) -> None:
    assert state.add(URL, "a", NOON)
    assert not state.add(f" {URL} ", "a", NOON)
    (row,) = state.listing()
    assert (row.url, row.source, row.health, row.active, row.added_at) == (
        "https://a.example/rss",
        "a",
        "new",
        True,
        NOON,
    )
    assert state.source(row.id) == Source(row.id, "feed", URL, "a")
    assert state.due(NOON, limit=5) == [row.id]
    assert state.remove(URL)
    assert not state.remove(URL)
    assert (state.due(NOON, limit=5), state.next_due()) == ([], None)
    assert state.add(URL, "b", after(60))
    assert (state.due(NOON, limit=5), state.next_due()) == ([], after(60))


def test_a_saved_cursor_is_loaded_unchanged(state: FeedRepository) -> None:
    state.add(URL, "a", NOON)
    name = feed_id(URL)
    fresh = state.load(name)
    assert fresh == SavedCursor(None, 0)
    facts = FeedFacts(listed=True, etag='"1"', title="T", failures=2, problem="p", poll_at_ms=5, page_turn=True)
    seen = replace(waiting("b"), status=ItemStatus.DONE, item=None, left_at_ms=4, problem="x")
    cursor = FeedCursor(facts=facts, items={"a": waiting("a"), "b": seen})
    assert state.save(name, fresh, result(cursor, after(7)))
    loaded = state.load(name)
    assert loaded == SavedCursor(cursor, 1)
    (row,) = state.listing()
    assert (row.health, row.problem, row.failures, row.title, row.next_poll_at) == ("failing", "p", 2, "T", after(7))
    assert state.pending() == 1


def test_items_are_added_changed_and_forgotten(state: FeedRepository) -> None:
    state.add(URL, "a", NOON)
    name = feed_id(URL)
    assert state.save(name, SavedCursor(), result(FeedCursor(items={key: waiting(key) for key in "abc"})))
    before = state.load(name)
    items = before.cursor.items
    changed = {"a": items["a"], "b": replace(items["b"], attempts=7), "d": waiting("d")}
    assert state.save(name, before, result(replace(before.cursor, items=changed)))
    assert state.load(name).cursor.items == changed


def test_only_what_changed_is_written(engine: Engine, state: FeedRepository) -> None:
    state.add(URL, "a", NOON)
    name = feed_id(URL)
    state.save(name, SavedCursor(), result(FeedCursor(items={f"k{n}": waiting(f"k{n}") for n in range(2_000)})))
    before = state.load(name)
    with statements(engine) as executed:
        state.save(name, before, result(before.cursor))
        assert [statement.split()[0] for statement in executed] == ["UPDATE"]
        executed.clear()
        state.save(name, SavedCursor(before.cursor, 2), result(replace(before.cursor, items={})))
        assert {statement.split()[0] for statement in executed} == {"SELECT", "UPDATE", "DELETE"}


def test_the_second_save_over_one_cursor_is_refused_and_writes_nothing(state: FeedRepository) -> None:
    state.add(URL, "a", NOON)
    name = feed_id(URL)
    both = state.load(name)
    assert state.save(name, both, result(FeedCursor(items={"a": waiting("a")})))
    assert not state.save(name, both, result(FeedCursor(items={"b": waiting("b")}), after(99)))
    loaded = state.load(name)
    assert list(loaded.cursor.items) == ["a"]
    state.remove(URL)
    assert not state.save(name, loaded, result(loaded.cursor)), "removed while it was polled"


def test_sources_are_due_in_order_and_may_end_or_be_postponed(state: FeedRepository) -> None:
    urls = [f"https://{n}.example/" for n in range(4)]
    for n, url in enumerate(urls):
        state.add(url, "s", after(-n))
    names = [feed_id(url) for url in urls]
    assert state.due(NOON, limit=2) == [names[3], names[2]]
    assert state.due(NOON, limit=9, skip=[names[3]]) == [names[2], names[1], names[0]]
    assert state.next_due(skip=names[1:]) == NOON
    state.save(names[3], SavedCursor(), result(FeedCursor(), None))
    state.postpone(names[2], after(500), "internal error")
    assert state.due(NOON, limit=9) == [names[1], names[0]]
    rows = {row.id: row for row in state.listing()}
    assert (rows[names[3]].health, rows[names[3]].next_poll_at) == ("ended", None)
    assert (rows[names[2]].problem, rows[names[2]].failures) == ("internal error", 1)


def test_a_store_that_is_away_is_a_store_error_without_the_statement(tmp_path: Path) -> None:
    state = FeedRepository(Store(create_engine(f"sqlite:///{tmp_path / 'none' / 'store.db'}")))
    with pytest.raises(StoreError, match="unable to open database file") as caught:
        state.add(URL, "a", NOON)
    assert "secret" not in str(caught.value)


# --- whole stories: a real server, a real store, a stream in memory


class Process:
    """One run of the loop over a store that outlives it."""

    def __init__(self, site: Site, engine: Engine, stream: MemoryStream) -> None:
        self.site, self.state, self.stream = site, FeedRepository(Store(engine)), stream
        self.clock = Clock()
        self.events: list[Event] = []

    def live(self, *, polls: int, workers: int = 0) -> None:
        policy = FeedPolicy(interval_s=10, jitter=0.0)
        with Http(allow_private=[self.site.host], total_s=10) as http:
            pacing = HostPacing(0)

            def connect(name: str) -> FeedConnector:
                source = self.state.source(name)
                return FeedConnector(
                    source.url, source.outlet, http, pacing, policy=policy, rng=random.Random(1), stopwatch=lambda: 0.0
                )

            run(
                self.state,
                connect,
                self.stream,
                clock=self.clock,
                wait=self.clock.wait,
                stop=lambda: sum(isinstance(event, Polled) for event in self.events) >= polls,
                on_event=self.events.append,
                options=RunnerOptions(workers=workers, idle_s=600),
            )


def found(stream: MemoryStream) -> list[tuple[str, bool]]:
    return [(article.url.rpartition("/")[2], article.backfill) for article in stream.articles()]


def test_a_feed_from_its_first_list_to_its_news(web: Site, engine: Engine) -> None:
    web.pages |= {"/rss": rss(web, "old"), "/old": page("old"), "/new": page("new")}
    process = Process(web, engine, MemoryStream())
    process.state.add(web.url("/rss"), "local", NOON)
    process.live(polls=2)
    web.pages["/rss"] = rss(web, "new", "old")
    process.live(polls=3)
    assert found(process.stream) == [("old", True), ("new", False)]
    assert process.clock.waits == [10.0]


def test_a_crash_after_the_first_list_makes_no_news_into_backfill(web: Site, engine: Engine) -> None:
    """The list is saved, the process dies at the first append; news comes in before it is started again."""
    web.pages |= {"/rss": rss(web, "old"), "/old": page("old"), "/new": page("new")}
    stream = MemoryStream()
    stream.crash_after_append = True
    process = Process(web, engine, stream)
    process.state.add(web.url("/rss"), "local", NOON)
    with pytest.raises(Abort):
        process.live(polls=9)
    assert found(stream) == [("old", True)]
    web.pages["/rss"] = rss(web, "new", "old")
    again = Process(web, engine, stream)
    again.clock.now = after(10)
    again.live(polls=2)
    assert found(stream)[1:] == [("old", True), ("new", False)], "repeated, and news stayed news"


def test_pending_items_outlive_the_process_and_the_feed(web: Site, engine: Engine) -> None:
    web.pages |= {"/rss": rss(web, "gone"), "/gone": page("still there")}
    stream = MemoryStream()
    process = Process(web, engine, stream)
    process.state.add(web.url("/rss"), "local", NOON)
    process.live(polls=1)
    assert process.state.pending() == 1
    web.pages["/rss"] = rss(web)
    later = Process(web, engine, stream)
    later.clock.now = after(20)
    later.live(polls=1)
    assert found(stream) == [("gone", True)]


def test_many_feeds_in_threads_over_one_store(web: Site, engine: Engine) -> None:
    stream = MemoryStream()
    process = Process(web, engine, stream)
    for n in range(8):
        web.pages |= {f"/rss{n}": rss(web, f"p{n}"), f"/p{n}": page(str(n))}
        process.state.add(web.url(f"/rss{n}"), f"s{n}", NOON)
    process.live(polls=16, workers=4)
    assert {name for name, _ in found(stream)} == {f"p{n}" for n in range(8)}


def test_two_processes_on_one_store_lose_nothing(web: Site, engine: Engine) -> None:
    names = [f"n{n}" for n in range(10)]
    web.pages |= {"/rss": rss(web, *names)} | {f"/{name}": page(name) for name in names}
    streams = [MemoryStream(), MemoryStream()]
    processes = [Process(web, engine, stream) for stream in streams]
    processes[0].state.add(web.url("/rss"), "local", NOON)
    threads = [threading.Thread(target=process.live, kwargs={"polls": 3}) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {name for stream in streams for name, _ in found(stream)} == set(names)
