"""The store of subscriptions: versions, from when they hold, and that saving the same changes nothing."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from core.records import Subscription
from core.store import Store, SubscriptionStore, open_store
from core.store.subscriptions import FRESH_MS, MARGIN_MS, StoredTopic

ANN = Subscription(id="ann", query="syria", name="Ann's", owner="ann")
BOB = Subscription(id="bob", query="NEAR/3(a b)")


@pytest.fixture
def queries(store: Store) -> SubscriptionStore:
    return SubscriptionStore(store)


def versions(queries: SubscriptionStore) -> list[tuple[str, int, int, bool, str]]:
    return [
        (one.id, one.version, one.effective_from_ms, one.active, one.query)
        for one in queries.read(now_ms=0).subscriptions
    ]


def test_a_version_holds_from_its_saving_plus_the_margin(queries: SubscriptionStore) -> None:
    assert queries.save_subscriptions([ANN, BOB], now_ms=10_000) == 2
    assert queries.save_subscriptions([replace(ANN, query="syria OR iran")], now_ms=20_000) == 1
    assert queries.save_subscriptions([replace(ANN, query="syria OR iran", active=False)], now_ms=30_000) == 1
    assert versions(queries) == [
        ("ann", 1, 10_000 + MARGIN_MS, True, "syria"),
        ("ann", 2, 20_000 + MARGIN_MS, True, "syria OR iran"),
        ("ann", 3, 30_000 + MARGIN_MS, False, "syria OR iran"),
        ("bob", 1, 10_000 + MARGIN_MS, True, "NEAR/3(a b)"),
    ]


def test_labels_of_an_outlet_are_versions_too(queries: SubscriptionStore, store: Store) -> None:
    def save(outlet: str, labels: set[str], now_ms: int) -> None:
        with store.writing() as connection:
            queries.save_labels(connection, outlet, labels, by="ann", now_ms=now_ms)

    stamp = queries.stamp()
    save("SANA", {"state", "agency"}, 10_000)
    save("sana", {"agency", "state"}, 11_000)  # the same outlet, and nothing new
    save("other", set(), 11_000)
    assert queries.stamp() != stamp
    save("Sana", {"state"}, 20_000)
    save("sana", set(), 30_000)
    save("afp", {"agency"}, 30_000)
    assert [(one.outlet, one.version, one.labels, one.effective_from_ms) for one in queries.read(now_ms=0).labels] == [
        ("afp", 1, ("agency",), 30_000 + MARGIN_MS),
        ("sana", 1, ("agency", "state"), 10_000 + MARGIN_MS),
        ("sana", 2, ("state",), 20_000 + MARGIN_MS),
        ("sana", 3, (), 30_000 + MARGIN_MS),
    ]
    assert queries.labels() == {"afp": ("agency",)}
    assert SubscriptionStore(store, "another").labels() == {}


def test_saving_the_same_again_changes_nothing(queries: SubscriptionStore) -> None:
    queries.save_subscriptions([ANN, BOB], now_ms=1)
    stamp, before = queries.stamp(), versions(queries)
    # The number of the version that is given means nothing.
    assert queries.save_subscriptions([replace(ANN, version=9, effective_from_ms=7), BOB], now_ms=2) == 0
    assert (queries.stamp(), versions(queries)) == (stamp, before)
    for changed in (replace(ANN, name="x"), replace(ANN, owner="x"), replace(ANN, active=False)):
        assert queries.save_subscriptions([changed], now_ms=3) == 1
    assert queries.stamp() != stamp


def test_an_id_given_twice_gives_two_versions(queries: SubscriptionStore) -> None:
    assert queries.save_subscriptions([ANN, replace(ANN, query="iran"), replace(ANN, query="iran")], now_ms=0) == 2
    assert [(one[1], one[4]) for one in versions(queries)] == [(1, "syria"), (2, "iran")]


def test_a_file_of_subscriptions_holds_from_the_beginning(queries: SubscriptionStore) -> None:
    queries.save_subscriptions([ANN], now_ms=10_000, from_the_beginning=True)
    assert versions(queries) == [("ann", 1, 0, True, "syria")]


def test_characters_that_no_database_takes_are_still_saved_once(queries: SubscriptionStore) -> None:
    odd = Subscription(id="a\0b\ud800", query='"x\0y"', name="half \udcff")
    assert [queries.save_subscriptions([odd], now_ms=now) for now in (1, 2)] == [1, 0]
    assert [queries.save_topics({"t\0": "te\0xt"}, now_ms=now) for now in (1, 2)] == [1, 0]
    (only,) = queries.read(now_ms=0).subscriptions
    assert (only.id, only.query, only.name) == ("a\ufffdb\ufffd", '"x\ufffdy"', "half \ufffd")


def test_scopes_do_not_see_each_other(store: Store, queries: SubscriptionStore) -> None:
    replay = SubscriptionStore(store, "replay-1")
    queries.save_subscriptions([ANN], now_ms=1)
    replay.save_topics({"t": "text"}, now_ms=1)
    assert (replay.read(now_ms=0).subscriptions, queries.read(now_ms=0).topics) == ((), ())
    assert (queries.stamp(), replay.stamp()) == ((1, 0, 0), (0, 1, 0))


def test_a_reading_is_valid_for_less_than_the_margin(queries: SubscriptionStore) -> None:
    # A saving whose clock was read at T and which is committed a little later must be seen by every reader that needs it:
    # articles from T plus the margin on. So what was read just before that commit may not be good until then.
    read = queries.read(now_ms=50_000)
    assert read.good_until_ms == 50_000 + FRESH_MS
    assert FRESH_MS < MARGIN_MS
    assert read.stamp == queries.stamp()


def test_the_first_topics_hold_from_the_beginning_later_ones_from_the_margin(queries: SubscriptionStore) -> None:
    assert queries.save_topics({"a": "one", "b": "two"}, now_ms=10_000) == 2
    assert queries.save_topics({"a": "one", "b": "two"}, now_ms=20_000) == 0
    assert queries.save_topics({"a": "changed", "c": "three"}, now_ms=30_000) == 3
    assert queries.save_topics({"a": "changed", "c": "three"}, now_ms=40_000) == 0
    # The one that had ended comes back.
    assert queries.save_topics({"a": "changed", "b": "two", "c": "three"}, now_ms=50_000) == 1
    start = 30_000 + MARGIN_MS
    assert list(queries.read(now_ms=0).topics) == [
        StoredTopic("a", 1, "one", 0, True),
        StoredTopic("a", 2, "changed", start, True),
        StoredTopic("b", 1, "two", 0, True),
        StoredTopic("b", 2, "two", start, False),
        StoredTopic("b", 3, "two", 50_000 + MARGIN_MS, True),
        StoredTopic("c", 1, "three", start, True),
    ]


def test_people_who_save_at_the_same_time_all_save(store_url: str, queries: SubscriptionStore) -> None:
    begin = threading.Barrier(4)

    def save(number: int) -> None:
        own = open_store(store_url)
        begin.wait(30)
        for step in range(5):
            changed = replace(ANN, query=f"{number} {step}")
            assert SubscriptionStore(own).save_subscriptions([changed], now_ms=step) == 1
        own.close()

    threads = [threading.Thread(target=save, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = versions(queries)
    assert [one[1] for one in found] == list(range(1, 21))
    assert sorted(one[4] for one in found) == sorted(f"{number} {step}" for number in range(4) for step in range(5))
