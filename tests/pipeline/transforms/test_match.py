"""Matching: each article is judged by the queries and topics that held at its event time, whenever it is judged."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from core.errors import StoreError
from core.records import Article, Subscription
from core.store import Store, SubscriptionStore
from core.store.subscriptions import FRESH_MS, MARGIN_MS, StoredQueries
from desk.labels import OutletLabels, outlet_label
from pipeline.elements import Rejection
from pipeline.transforms.match import MOST_MATCHES, Matcher, Versions, judged, shared_matcher
from tests.pipeline.transforms.support import NOON_MS, at, draft

ANN = Subscription(id="ann", query="harbour")
TOPIC = """
name = "{name}"
title = "A topic"
threshold = 0.1
[[query]]
query = "{query}"
"""


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOON_MS

    def __call__(self) -> int:
        return self.now_ms


class CountingStore(SubscriptionStore):
    """Counts what it is asked. ``failing`` readings raise."""

    reads = stamps = failing = 0

    def stamp(self) -> tuple[int, ...]:
        self.stamps += 1
        return super().stamp()

    def read(self, *, now_ms: int) -> StoredQueries:
        self.reads += 1
        if self.failing:
            self.failing -= 1
            raise StoreError("away")
        return super().read(now_ms=now_ms)


@pytest.fixture
def queries(store: Store) -> CountingStore:
    return CountingStore(store)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def matcher(queries: CountingStore, clock: Clock) -> Matcher:
    return Matcher(queries, clock, lambda: 0.0)


def news(time_ms: int, text: str = "The harbour was closed.") -> Article:
    return at(time_ms, text=text, title="News")


def met(matcher: Matcher, article: Article) -> list[tuple[str, int]]:
    return [(one.subscription, one.version) for one in matcher.subscriptions_of(article)]


def filed(matcher: Matcher, article: Article) -> list[str]:
    return [one.topic for one in matcher.topics_of(article)]


def test_a_subscription_holds_for_articles_from_its_saving_plus_the_margin(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    queries.save_subscriptions([ANN], now_ms=NOON_MS)
    start = NOON_MS + MARGIN_MS
    clock.now_ms = start + 10
    assert [met(matcher, news(time)) for time in (0, NOON_MS, start - 1, start, start + 5)] == [
        [],
        [],
        [],
        [("ann", 1)],
        [("ann", 1)],
    ]


def test_an_edit_and_an_end_hold_from_their_own_times_in_every_query(queries: CountingStore, clock: Clock) -> None:
    edit, end = NOON_MS + 60_000, NOON_MS + 120_000
    queries.save_subscriptions([ANN], now_ms=NOON_MS)
    queries.save_subscriptions([replace(ANN, query="closed")], now_ms=edit)
    queries.save_subscriptions([replace(ANN, query="closed", active=False)], now_ms=end)
    clock.now_ms = end + 60_000
    times = [edit + MARGIN_MS - 1, edit + MARGIN_MS, end + MARGIN_MS - 1, end + MARGIN_MS]
    expected = [[("ann", 1)], [("ann", 2)], [("ann", 2)], []]
    forward, backward = Matcher(queries, clock), Matcher(queries, clock)
    assert [met(forward, news(time)) for time in times] == expected
    assert [met(backward, news(time)) for time in reversed(times)] == expected[::-1]
    # The version that does not meet the article is not replaced by one that would.
    assert met(forward, news(times[1], "The harbour is open.")) == []


def test_labels_hold_from_their_own_times_in_every_query(queries: CountingStore, clock: Clock, store: Store) -> None:
    queries.save_subscriptions([replace(ANN, query="harbour AND kind:state")], now_ms=0, from_the_beginning=True)
    queries.save_subscriptions([replace(ANN, id="bob", query="harbour NOT kind:state")], now_ms=0)
    labels = OutletLabels(store)
    given_ms, taken_ms = NOON_MS, NOON_MS + 60_000
    source = news(0).source
    labels.put(outlet_label(source.upper(), "state-run", "a list", now_ms=given_ms))
    labels.drop(source.upper(), "state", now_ms=taken_ms)
    clock.now_ms = taken_ms + 60_000
    times = [given_ms + MARGIN_MS - 1, given_ms + MARGIN_MS, taken_ms + MARGIN_MS - 1, taken_ms + MARGIN_MS]
    expected = [[("bob", 1)], [("ann", 1)], [("ann", 1)], [("bob", 1)]]
    forward, backward = Matcher(queries, clock), Matcher(queries, clock)
    assert [met(forward, news(time)) for time in times] == expected
    assert [met(backward, news(time)) for time in reversed(times)] == expected[::-1]
    assert [forward.decided_of(news(time)).labels for time in times] == [(), ("state",), ("state",), ()]


def test_a_matcher_that_runs_sees_what_is_saved_before_it_must_match_with_it(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    # Live: each article is judged when it comes, at the time it bears.
    found = []
    for step in range(0, 60_000, 100):
        clock.now_ms = NOON_MS + step
        if step == 20_000:
            queries.save_subscriptions([ANN], now_ms=clock.now_ms)
        if met(matcher, news(clock.now_ms)):
            found.append(step)
    assert found == list(range(20_000 + MARGIN_MS, 60_000, 100))


def test_a_slow_save_is_still_seen(queries: CountingStore, clock: Clock, matcher: Matcher) -> None:
    # The clock was read at noon; until the commit, almost a second later, others read the store.
    clock.now_ms = NOON_MS + FRESH_MS - 1
    assert met(matcher, news(clock.now_ms)) == []
    queries.save_subscriptions([ANN], now_ms=NOON_MS)
    clock.now_ms = NOON_MS + MARGIN_MS
    assert met(matcher, news(clock.now_ms)) == [("ann", 1)]


def test_the_store_is_asked_only_for_articles_newer_than_what_is_known(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    queries.save_subscriptions([ANN], now_ms=0)
    for time in (0, 5, NOON_MS, NOON_MS + FRESH_MS):
        matcher.subscriptions_of(news(time))
        matcher.topics_of(news(time))
    assert (queries.reads, queries.stamps) == (1, 0)
    clock.now_ms += FRESH_MS + 1
    for _ in range(3):
        assert met(matcher, news(clock.now_ms)) == [("ann", 1)]
    # Nothing was saved meanwhile: a look at the stamp is enough.
    assert (queries.reads, queries.stamps) == (1, 1)
    queries.save_subscriptions([replace(ANN, query="nothing")], now_ms=clock.now_ms)
    clock.now_ms += MARGIN_MS
    assert met(matcher, news(clock.now_ms)) == []
    assert (queries.reads, queries.stamps) == (2, 2)


def test_an_article_from_the_future_does_not_hide_what_is_saved_later(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    # After it, nothing would have been read again until that future came: an hour of news without the new query.
    assert met(matcher, news(NOON_MS + 3_600_000)) == []
    queries.save_subscriptions([ANN], now_ms=NOON_MS)
    clock.now_ms = NOON_MS + MARGIN_MS
    assert met(matcher, news(clock.now_ms)) == [("ann", 1)]


def test_a_store_that_was_away_is_asked_again(queries: CountingStore, matcher: Matcher) -> None:
    queries.save_subscriptions([ANN], now_ms=0, from_the_beginning=True)
    queries.failing = 1
    with pytest.raises(StoreError):
        matcher.subscriptions_of(news(NOON_MS))
    assert met(matcher, news(NOON_MS)) == [("ann", 1)]


def test_a_query_that_does_not_parse_is_left_out_and_logged_once(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    bad = Subscription(id="bad", query="NEAR/(")
    queries.save_subscriptions([bad, ANN], now_ms=0, from_the_beginning=True)
    with capture_logs() as logs:
        assert met(matcher, news(NOON_MS)) == [("ann", 1)]
        queries.save_subscriptions([Subscription(id="zoe", query="closed")], now_ms=0, from_the_beginning=True)
        clock.now_ms += 60_000
        assert met(matcher, news(clock.now_ms)) == [("ann", 1), ("zoe", 1)]
    assert [(entry["event"], entry["query"], entry["version"]) for entry in logs] == [
        ("a stored query does not parse", "bad", 1)
    ]


def test_a_topic_that_cannot_be_read_is_left_out_and_logged_once(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    good = TOPIC.format(name="ports", query="harbour")
    # The second is sound TOML with a query that isn't; each of them stopped the pipeline.
    bad = {"broken": "no = toml =", "odd": TOPIC.format(name="odd", query="NEAR/(")}
    queries.save_topics({"ports": good, **bad}, now_ms=0)
    with capture_logs() as logs:
        assert filed(matcher, news(NOON_MS)) == ["ports"]
        queries.save_topics({"ports": good, **bad, "other": TOPIC.format(name="other", query="closed")}, now_ms=NOON_MS)
        clock.now_ms += 60_000
        assert filed(matcher, news(clock.now_ms)) == ["other", "ports"]
    assert [(entry["event"], entry["topic"]) for entry in logs] == [
        ("a stored topic can't be read", "broken"),
        ("a stored topic can't be read", "odd"),
    ]


def test_a_query_that_costs_too_much_is_counted_and_the_others_are_run(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    chain = " NEAR/1000 ".join(["t*", "a*", "s*", "c*", "b*"] * 4)
    text = "The talks about a state attack: sources said the city bank and border trade stay closed. " * 14
    paused = Subscription(id="paused", query=chain, state="paused")
    queries.save_subscriptions([ANN, Subscription(id="dear", query=chain), paused], now_ms=0)
    article = news(NOON_MS, f"The harbour was closed. {text}")
    with capture_logs() as logs:
        results = [matcher.decided_of(article) for _ in range(3)]
    assert [([one.subscription for one in each.subscriptions], each.undecided) for each in results] == [
        (["ann"], 1)
    ] * 3
    assert [(entry["query"], entry["times"]) for entry in logs if "steps" in entry["event"]] == [("dear", 1)]


def test_topics_have_versions_too(queries: CountingStore, clock: Clock, matcher: Matcher) -> None:
    old, new = (TOPIC.format(name="ports", query=query) for query in ("harbour", "airport"))
    queries.save_topics({"ports": old}, now_ms=NOON_MS)
    queries.save_topics({"ports": new}, now_ms=NOON_MS + 10_000)
    queries.save_topics({}, now_ms=NOON_MS + 20_000)
    clock.now_ms += 60_000
    change, end = NOON_MS + 10_000 + MARGIN_MS, NOON_MS + 20_000 + MARGIN_MS
    harbour, airport = "The harbour was closed.", "The airport was closed."
    times = (0, change - 1, change, end - 1, end)
    assert [filed(matcher, news(time, harbour)) for time in times] == [["ports"], ["ports"], [], [], []]
    assert [filed(matcher, news(time, airport)) for time in times] == [[], [], ["ports"], ["ports"], []]


def test_a_process_has_one_matcher_for_a_scope(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    assert shared_matcher(url, "live") is shared_matcher(url, "live")
    assert shared_matcher(url, "live") is not shared_matcher(url, "replay")


@given(
    st.lists(
        st.builds(
            Subscription,
            id=st.sampled_from("abc"),
            query=st.just("x"),
            version=st.integers(1, 6),
            effective_from_ms=st.integers(0, 8),
            active=st.booleans(),
        ),
        unique_by=lambda one: (one.id, one.version),
    ),
    st.lists(st.integers(-2, 10), min_size=1),
)
def test_versions_in_force_are_those_of_the_plain_definition(stored: list[Subscription], times: list[int]) -> None:
    versions = Versions(stored, lambda one: one.id)
    for time in times:
        expected = set()
        for name in "abc":
            held = [one for one in stored if one.id == name and one.effective_from_ms <= time]
            if held and (newest := max(held, key=lambda one: one.version)).active:
                expected.add((name, newest.version))
        assert {(one.id, one.version) for one in versions.in_force(time)} == expected


def test_an_article_that_cannot_be_judged_is_rejected_and_a_store_that_is_away_is_not_its_fault() -> None:
    """Otherwise one article would stop a whole run for good."""
    one = draft(3, "https://a.example/3", text="The harbour was closed.")

    def broken(_article: Article) -> dict[str, object]:
        raise RecursionError("too deep\nby far \ud800")

    with capture_logs() as logs:
        found = judged(one, "match", broken)
    assert (found.article, found.position, found.key, found.item) == (None, one.position, one.key, one.item)
    assert found.problem is not None
    assert found.problem.stage == "match"
    assert found.problem.reason.startswith("match_failed: RecursionError: too deep by far")
    assert [entry["log_level"] for entry in logs] == ["error"]

    def away(_article: Article) -> dict[str, object]:
        raise StoreError("away")

    with pytest.raises(StoreError):
        judged(one, "match", away)
    refused = draft(4, "https://a.example/4", Rejection("clean", "no_text"))
    assert judged(refused, "match", broken) is refused


def test_a_broad_query_on_a_long_page_keeps_a_limited_number_of_matches_in_text_and_title(
    queries: CountingStore, clock: Clock, matcher: Matcher
) -> None:
    """A short wildcard meets each of a hundred thousand words: that would be stored with the article, and with each alert."""
    queries.save_subscriptions([Subscription(id="broad", query="w*")], now_ms=0, from_the_beginning=True)
    article = msgspec.structs.replace(
        news(NOON_MS, " ".join(f"w{number}" for number in range(5_000))), title="Wet wool"
    )
    [found] = matcher.subscriptions_of(article)
    assert [one.text for one in found.matches if one.field == "title"] == ["Wet", "wool"]
    of_text = [one for one in found.matches if one.field != "title"]
    assert [one.text for one in of_text] == [f"w{number}" for number in range(MOST_MATCHES)]
