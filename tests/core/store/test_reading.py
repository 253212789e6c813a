"""Reading results: page by page in the run's order, and what is new."""

from __future__ import annotations

import random

import pytest

from core.records import OutcomeKind
from core.store import Store, StoreReader
from core.store import results as reading_module
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.ledger.support import TWO, alert, commit, lost, match, refused, told


def test_results_come_in_the_runs_order_over_several_pages(
    store: Store, ledger: RunLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "PAGE", 7)
    batch = [told(number, f"https://a.example/{number}", subscriptions=(match("ann"),)) for number in range(50)]
    alerts = [alert(one, identity=f"{number * 7_919 % 50:02d}") for number, one in enumerate(batch)]
    random.Random(1).shuffle(alerts)
    for start in range(0, 50, 20):
        part = batch[start : start + 20]
        ids = {one.key.article for one in part}
        commit(ledger, part, [one for one in alerts if one.article in ids])
    reader = StoreReader(store, "live")
    assert [one.id for one in reader.articles()] == [one.key.article for one in batch]
    assert [one.article for one in reader.alerts()] == [one.key.article for one in batch]
    assert [one.first_offset for one in reader.outcomes()] == list(range(50))


def test_a_number_of_results_that_fills_its_pages_exactly(
    store: Store, ledger: RunLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "PAGE", 5)
    commit(ledger, [told(number, f"https://a.example/{number}") for number in range(10)])
    reader = StoreReader(store, "live")
    assert (len(list(reader.articles())), len(list(reader.outcomes())), list(reader.alerts())) == (10, 10, [])


def test_alerts_of_one_millisecond_have_the_order_of_their_records(store: Store, ledger: RunLedger) -> None:
    # The second came too late and stands behind the first, though its article's id is the lower one.
    urls = sorted((f"https://a.example/{number}" for number in range(2)), key=lambda url: told(0, url).key.article)
    first = told(0, urls[1], subscriptions=(match("ann"),))
    late = told(1, urls[0], subscriptions=(match("ann"),))
    moved = type(late)(late.outcome, first.key.follower(), True, late.article, late.entry)
    alerts = [alert(first), alert(type(late)(late.outcome, first.key, True, late.article, late.entry))]
    assert moved.key.time_ms == first.key.time_ms
    commit(ledger, [first, moved], alerts)
    assert [one.article for one in StoreReader(store, "live").alerts()] == [first.key.article, late.key.article]


def test_an_article_is_read_in_its_current_version_at_that_versions_place(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(0), told(1, TWO), told(2, version=2, title="Changed")])
    assert [(one.title, one.version) for one in StoreReader(store, "live").articles()] == [
        ("Title 1", 1),
        ("Changed", 2),
    ]


def test_outcomes_are_read_as_they_were_recorded_and_counted_by_offsets(store: Store, ledger: RunLedger) -> None:
    batch = [told(0), refused(1)]
    commit(ledger, batch)
    gone = lost(2, 11)
    ledger.offsets("stream").record_lost([gone])
    reader = StoreReader(store, "live")
    assert list(reader.outcomes()) == [batch[0].outcome, batch[1].outcome, gone]
    counts = reader.count_outcomes()
    assert counts == {OutcomeKind.PUBLISHED: 1, OutcomeKind.REJECTED: 1, OutcomeKind.LOST: 10}
    assert type(counts["lost"]) is int


def test_what_is_new_since_a_transaction(store: Store, ledger: RunLedger) -> None:
    reader = StoreReader(store, "live")
    assert reader.since(0) == (0, [], [], [])
    one, two, three = told(0, subscriptions=(match("ann"),)), refused(1), told(2, TWO)
    first = commit(ledger, [one, two], [alert(one)])
    second = commit(ledger, [three, refused(3), told(4, version=2)])
    now, articles, alerts, rejected = reader.since(0)
    # Of an article only the current version.
    assert (now, [each.position.offset for each in articles]) == (second, [2, 4])
    assert ([each.subscription for each in alerts], [each.first_offset for each in rejected]) == (["ann"], [1, 3])
    now, articles, alerts, rejected = reader.since(first)
    assert ([each.position.offset for each in articles], alerts, [each.first_offset for each in rejected]) == (
        [2, 4],
        [],
        [3],
    )
    assert reader.since(second) == (second, [], [], [])
    assert StoreReader(store, "no such run").since(0) == (0, [], [], [])
