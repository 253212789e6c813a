"""Counts that are kept up with each transaction: they are what counting everything would give."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import OutcomeKind, from_ms
from core.store import Store, StoreReader
from core.store.counts import (
    LATENCY_S,
    OUTCOMES,
    add_counts,
    latencies,
    latency_counts,
    read_activity,
    read_counts,
    read_gauges,
)
from pipeline.ledger.bundle import bundle_counts
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.ledger.support import commit, lost, refused, state_of, told
from wirewatch.commands.status import recent_outcomes


def _outcomes(store: Store) -> Counter[str]:
    with store.reading() as connection:
        counts = read_counts(connection, "live")
    return Counter({label: count for (name, label), count in counts.items() if name == OUTCOMES})


def test_outcomes_are_counted_as_they_are_stored(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(0), told(1, "https://b.example/1"), refused(2)])
    commit(ledger, [told(3, "https://c.example/1", copy_of="x"), told(4, version=2)])
    ledger.offsets("stream").record_lost([lost(5, 14)])
    assert _outcomes(store) == {"published": 2, "rejected": 1, "duplicate": 1, "updated": 1, "lost": 10}
    assert _outcomes(store) == StoreReader(store, "live").count_outcomes()


def test_an_outcome_recorded_again_is_not_counted_again(store: Store, ledger: RunLedger) -> None:
    for _ in range(3):
        ledger.offsets("stream").record_lost([lost(5, 14), lost(20, 20)])
    commit(ledger, [told(30)])
    commit(ledger, [told(30), told(31, "https://b.example/1")])
    assert _outcomes(store) == StoreReader(store, "live").count_outcomes() == {"lost": 11, "published": 2}


def test_a_bundle_that_was_not_stored_counts_nothing(store: Store, ledger: RunLedger) -> None:
    state = state_of(ledger)
    commit(ledger, [told(0)])
    with pytest.raises(Exception, match="another worker"):
        ledger.commit(state, [told(1)], [], last_key=None, publish=False)
    assert _outcomes(store) == {"published": 1}


def test_sources_and_gauges(store: Store, ledger: RunLedger) -> None:
    long = "s" * 50_000
    commit(ledger, [told(1, source="one"), told(2, "https://b.example/1", source=long)])
    ledger.commit(
        state_of(ledger), [told(3, "https://c.example/1", source="one")], [], last_key=None, publish=False,
        gauges={"index_entries": 7, "index_bytes": 70},
    )  # fmt: skip
    commit(ledger, [told(4, version=2, source="one")])
    with store.reading() as connection:
        [first, second] = read_activity(connection, "live")
        assert read_gauges(connection, "live") == {"index_entries": 7, "index_bytes": 70}
    assert (first.source, first.articles) == ("one", 2)
    assert second.articles == 1
    assert long.startswith(second.source)
    assert first.last_ms > second.last_ms


def test_the_last_hour_is_read_by_its_index(store: Store, ledger: RunLedger) -> None:
    batch = [told(number, f"https://a.example/{number}") for number in range(5)]
    commit(ledger, [*batch, refused(5)])
    with store.reading() as connection:
        assert recent_outcomes(connection, "live", batch[2].key.time_ms) == {"published": 3, "rejected": 1}
        assert recent_outcomes(connection, "live", batch[0].key.time_ms) == {"published": 5, "rejected": 1}


def test_the_frontier_never_steps_back_and_is_of_one_stream(store: Store, ledger: RunLedger) -> None:
    ledger.offsets("one").save({0: 5, 1: 7})
    ledger.offsets("one").save({0: 3, 1: 9, 2: 1})
    ledger.offsets("two").save({0: 1})
    assert ledger.offsets("one").saved() == {0: 5, 1: 9, 2: 1}
    assert ledger.offsets("two").saved() == {0: 1}
    assert RunLedger(store, "other", "x").offsets("one").saved() == {}


def test_latencies_of_a_bundle() -> None:
    one = told(0)
    assert one.article is not None
    stored_ms = one.key.time_ms + 1_700
    counts = bundle_counts([one], stored_ms)
    assert counts["latency.append_to_store", "2"] == 1
    assert counts["latency_ms", "append_to_store"] == 1_700
    fetched_ms = one.key.time_ms - int(one.article.fetched_at.timestamp() * 1000)
    assert counts["latency_ms", "fetched_to_append"] == max(0, fetched_ms)
    assert not any(name == "latency.published_to_fetched" for name, _ in counts)
    dated = told(0, published_at=one.article.fetched_at - timedelta(seconds=90))
    assert bundle_counts([dated], stored_ms)["latency.published_to_fetched", "120"] == 1
    for changes in ({"backfill": True}, {"published_flag": "future"}):
        held = told(0, published_at=one.article.fetched_at - timedelta(seconds=90), **changes)
        assert not any(name == "latency.published_to_fetched" for name, _ in bundle_counts([held], stored_ms))
    assert dated.outcome.kind is OutcomeKind.PUBLISHED
    assert from_ms(0).year == 1970


@given(st.sampled_from(sorted(LATENCY_S)), st.lists(st.integers(-10_000, 200_000_000), min_size=1))
def test_a_histogram_holds_each_wait_once(stage: str, waits_ms: list[int]) -> None:
    [histogram] = latencies(latency_counts(stage, waits_ms))
    for bound, count in histogram.buckets:
        assert count == sum(max(0, wait) / 1000 <= bound for wait in waits_ms)
    assert histogram.buckets[-1] == (float("inf"), len(waits_ms))
    assert histogram.sum_s == pytest.approx(sum(max(0, wait) for wait in waits_ms) / 1000)


@given(cuts=st.lists(st.integers(0, 500_000), max_size=12), place=st.integers(0, 12))
def test_bundles_add_up_however_they_are_cut(cuts: list[int], place: int) -> None:
    whole = latency_counts("append_to_store", cuts)
    parts = latency_counts("append_to_store", cuts[:place]) + latency_counts("append_to_store", cuts[place:])
    assert +whole == parts


def test_counts_of_several_transactions_add_up(store: Store) -> None:
    for _ in range(3):
        with store.writing() as connection:
            add_counts(store, connection, "live", {("a", "x"): 2, ("a", "y"): 1})
            add_counts(store, connection, "other", {("a", "x"): 1})
    with store.reading() as connection:
        assert read_counts(connection, "live") == {("a", "x"): 6, ("a", "y"): 3}
