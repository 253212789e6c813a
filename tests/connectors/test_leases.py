"""Several processes share the feeds: none polls a feed that another one holds, and one that dies is replaced."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.base import PollResult
from connectors.feeds import FeedCursor, FeedFacts
from connectors.feeds.cursor import ItemState
from connectors.feeds.items import FeedItem
from connectors.runner import Event, Polled, RunnerOptions, Superseded, run
from connectors.store.feeds import FeedRepository
from connectors.store.rows import feed_id
from connectors.testing import Abort, MemoryStream
from core.records import RawArticle, to_ms
from core.store import Store, open_store
from tests.connectors.support import NOON, Clock, after

URLS = [f"https://{name}.example/rss" for name in "abcdef"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 's.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    opened = open_store(url)
    yield opened
    opened.close()


def process(store: Store, name: str) -> FeedRepository:
    return FeedRepository(store, owner=name, lease_ms=60_000, linger_s=5)


def polled(at: datetime, wake_at: datetime, **facts: int) -> PollResult[FeedCursor]:
    known = FeedFacts(listed=True, ok_at_ms=to_ms(at), asked_ms=to_ms(at), poll_at_ms=to_ms(wake_at))
    return PollResult((), FeedCursor(facts=replace(known, **facts)), wake_at)


def test_no_feed_is_given_to_two_and_a_dead_one_is_replaced_after_its_lease(store: Store) -> None:
    one, two = process(store, "one"), process(store, "two")
    for url in URLS:
        one.add(url, "s", NOON)
    mine = one.due(NOON, limit=4)
    yours = two.due(NOON, limit=4)
    assert (len(mine), len(yours)) == (4, 2)
    assert not set(mine) & set(yours)
    assert two.due(after(59), limit=9, skip=yours) == []
    later = two.next_due(skip=yours)
    assert later
    assert later > after(59), "feeds that another one holds make no process spin"
    assert set(two.due(after(61), limit=9, skip=yours)) == set(mine), "one died: two has taken over"


def test_a_lease_from_before_the_clock_was_set_back_blocks_nothing(store: Store) -> None:
    one, two = process(store, "one"), process(store, "two")
    one.add(URLS[0], "s", NOON)
    # An hour ahead for a moment, and dead since.
    (name,) = one.due(after(3_600), limit=1)
    assert two.due(after(1), limit=1) == [name]
    assert one.due(after(2), limit=1) == [], "and that one's own lease holds"


def test_a_process_that_ends_returns_its_leases(store: Store) -> None:
    one, two = process(store, "one"), process(store, "two")
    one.add(URLS[0], "s", NOON)
    (name,) = one.due(NOON, limit=1)
    one.release(after(1))
    assert two.due(after(5), limit=1) == [], "the host's pause goes on"
    assert two.due(after(6.5), limit=1) == [name]


def test_feeds_of_one_host_stay_together_and_the_pace_is_kept_when_they_change_hands(store: Store) -> None:
    one, two = process(store, "one"), process(store, "two")
    for path in ("rss", "atom"):
        one.add(f"https://a.example/{path}", "s", NOON)
    (first,) = one.due(NOON, limit=1)
    assert two.due(NOON, limit=5) == [], "the host is one's"
    (second,) = one.due(NOON, limit=5, skip=[first])
    assert one.save(first, one.load(first), polled(NOON, after(1)))
    assert one.save(second, one.load(second), polled(NOON, after(1)))
    assert two.due(after(3), limit=5) == [], "a moment after its last request too"
    assert len(two.due(after(6), limit=5)) == 2


def test_many_claims_at_once_give_each_feed_once(store: Store) -> None:
    names = [f"p{n}" for n in range(4)]
    process(store, "x").add("https://z.example/0", "s", NOON)
    for n in range(30):
        process(store, "x").add(f"https://h{n % 10}.example/{n}", "s", NOON)
    given: dict[str, list[str]] = {name: [] for name in names}
    start = threading.Barrier(len(names))

    def work(name: str) -> None:
        mine = process(store, name)
        start.wait(10)
        for _ in range(60):
            given[name] += mine.due(NOON, limit=2, skip=given[name])

    threads = [threading.Thread(target=work, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    everything = [feed for feeds in given.values() for feed in feeds]
    assert len(everything) == len(set(everything)) == 31
    hosts = {feed_id(f"https://h{n % 10}.example/{n}"): n % 10 for n in range(30)}
    by_host: dict[int, set[str]] = {}
    for name, feeds in given.items():
        for feed in feeds:
            if feed in hosts:
                by_host.setdefault(hosts[feed], set()).add(name)
    assert all(len(who) == 1 for who in by_host.values()), "a host is asked by one process"


class OneItem:
    """A connector that gives one item for each poll, and dies where it is told to."""

    def __init__(self, name: str, *, dies: bool) -> None:
        self.name, self.dies = name, dies

    def poll(self, cursor: FeedCursor | None, now: datetime) -> PollResult[FeedCursor]:
        if self.dies:
            raise Abort
        item = RawArticle(url=f"https://x.example/{self.name}", source="s", fetched_at=now)
        return replace_items(polled(now, after(3_600)), item)


def replace_items(result: PollResult[FeedCursor], item: RawArticle) -> PollResult[FeedCursor]:
    return PollResult((item,), result.cursor, result.wake_at)


def test_one_process_dies_in_the_middle_and_another_does_its_work(store: Store) -> None:
    clock, stream = Clock(), MemoryStream()
    events: list[Event] = []
    for url in URLS:
        process(store, "x").add(url, "s", NOON)

    def live(name: str, *, dies: bool, until: datetime) -> None:
        run(
            process(store, name),
            lambda feed: OneItem(feed, dies=dies),
            stream,
            clock=clock,
            wait=clock.wait,
            stop=lambda: clock.now >= until,
            on_event=events.append,
            options=RunnerOptions(idle_s=5),
        )

    with pytest.raises(Abort):
        live("one", dies=True, until=after(10))
    live("two", dies=False, until=after(20))
    assert len(stream.records) == 5, "all but what the dead one had"
    live("two", dies=False, until=after(100))
    assert sorted(stream.urls()) == sorted(f"https://x.example/{feed_id(url)}" for url in URLS)
    assert not [event for event in events if isinstance(event, Superseded)]
    assert len([event for event in events if isinstance(event, Polled)]) == 6


def test_a_request_makes_a_feed_due_at_once_and_is_not_lost_while_it_is_polled(store: Store) -> None:
    state = process(store, "one")
    state.add(URLS[0], "s", NOON)
    (name,) = state.due(NOON, limit=1)
    assert state.save(name, state.load(name), polled(NOON, after(3_600)))
    assert state.due(after(60), limit=1) == []
    state.request_poll(name, after(60))
    assert state.due(after(60), limit=1) == [name]
    saved = state.load(name)
    assert saved.cursor.facts.poll_at_ms == to_ms(after(60)), "the feed itself is due too, not only its pages"
    state.request_poll(name, after(62))
    assert state.save(name, saved, polled(after(61), after(3_600)))
    assert state.due(after(69), limit=1) == [], "requests are ten seconds apart"
    assert state.due(after(70), limit=1) == [name], "a request during the poll counts"
    assert state.save(name, state.load(name), polled(after(71), after(3_600)))
    assert state.due(after(90), limit=1) == []


def test_a_feed_that_is_gone_is_retired_and_adding_it_again_revives_it(store: Store) -> None:
    state = FeedRepository(store)
    state.add(URLS[0], "s", NOON)
    (name,) = state.due(NOON, limit=1)
    gone = FeedCursor(facts=FeedFacts(gone=True, failures=3, problem="410 gone"))
    assert state.save(name, state.load(name), PollResult((), gone, None))
    (row,) = state.listing()
    assert (row.health, row.next_poll_at, row.verified_at) == ("gone", None, None)
    assert state.due(after(10_000_000), limit=1) == []
    assert state.add(URLS[0], "s", after(1))
    assert state.due(after(1), limit=1) == [name]


def test_a_dead_predecessor_s_feeds_are_taken_at_once_and_its_pages_first(store: Store) -> None:
    child = subprocess.run(
        [sys.executable, "-c", "from core.processes import process_name; print(process_name())"],
        capture_output=True,
        text=True,
        check=True,
    )
    before, now = process(store, child.stdout.strip()), process(store, "now")
    for url in URLS:
        before.add(url, "s", NOON)
    (waits,) = before.due(NOON, limit=1)
    item = ItemState(digest="d", first_seen_ms=to_ms(NOON), item=FeedItem(key="k", url="https://a.example/1"))
    listed = replace(polled(NOON, after(50)).cursor, items={"k": item})
    assert before.save(waits, before.load(waits), PollResult((), listed, after(50)))
    held = before.due(after(1), limit=9)
    assert len(held) == 5
    # Five have been due for longer than the pages.
    first, *rest = now.due(after(55), limit=9)
    assert first == waits
    assert set(rest) == set(held), "whoever held them has ended"


def test_a_lease_is_renewed_while_its_poll_is_under_way(store: Store) -> None:
    one, two = process(store, "one"), process(store, "two")
    one.add(URLS[0], "s", NOON)
    (name,) = one.due(NOON, limit=1)
    for second in (50, 100, 150):
        assert one.leases.renew(to_ms(after(second))) == 1
        assert two.due(after(second + 1), limit=1) == []
    assert one.save(name, one.load(name), polled(after(150), after(3_600)))
    assert one.leases.renew(to_ms(after(160))) == 0
