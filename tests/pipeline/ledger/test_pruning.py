"""A run that is pruned: what goes, what stays, and that nothing that is decided afterwards can tell."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from core.durations import DAY_MS
from core.errors import UsageError
from core.records import OrderKey, OutcomeKind, article_id
from core.settings import Settings
from core.store import Store, StoreReader, open_store
from core.store import tables as t
from core.store.counts import read_counts
from core.store.pruning_marks import Pruned, pruned_of
from pipeline.elements import Draft
from pipeline.ledger.base import Base, place_at
from pipeline.ledger.ledger import RunLedger, Stale
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.ledger.takedown import take_down
from pipeline.ledger.writer import RunWriter
from pipeline.stories.stage import Decided
from tests.laws import examples
from tests.pipeline.ledger.drafts import story
from tests.pipeline.ledger.support import ONE, TWO, alert, commit, lost, outcome, refused, state_of, told
from tests.pipeline.transforms.support import NOON_MS, draft, position

DAY = 86_400
"""So many numbers of records, which are seconds and offsets too, are a day."""
NOW_MS = NOON_MS + 400 * DAY_MS
THREE = "https://c.example/3"


def at_ms(day: float) -> int:
    return NOON_MS + int(day * DAY_MS)


def pruned(ledger: RunLedger, now_ms: int = NOW_MS, **days: float) -> int:
    """Prune all there is, with limits in days; how many rows went."""
    keep = Keep(**{f"{name}_ms": int(value * DAY_MS) for name, value in days.items()})
    pruning, total = Pruning(ledger, keep), 0
    while (gone := pruning.step(now_ms)) is not None:
        total += gone
    return total


def offsets_of(store: Store) -> list[int]:
    return [one.first_offset for one in StoreReader(store, "live").outcomes()]


def ids(store: Store, table: sa.Table, column: str = "id") -> set[str]:
    with store.reading() as connection:
        return set(connection.execute(sa.select(table.c[column])).scalars())


def test_outcomes_go_from_the_front_and_count_as_handled(store: Store, ledger: RunLedger) -> None:
    days = [day * DAY for day in range(8)]
    commit(ledger, [told(number, f"https://a.example/{number}") for number in days])
    offsets = ledger.offsets("stream")
    offsets.save({0: days[6]})
    with store.reading() as connection:
        before = read_counts(connection, "live")
    assert pruned(ledger, outcomes=3) == 4
    assert offsets_of(store) == days[4:]
    assert ledger.done([position(number) for number in (0, days[3], days[4], days[6] + 1)]) == {
        position(0),
        position(days[3]),
        position(days[4]),
    }
    # A start, a scrape or a replay that knows nothing of the saved offset.
    assert offsets.contiguous({0: 0})[0][0] == days[3] + 1
    with store.reading() as connection:
        assert read_counts(connection, "live") == before
    assert pruned_of(store, "live") == Pruned(outcomes_ms=at_ms(4), first_ms=NOON_MS)
    assert pruned(ledger, outcomes=3) == 0
    # Later more, never beyond what is contiguous, and the beginning stays known.
    commit(ledger, [told(300 * DAY, "https://a.example/late")])
    assert pruned(ledger, outcomes=3) == 2
    assert offsets_of(store) == [days[6], days[7], 300 * DAY]
    assert pruned_of(store, "live").first_ms == NOON_MS


def test_what_pruning_of_outcomes_leaves(store: Store, ledger: RunLedger) -> None:
    ledger.offsets("stream").record_lost([lost(0, 9)])
    one = told(20, ONE)
    misplaced = Decided(told(30, TWO).outcome, told(30, TWO).key, True, told(30, TWO).article, told(30, TWO).entry)
    commit(ledger, [one, misplaced, refused(40), told(50, THREE)])
    ledger.offsets("stream").save({0: 100})
    assert pruned(ledger, outcomes=0.0001) == 2
    # The range that was lost, the late record, and the newest, by which a cut of the stream is noticed.
    assert offsets_of(store) == [0, 30, 50]
    newest = ledger.offsets("stream").newest_handled(0, 1 << 62)
    assert newest is not None
    assert newest[0] == 50
    assert set(ledger.offsets("stream").late_keys()) == {(0, 30)}


def test_a_range_that_was_lost_does_not_cover_what_was_pruned(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(number, f"https://a.example/{number}") for number in (5, 6, 7 + DAY)])
    ledger.offsets("stream").save({0: 8 + DAY})
    assert pruned(ledger, outcomes=0.5) == 2
    ledger.offsets("stream").record_lost([lost(0, 20)])
    with store.reading() as connection:
        assert read_counts(connection, "live")["outcomes", "lost"] == 20 - 6
    assert [(one.first_offset, one.last_offset) for one in StoreReader(store, "live").outcomes()] == [
        (7, 20),
        (7 + DAY, 7 + DAY),
    ]


def test_a_stream_that_was_cut_lowers_what_counts_as_handled(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(number, f"https://a.example/{number}") for number in (5, 6, 7 + DAY)])
    ledger.offsets("stream").save({0: 8 + DAY})
    pruned(ledger, outcomes=0.5)
    ledger.offsets("stream").strike_beyond({0: 3})
    assert ledger.done([position(2), position(5)]) == {position(2)}
    assert ledger.offsets("stream").contiguous({0: 0}) == {0: (3, [])}


def test_a_story_is_pruned_as_a_whole_once_it_gets_no_more_articles(store: Store, ledger: RunLedger) -> None:
    first, copy = told(0, ONE), told(1, TWO, story=article_id(ONE), copy_of=article_id(ONE))
    commit(ledger, [first, copy], [alert(first)])
    commit(ledger, [told(2 * DAY, ONE, version=2, story=article_id(ONE))])
    lives = told(10, THREE)
    commit(ledger, [lives], [alert(lives)])
    # It is asked for again, and nothing is new: a replay meets that record too.
    again = outcome(9 * DAY, OutcomeKind.UNCHANGED, article=article_id(THREE), version=1, key=lives.key)
    again = msgspec.structs.replace(again, key=OrderKey(at_ms(9), article_id(THREE), "again"))
    commit(ledger, [Decided(again, again.key or lives.key, False)])
    commit(ledger, [told(12 * DAY, "https://d.example/4")])

    assert pruned(ledger, articles=10.5) == 0
    assert pruned(ledger, articles=8) == 2 + 3 + 1 + 1
    for table, column in ((t.articles, "id"), (t.versions, "article")):
        assert ids(store, table, column) == {article_id(THREE), article_id("https://d.example/4")}
    assert ids(store, t.stories) == {article_id(THREE), article_id("https://d.example/4")}
    assert ids(store, t.alerts, "story") == {article_id(THREE)}
    assert pruned_of(store, "live") == Pruned(articles_ms=at_ms(4), deletions=1)
    assert list(pruned_of(store, "live").words()) == [
        "stories and articles from before 2026-03-05 12:00 UTC were pruned"
    ]
    # Outcomes have a limit of their own.
    assert len(offsets_of(store)) == 6


def test_an_idle_run_keeps_its_state(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(0, ONE), told(DAY, TWO)])
    ledger.offsets("stream").save({0: 2 * DAY})
    assert pruned(ledger, outcomes=2, articles=7, now_ms=at_ms(5_000)) == 0


def test_a_place_from_a_clock_that_ran_ahead_makes_nothing_old(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(0, ONE), told(4_000 * DAY, TWO)])
    ledger.offsets("stream").save({0: 5_000 * DAY})
    assert pruned(ledger, outcomes=2, articles=7, now_ms=at_ms(1)) == 0


def test_a_bundle_decided_from_rows_that_were_then_pruned_is_decided_again(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(0, ONE), told(1, TWO)])
    commit(ledger, [told(20 * DAY, THREE)])
    begun = state_of(ledger)
    assert pruned(ledger, articles=8)
    update = told(21 * DAY, ONE, version=2, story=article_id(ONE))
    with pytest.raises(Stale, match="pruned"):
        ledger.commit(begun, [update], [], last_key=update.key, publish=False)
    unchanged = outcome(21 * DAY, OutcomeKind.UNCHANGED, article=article_id(TWO), version=1)
    with pytest.raises(Stale, match="pruned"):
        ledger.commit(begun, [Decided(unchanged, update.key, False)], [], last_key=update.key, publish=False)
    # What did not depend on it goes on, without another look.
    other = told(21 * DAY, THREE, version=2, story=article_id(THREE))
    new = told(22 * DAY, "https://e.example/5")
    newer = told(23 * DAY, "https://e.example/5", version=2)
    assert ledger.commit(begun, [other, new, newer], [], last_key=newer.key, publish=False) == begun.seq + 1


def test_one_old_commit_a_minute_is_kept(store: Store) -> None:
    clock = iter([NOON_MS + 10_000 * number for number in range(20)])
    ledger = RunLedger(store, "live", "me", clock_ms=lambda: next(clock))
    ledger.take(kind="live", now_ms=NOON_MS)
    for number in range(20):
        commit(ledger, [told(number, f"https://a.example/{number}")])
    assert pruned(ledger, now_ms=NOON_MS + 150_000 + DAY_MS, commits=1) == 5 + 5 + 3
    c = t.commits.c
    with store.reading() as connection:
        kept = connection.execute(sa.select(c.seq).order_by(c.seq)).scalars().all()
    # Six a minute: the last of the first two minutes, and all from 150 s on.
    assert kept == [6, 12, *range(16, 21)]
    assert ledger.handled(1) == -1


@pytest.mark.parametrize("name", ["outcomes_keep_days", "articles_keep_days", "commits_keep_days"])
def test_settings_that_prune_what_still_decides_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        Keep.of_settings(Settings(**{name: 0.5}))
    assert Keep.of_settings(Settings(**{name: 0.0})) is not None


def test_a_store_too_large_to_be_rewritten_is_logged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.engine.VACUUMED_BYTES", 1)
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    pruning = Pruning(ledger, Keep())
    with capture_logs() as logs:
        assert pruning.step(NOW_MS) is None
    assert logs == [], "nothing was removed"
    take_down(store, THREE, "court order", by="", now_ms=NOW_MS)
    with capture_logs() as logs:
        for day in range(3):
            assert pruning.step(NOW_MS + day * DAY_MS) is None
    [line] = logs
    assert line["log_level"] == "warning"
    assert "until VACUUM (docs/operations.md, Start, stop)" in line["event"]
    assert "too large" in line["problem"]
    store.close()


def test_a_batch_each_second_and_then_a_pause(store: Store, ledger: RunLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ledger.pruning.OUTCOMES_AT_ONCE", 2)
    commit(ledger, [told(number * DAY, f"https://a.example/{number}") for number in range(8)])
    ledger.offsets("stream").save({0: 9 * DAY})
    pruning = Pruning(ledger, Keep(outcomes_ms=2 * DAY_MS))
    gone = [pruning.tend(NOW_MS + 500 * turn) for turn in range(8)]
    assert gone == [2, 0, 2, 0, 1, 0, 0, 0]
    commit(ledger, [told(20 * DAY, "https://a.example/new")])
    assert pruning.tend(NOW_MS + 60_000) == 0
    assert pruning.tend(NOW_MS + 700_000) == 2


# A law: what a replay finds from ``whole_from_ms`` on is what the live run found, whenever it pruned.

RECORDS = st.lists(
    st.tuples(st.sampled_from((1, DAY, 4 * DAY, 8 * DAY)), st.integers(0, 3), st.integers(0, 1), st.booleans()),
    min_size=3,
    max_size=14,
)


def drafts_of(records: list[tuple[int, int, int, bool]]) -> list[tuple[Draft, bool]]:
    """Drafts in order, up to eight days apart, of four addresses with two texts each; and whether to prune after each."""
    made, second = [], 0
    for gap, address, text, prune in records:
        second += gap
        url = f"https://{'abc'[address % 3]}.example/{address}"
        made.append((draft(second, url, title="A title", text=story(address // 2 * 10 + text)), prune))
    return made


def results(store: Store, run: str, from_ms: int) -> list[tuple[Any, ...]]:
    c, v = t.outcomes.c, t.versions.c
    with store.reading() as connection:
        ends = connection.execute(
            sa.select(c.first_offset, c.kind, c.article, c.version, c.place)
            .where(c.run == run, c.place >= place_at(from_ms))
            .order_by(c.place)
        ).all()
        entries = connection.execute(
            sa.select(v.article, v.version, v.story, v.duplicate_of, v.place)
            .where(v.run == run, v.place >= place_at(from_ms))
            .order_by(v.place)
        ).all()
    return [tuple(row) for row in (*ends, *entries)]


@settings(max_examples=examples(25), deadline=None)
@example([(1, 0, 0, False), (8 * DAY, 0, 0, True)])
@example([(1, 0, 0, False), (8 * DAY, 2, 0, True), (1, 0, 0, False), (8 * DAY, 0, 1, True)])
@given(records=RECORDS)
def test_a_replay_of_what_was_not_pruned_equals_the_pruned_run(records: list[tuple[int, int, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/store.db")
        ledger = RunLedger(store, "live", "me")
        ledger.take(kind="live", now_ms=NOON_MS)
        writer, all_of = RunWriter(ledger, publish=False), drafts_of(records)
        for one, prune in all_of:
            writer.write([one])
            if prune:
                ledger.offsets("stream").save({0: one.position.offset + 1})
                pruned(ledger, outcomes=9, articles=7)
        from_ms = max(pruned_of(store, "live").whole_from_ms, NOON_MS)
        again = RunLedger(store, "again", "me", base=Base("live", place_at(from_ms)))
        again.take(kind="replay", now_ms=NOON_MS)
        rewriter = RunWriter(again, publish=False)
        for one, _ in all_of:
            if one.key.time_ms >= from_ms:
                rewriter.write(
                    [msgspec.structs.replace(one, position=msgspec.structs.replace(one.position, run="again"))]
                )
        assert results(store, "again", from_ms) == results(store, "live", from_ms)
        store.close()
