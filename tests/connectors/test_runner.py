"""The loop, told as stories of crashes and of streams that are away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest

from connectors.base import PollResult
from connectors.runner import Broke, Event, Polled, RunnerOptions, Superseded, Waiting, run, to_records
from connectors.testing import (
    ABORT,
    ABORT_BEFORE_SAVE,
    CUT,
    EOF,
    PAUSE,
    Abort,
    Cue,
    MemoryRepository,
    MemoryStream,
    ScriptCursor,
    Scripted,
)
from core.errors import StoreError, StreamError
from core.records import RawArticle, article_id, encode
from tests.connectors.support import NOON, Clock, after, unavailable


def news(name: str, **fields: str) -> RawArticle:
    return RawArticle(url=f"https://a.example/{name}", source="a", fetched_at=NOON, title=name, **fields)  # type: ignore[arg-type]


ONE, TWO, THREE, FOUR = (news(name) for name in ("one", "two", "three", "four"))


class World:
    """What outlives a process: scripts, cursors, stream and time."""

    def __init__(self, **scripts: list[RawArticle | Cue]) -> None:
        self.connectors = {name: Scripted(script) for name, script in scripts.items()}
        self.repository = MemoryRepository(scripts)
        self.stream = MemoryStream()
        self.clock = Clock()
        self.events: list[Event] = []

    def live(self, *, stop: Callable[[], bool] | None = None, workers: int = 0) -> None:
        """One process, until every source has ended (or it dies)."""
        run(
            self.repository,
            self.connectors.__getitem__,
            self.stream,
            clock=self.clock,
            wait=self.clock.wait,
            stop=stop or (lambda: self.repository.ended),
            on_event=self.events.append,
            options=RunnerOptions(workers=workers, idle_s=600),
        )

    def titles(self) -> list[str | None]:
        return [article.title for article in self.stream.articles()]


def test_a_script_runs_to_its_end() -> None:
    world = World(a=[ONE, TWO, PAUSE, THREE, CUT, FOUR, EOF])
    world.live()
    assert world.titles() == ["one", "two", "three", "four"]
    assert world.clock.waits == [60.0], "only the pause was waited for"
    assert [event.appended for event in world.events if isinstance(event, Polled)] == [2, 1, 1]
    assert world.stream.records[0].key == article_id(ONE.url).encode()
    assert world.stream.records[0].value == encode(ONE)


def test_a_crash_before_the_append_loses_nothing() -> None:
    world = World(a=[ONE, CUT, ABORT, TWO, EOF])
    with pytest.raises(Abort):
        world.live()
    assert (world.titles(), world.repository.cursors["a"]) == (["one"], ScriptCursor(2))
    world.live()
    assert world.titles() == ["one", "two"]


def test_a_crash_between_append_and_cursor_repeats_and_loses_nothing() -> None:
    world = World(a=[ONE, ABORT_BEFORE_SAVE, TWO, EOF])
    with pytest.raises(Abort):
        world.live()
    assert (world.titles(), world.repository.cursors) == (["one"], {})
    world.live()
    assert world.titles() == ["one", "one", "two"]


def test_a_crash_inside_the_append_loses_nothing() -> None:
    world = World(a=[ONE, TWO, EOF])
    world.stream.crash_after_append = True
    with pytest.raises(Abort):
        world.live()
    world.live()
    assert world.titles() == ["one", "two", "one", "two"]


@pytest.mark.parametrize("workers", [0, 2])
def test_crash_after_crash(workers: int) -> None:
    world = World(a=[ABORT, ONE, ABORT, TWO, ABORT_BEFORE_SAVE, ABORT, THREE, EOF], b=[FOUR, EOF])
    deaths = 0
    while not world.repository.ended:
        try:
            world.live(workers=workers)
        except Abort:
            deaths += 1
    assert deaths == 4
    assert set(world.titles()) == {"one", "two", "three", "four"}
    assert [title for title in dict.fromkeys(world.titles()) if title != "four"] == ["one", "two", "three"]


def test_a_stream_that_is_away_is_waited_for_with_the_same_items() -> None:
    world = World(a=[ONE, CUT, TWO, EOF])
    world.stream.trouble = unavailable(times=3)
    world.live()
    assert world.titles() == ["one", "two"]
    assert world.clock.waits == [0.5, 1.0, 2.0]
    assert [event.problem for event in world.events if isinstance(event, Waiting)] == ["memory:: nobody answers"] * 3
    assert len(world.connectors["a"].seen) == 2, "nothing was polled twice"


def test_waits_for_the_stream_are_bounded_and_end_with_stop() -> None:
    world = World(a=[ONE, EOF])
    world.stream.trouble = unavailable(times=1_000)
    world.live(stop=lambda: len(world.clock.waits) >= 12)
    assert max(world.clock.waits) == 30.0
    assert (world.repository.cursors, world.titles()) == ({}, []), "the cursor did not move"
    world.stream.trouble = int
    world.live()
    assert world.titles() == ["one"]


def test_a_store_that_fails_after_the_append_is_tried_again_without_appending_again() -> None:
    world = World(a=[ONE, EOF])
    tries: list[str] = []

    def flaky(name: str) -> None:
        tries.append(name)
        if len(tries) < 3:
            raise StoreError("database is locked")

    world.repository.before_save = flaky
    world.live()
    assert (world.titles(), len(tries)) == (["one"], 3)


def test_a_stream_that_fails_for_good_ends_the_loop() -> None:
    world = World(a=[ONE, EOF])

    def refuse(number: int) -> None:
        raise StreamError("memory:", "not allowed to write")

    world.stream.trouble = refuse
    with pytest.raises(StreamError, match="not allowed to write"):
        world.live()
    assert world.repository.cursors == {}


def test_a_connector_that_fails_does_not_stop_the_others() -> None:
    class Broken(Scripted):
        def poll(self, cursor: ScriptCursor | None, now: datetime) -> PollResult[ScriptCursor]:
            raise KeyError("a bug")

    world = World(bad=[], good=[ONE, EOF])
    world.connectors["bad"] = Broken([])
    world.live(stop=lambda: len(world.titles()) == 1)
    (broke,) = [event for event in world.events if isinstance(event, Broke)]
    assert (broke.name, broke.problem, broke.retry_at) == ("bad", "internal error: KeyError: 'a bug'", after(300))
    assert world.repository.problems == {"bad": "internal error: KeyError: 'a bug'"}


def test_the_first_to_save_wins() -> None:
    world = World(a=[ONE, EOF])

    def other_process(name: str) -> None:
        world.repository.before_save = str
        world.repository.cursors[name] = ScriptCursor(1)

    world.repository.before_save = other_process
    world.live(stop=lambda: len(world.events) > 0)
    assert world.events == [Superseded("a")]
    assert world.repository.cursors["a"] == ScriptCursor(1)


def test_a_record_over_the_limit_becomes_a_stub_without_body() -> None:
    world = World(a=[ONE, news("huge", html="x" * 5_000), TWO, EOF])
    world.stream.max_value_bytes = 2_000
    world.live()
    assert world.titles() == ["one", "huge", "two"]
    stub = world.stream.articles()[1]
    assert (stub.stub, stub.html, stub.url) == ("too_large", None, "https://a.example/huge")
    (polled,) = [event for event in world.events if isinstance(event, Polled)]
    assert polled.stubs == 1


def test_a_stub_that_is_still_too_large_gives_up_its_summary() -> None:
    records, stubs = to_records((news("huge", html="x" * 9_000, summary="s" * 9_000),), 2_000)
    assert (len(records[0].value) < 2_000, stubs) == (True, 1)


def test_a_stream_that_takes_less_than_it_says_gets_smaller_stubs() -> None:
    world = World(a=[news("huge", html="x" * 5_000), ONE, EOF])

    class Strict(MemoryStream):
        def append(self, records):  # type: ignore[no-untyped-def]
            self.max_value_bytes = 2_000
            return super().append(records)

    world.stream = Strict(max_value_bytes=100_000)
    world.live()
    assert [article.stub for article in world.stream.articles()] == ["too_large", None]


def test_threads_poll_at_once_and_each_source_stays_in_order() -> None:
    names = [f"s{n}" for n in range(6)]
    world = World(**{name: [news(f"{name}-{n}") if n % 2 == 0 else CUT for n in range(20)] for name in names})
    at_once = threading.Barrier(3, timeout=20)

    class Meeting(Scripted):
        met = False

        def poll(self, cursor: ScriptCursor | None, now: datetime) -> PollResult[ScriptCursor]:
            if not self.met:
                self.met = True
                at_once.wait()
            return super().poll(cursor, now)

    for name in names:
        world.connectors[name] = Meeting(world.connectors[name]._script)
    world.live(workers=3)
    for name in names:
        mine = [title for title in world.titles() if title and title.startswith(f"{name}-")]
        assert mine == [f"{name}-{n}" for n in range(0, 20, 2)]


def test_with_no_source_it_looks_now_and_then_for_new_ones() -> None:
    world = World()
    world.live(stop=lambda: len(world.clock.waits) >= 3)
    assert world.clock.waits == [600.0] * 3
