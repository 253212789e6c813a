"""What reads the past of a pruned run says what is gone, and claims nothing about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.durations import DAY_MS
from core.records import article_id, from_ms
from core.search.index import SearchIndex
from core.search.parquet import export
from core.store import Store, StoreReader, open_store
from core.store import tables as t
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.ledger.takedown import take_down
from pipeline.replay.diff import differences, span_of
from pipeline.replay.runs import first_place_ms, list_runs
from tests.core.search.test_indexer import urls
from tests.pipeline.ledger.support import alert, commit, told
from tests.pipeline.transforms.support import NOON_MS
from wirewatch.commands.trace import describe
from wirewatch.replay.as_of import AsOf
from wirewatch.replay.spec import pruned_since
from wirewatch.trace import Tracer

OLD, OTHER, NEW = "https://a.example/old", "https://b.example/other", "https://c.example/new"
DAY = 86_400
GONE_MS = NOON_MS + 12 * DAY_MS
SAID = "stories and articles from before 2026-03-13 12:00 UTC were pruned"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[RunLedger]:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    moment = iter(range(NOON_MS, NOON_MS + 10**12, 20_000))
    made = RunLedger(store, "live", "me", clock_ms=lambda: next(moment))
    made.take(kind="live", now_ms=NOON_MS)
    for number, url in ((0, OLD), (10, OTHER), (20 * DAY, NEW)):
        one = told(number, url)
        commit(made, [one], [alert(one)])
    made.offsets("stream").save({0: 21 * DAY})
    yield made
    store.close()


def prune(ledger: RunLedger, **days: float) -> None:
    pruning = Pruning(ledger, Keep(**{f"{name}_ms": int(value * DAY_MS) for name, value in days.items()}))
    while pruning.step(NOON_MS + 100 * DAY_MS) is not None:
        pass


def test_trace_says_what_is_gone(ledger: RunLedger) -> None:
    tracer = Tracer(ledger.store, "live", scope="live")
    never = describe(tracer.trace("https://d.example/never"), from_ms(NOON_MS))
    assert (never.verdict, never.pruned) == ("never seen", ())
    prune(ledger, articles=8)
    known = describe(tracer.trace(OLD), from_ms(NOON_MS))
    assert known.article is None
    assert known.verdict == "it came once and ended as published"
    assert known.pruned == (SAID,)
    prune(ledger, outcomes=8)
    gone = describe(tracer.trace(OLD), from_ms(NOON_MS))
    assert gone.verdict == "nothing is stored about it: it never came, or its records were pruned"
    assert gone.pruned == (SAID, "outcomes of raw records from before 2026-03-13 12:00 UTC were pruned")
    assert describe(tracer.trace(NEW), from_ms(NOON_MS)).verdict.startswith("an article of a.example")


def test_what_was_known_then_names_what_is_gone_and_times_are_to_the_minute(ledger: RunLedger) -> None:
    # Three transactions, 20 s apart, of which the last of the minute stays.
    prune(ledger, commits=1)
    past = AsOf(ledger.store, "live", from_ms(NOON_MS + DAY_MS))
    assert [one.seen_at for one in past.articles()] == [from_ms(NOON_MS + 40_000)] * 3
    assert list(past.pruned.words()) == []
    prune(ledger, articles=8)
    past = AsOf(ledger.store, "live", from_ms(NOON_MS + DAY_MS))
    assert [one.id for one in past.articles()] == [article_id(NEW)]
    assert list(past.pruned.words()) == [SAID]


def test_a_replay_claims_nothing_about_what_was_pruned(ledger: RunLedger) -> None:
    assert pruned_since(ledger.store, "live", 0) is None
    prune(ledger, articles=8, outcomes=5)
    assert pruned_since(ledger.store, "live", NOON_MS + 15 * DAY_MS) is None
    assert SAID in (pruned_since(ledger.store, "live", GONE_MS) or "")
    # A run began when it began, whatever is left of it.
    assert first_place_ms(ledger.store, "live") == NOON_MS
    assert list_runs(ledger.store)[0].outcomes == {"published": 3}


def test_runs_are_compared_from_the_first_place_that_neither_has_pruned(ledger: RunLedger) -> None:
    again = RunLedger(ledger.store, "again", "me")
    again.take(kind="replay", now_ms=NOON_MS)
    for number, url in ((0, OLD), (20 * DAY, NEW)):
        commit(again, [told(number, url)])
    prune(ledger, articles=8)
    span = span_of(ledger.store, "live", "again")
    assert span.from_ms == GONE_MS
    assert {one.what for one in differences(ledger.store, "live", "again", span)} == {"alert"}


def test_an_exported_day_keeps_what_was_pruned_since_but_not_what_was_taken_down(
    ledger: RunLedger, tmp_path: Path
) -> None:
    reader, folder = StoreReader(ledger.store, "live"), tmp_path / "parquet"
    before = {one.path: one.rows for one in export(reader, folder)}
    assert sum(before.values()) == 9
    prune(ledger, articles=8)
    assert {one.path: one.rows for one in export(reader, folder)} == before
    take_down(ledger.store, OTHER, "a court", by="", now_ms=NOON_MS)
    after = list(export(reader, folder))
    assert sum(one.rows for one in after) == 6
    assert not any(one.written for one in export(reader, folder))


def test_search_forgets_what_was_pruned_a_part_at_a_time(
    ledger: RunLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.search.indexer.SWEPT", 1)
    reader, index = StoreReader(ledger.store, "live"), SearchIndex.open(tmp_path / "search")
    for _ in range(5):
        index.refresh(reader)
    assert urls(index) == [NEW, OTHER, OLD]
    prune(ledger, articles=8)
    index.refresh(reader)
    assert urls(index) == [NEW, OTHER]
    index.refresh(reader)
    assert urls(index) == [NEW]
    index.close()


def test_a_takedown_finds_the_runs_of_an_article_without_reading_them(ledger: RunLedger) -> None:
    removed = take_down(ledger.store, OLD, "a court", by="", now_ms=NOON_MS)
    assert (removed.articles, removed.versions, removed.alerts, removed.outcomes) == (1, 1, 1, 1)
    store: Store = ledger.store
    with store.reading() as connection:
        assert connection.execute(sa.select(t.articles.c.id).order_by(t.articles.c.id)).scalars().all() == sorted(
            [article_id(OTHER), article_id(NEW)]
        )
