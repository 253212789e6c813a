"""Decisions about feeds: pure, so with values only."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from connectors.feeds import FeedFacts, FeedItem, FeedPolicy, ItemState, decide
from connectors.feeds.cursor import ItemStatus
from connectors.feeds.identity import marks_of
from connectors.http.client import Failure
from core.errors import FailureKind, FeedError

POLICY = FeedPolicy(interval_s=300, jitter=0.0, seen_count=10)
MINUTE = 60_000


ERROR = FeedError("https://a.example/feed", "p")


def item(key: str, title: str = "T", updated: str = "1") -> FeedItem:
    return FeedItem(key=key, url=f"https://a.example/{key}", title=title, updated=updated)


def done(key: str, at_ms: int = 0, **changes: str) -> ItemState:
    return ItemState(
        digest=str(marks_of(item(key, **changes))), first_seen_ms=0, status=ItemStatus.DONE, done_at_ms=at_ms
    )


def failure(status: int | None = None, kind: FailureKind = FailureKind.HTTP_5XX, wait: float | None = None) -> Failure:
    return Failure("https://a.example/", "words", kind, status=status, retry_after_s=wait)


def test_the_first_list_is_backfill_what_comes_later_is_news() -> None:
    first = decide.merge({}, [item("b"), item("a")], first=True, now_ms=1, policy=POLICY)
    assert (first.new, first.unchanged) == (2, 0)
    later = decide.merge(first.items, [item("c"), item("b"), item("a")], first=False, now_ms=2, policy=POLICY)
    assert (later.new, later.unchanged) == (1, 2)
    assert {key: state.backfill for key, state in later.items.items()} == {"a": True, "b": True, "c": False}
    assert decide.due_pages(later.items, 2) == ["c", "a", "b"], "news first; then from the feed's end, the oldest"


def test_an_unchanged_item_stays_done() -> None:
    merged = decide.merge({"a": done("a", 5)}, [item("a")], first=False, now_ms=10, policy=POLICY)
    assert merged.items == {"a": done("a", 5)}
    assert decide.due_pages(merged.items, 10) == []


def test_a_rewritten_item_is_due_again_and_is_news_even_if_it_was_backfill() -> None:
    before = {"a": replace(done("a", 1), backfill=True)}
    now_ms = 10 * MINUTE
    state = decide.merge(before, [item("a", title="New")], first=False, now_ms=now_ms, policy=POLICY).items["a"]
    assert (state.status, state.backfill, state.retry_at_ms) == (ItemStatus.PENDING, False, now_ms)


def test_a_touched_item_waits_longer_than_a_rewritten_one() -> None:
    before, now_ms = {"a": done("a", 10 * MINUTE)}, 10 * MINUTE + 1
    touched = decide.merge(before, [item("a", updated="2")], first=False, now_ms=now_ms, policy=POLICY).items["a"]
    rewritten = decide.merge(before, [item("a", title="New")], first=False, now_ms=now_ms, policy=POLICY).items["a"]
    assert touched.retry_at_ms == 25 * MINUTE
    assert rewritten.retry_at_ms == 11 * MINUTE
    both = decide.merge({"a": touched}, [item("a", title="New")], first=False, now_ms=now_ms, policy=POLICY).items["a"]
    assert both.retry_at_ms == 11 * MINUTE, "a rewrite does not wait for the touch before it"


def test_a_pending_item_keeps_its_back_off_but_takes_the_newest_words() -> None:
    state = ItemState(
        digest=str(marks_of(item("a"))), first_seen_ms=0, attempts=2, retry_at_ms=99 * MINUTE, item=item("a")
    )
    after = decide.merge({"a": state}, [item("a", title="New")], first=False, now_ms=MINUTE, policy=POLICY).items["a"]
    assert (after.attempts, after.retry_at_ms) == (2, 99 * MINUTE)
    assert after.item
    assert after.item.title == "New"


def test_an_item_that_comes_back_is_not_new() -> None:
    gone = decide.merge({"a": done("a")}, [], first=False, now_ms=7, policy=POLICY)
    assert gone.items["a"].left_at_ms == 7
    back = decide.merge(gone.items, [item("a")], first=False, now_ms=9, policy=POLICY)
    assert (back.new, back.unchanged) == (0, 1)
    assert back.items["a"].left_at_ms is None


def test_pending_items_survive_leaving_the_feed() -> None:
    listed = decide.merge({}, [item("a")], first=False, now_ms=1, policy=POLICY)
    state = decide.merge(listed.items, [], first=False, now_ms=10**12, policy=POLICY).items["a"]
    assert state.item == item("a")


def test_memory_of_what_left_is_bounded_in_time_and_number() -> None:
    known = {f"k{n}": replace(done(f"k{n}"), left_at_ms=n) for n in range(50)}
    after = decide.merge(known, [], first=False, now_ms=100, policy=POLICY).items
    assert sorted(state.left_at_ms or 0 for state in after.values()) == list(range(40, 50)), "the ten that left last"
    month_ms = int(POLICY.seen_for_s * 1000)
    assert decide.merge(known, [], first=False, now_ms=month_ms + 45, policy=POLICY).items.keys() == {
        f"k{n}" for n in range(45, 50)
    }


@given(st.lists(st.lists(st.integers(0, 400), max_size=200, unique=True), max_size=6))
def test_no_listed_item_is_ever_forgotten_and_none_is_new_twice_in_a_row(polls: list[list[int]]) -> None:
    items: dict[str, ItemState] = {}
    before: set[int] = set()
    for now_ms, listed in enumerate(polls):
        merged = decide.merge(items, [item(str(n)) for n in listed], first=now_ms == 0, now_ms=now_ms, policy=POLICY)
        assert {str(n) for n in listed} <= merged.items.keys()
        assert merged.new + merged.changed + merged.unchanged == len(listed)
        assert merged.new <= len(set(listed) - before)
        items = {key: decide.settled(state, now_ms) for key, state in merged.items.items()}
        assert len(items) <= len(listed) + max(POLICY.seen_count, 2 * len(listed))
        before = set(listed)


def test_a_long_feed_does_not_overflow_the_memory() -> None:
    """Others remembered 500 ids of 1,305 items: all came again at every poll."""
    listed = [item(str(n)) for n in range(5_000)]
    first = decide.merge({}, listed, first=True, now_ms=1, policy=POLICY)
    settled = {key: decide.settled(state, 2) for key, state in first.items.items()}
    assert decide.merge(settled, listed, first=False, now_ms=3, policy=POLICY).unchanged == 5_000


def test_too_many_at_once_are_left_for_later_and_counted() -> None:
    policy = FeedPolicy(max_pending=3)
    merged = decide.merge({}, [item(str(n)) for n in range(5)], first=False, now_ms=1, policy=policy)
    assert (merged.new, merged.deferred, len(merged.items)) == (3, 2, 3)


def test_a_page_is_tried_again_with_growing_waits_then_given_up() -> None:
    state: ItemState | None = ItemState(digest="", first_seen_ms=0, item=item("a"))
    waits = []
    while state:
        after = decide.page_failed(state, failure(404), 0, POLICY)
        waits.append(after.retry_at_ms // 1000 if after else None)
        state = after
    assert waits == [60, 300, 1_800, None]


def test_a_server_that_asks_for_more_time_gets_it() -> None:
    state = decide.page_failed(ItemState(digest="", first_seen_ms=0), failure(429, wait=7_200), 0, POLICY)
    assert state
    assert state.retry_at_ms == 7_200_000


@pytest.mark.parametrize(
    "bad",
    [
        failure(410),
        *(
            failure(kind=kind)
            for kind in (FailureKind.URL, FailureKind.REFUSED, FailureKind.TOO_LARGE, FailureKind.NO_PAGE)
        ),
    ],
)
def test_hopeless_pages_are_given_up_at_once(bad: Failure) -> None:
    assert decide.page_failed(ItemState(digest="", first_seen_ms=0), bad, 0, POLICY) is None


def test_a_failing_feed_is_asked_less_and_less_but_never_dropped() -> None:
    facts, waits = FeedFacts(), []
    for _ in range(60):
        facts = decide.feed_failed(facts, ERROR, 0, POLICY, random.Random(1), failure(500))
        waits.append(facts.poll_at_ms // 1000)
    assert waits[:4] == [300, 600, 1_200, 2_400]
    assert waits[-1] == 86_400
    assert decide.feed_went_well(facts, 0, POLICY, random.Random(1)).failures == 0


def test_retry_after_and_gone_and_jitter() -> None:
    rng = random.Random(1)
    assert decide.feed_failed(FeedFacts(), ERROR, 0, POLICY, rng, failure(429, wait=5_000)).poll_at_ms == 5_000_000
    gone = decide.feed_failed(FeedFacts(), ERROR, 0, POLICY, rng, failure(410))
    assert (gone.gone, gone.poll_at_ms) == (True, 86_400_000)
    policy = replace_policy(jitter=0.5)
    waits = {decide.feed_failed(FeedFacts(), ERROR, 0, policy, rng, None).poll_at_ms for _ in range(20)}
    assert len(waits) > 10
    assert all(300_000 <= wait <= 450_000 for wait in waits)


def replace_policy(*, jitter: float) -> FeedPolicy:
    return FeedPolicy(interval_s=300, jitter=jitter)


def test_a_learnt_address_is_dropped_if_it_keeps_failing() -> None:
    facts = FeedFacts(moved_to="https://new.example/")
    assert decide.feed_address("https://old.example/", facts, 0, POLICY) == "https://new.example/"
    failing = replace(facts, failures=3)
    assert decide.feed_address("https://old.example/", failing, 0, POLICY) == "https://old.example/"
