"""The ledger: who may write, what is written, and that all of a bundle is, or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from core.errors import Fenced, StoreError
from core.records import OutcomeKind, Position
from core.store import Store, StoreReader
from core.store import tables as t
from core.store.counts import NOT_DECIDED, read_counts
from core.store.metadata import metadata
from pipeline.ledger import ledger as ledger_module
from pipeline.ledger.bundle import write_bundle
from pipeline.ledger.ledger import RunLedger, Stale
from tests.pipeline.ledger.support import ONE, TWO, alert, commit, lost, match, outcome, refused, state_of, told
from tests.pipeline.transforms.support import NOON_MS, key, position

WRITTEN = (t.runs, t.outcomes, t.articles, t.versions, t.stories, t.alerts, t.outbox)


def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as connection:
        return {table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr) for table in WRITTEN}


def test_a_run_is_taken_again_and_again_with_a_new_epoch_each_time(store: Store) -> None:
    first = RunLedger(store, "live", "a").take(kind="live", now_ms=1, spec='{"x":1}')
    assert (first.name, first.owner, first.epoch, first.seq, first.last_key) == ("live", "a", 1, 0, None)
    again = RunLedger(store, "live", "b").take(kind="live", now_ms=2)
    assert (again.owner, again.epoch, again.seq) == ("b", 2, 0)
    assert RunLedger(store, "replay", "b").take(kind="replay", now_ms=2).epoch == 1


def test_an_earlier_owner_is_fenced_everywhere_and_writes_nothing(store: Store, ledger: RunLedger) -> None:
    state = state_of(ledger)
    RunLedger(store, "live", "other").take(kind="live", now_ms=NOON_MS)
    before = contents(store)
    with pytest.raises(Fenced, match="another owner"):
        ledger.begin([], [], since_seq=-1, since_ms=0)
    with pytest.raises(Fenced):
        ledger.commit(state, [told(0)], [], last_key=key(0), publish=True)
    with pytest.raises(Fenced):
        ledger.offsets("stream").record_lost([lost(0, 3)])
    with pytest.raises(Fenced):
        ledger.offsets("stream").first({0: 7})
    assert contents(store) == before


def test_a_run_that_no_process_took_has_no_owner(store: Store) -> None:
    with pytest.raises(Fenced):
        RunLedger(store, "live", "me").begin([], [], since_seq=-1, since_ms=0)


def test_the_second_of_two_commits_on_one_state_is_stale_and_writes_nothing(store: Store, ledger: RunLedger) -> None:
    state = state_of(ledger)
    assert ledger.commit(state, [told(0)], [], last_key=key(0), publish=True) == 1
    before = contents(store)
    batch = [told(1, TWO, subscriptions=(match("ann"),)), refused(2)]
    with pytest.raises(Stale):
        ledger.commit(state, batch, [alert(batch[0])], last_key=key(2), publish=True)
    assert contents(store) == before
    assert commit(ledger, batch) == 2


def test_an_error_in_the_middle_leaves_nothing(
    store: Store, ledger: RunLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(store)
    batch = [told(0, subscriptions=(match("ann"),)), refused(1)]

    def failing(*arguments: Any, **options: Any) -> None:
        write_bundle(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # All steps but the last are done by then.
        patch.setattr(ledger_module, "write_bundle", failing)
        with pytest.raises(KeyboardInterrupt):
            commit(ledger, batch, [alert(batch[0])], publish=True)
    assert contents(store) == before
    commit(ledger, batch, [alert(batch[0])], publish=True)
    assert {name: len(rows) for name, rows in contents(store).items()} == {
        "runs": 1,
        "outcomes": 2,
        "articles": 1,
        "versions": 1,
        "stories": 1,
        "alerts": 1,
        "outbox": 3,
    }


def test_queries_left_undecided_are_counted_with_the_results(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [replace(told(0), undecided=2), told(1, TWO), replace(told(2, version=2), undecided=1)])
    with store.reading() as connection:
        assert read_counts(connection, "live")[NOT_DECIDED, ""] == 3


def test_an_error_of_the_database_in_the_middle_leaves_nothing(store: Store, ledger: RunLedger) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("DROP TABLE outbox"))
    with pytest.raises(StoreError, match="outbox"):
        commit(ledger, [told(0)], publish=True)
    assert list(StoreReader(store, "live").articles()) == []
    assert state_of(ledger).seq == 0


def test_a_bundle_knows_what_is_done_what_its_articles_were_and_what_is_new(store: Store, ledger: RunLedger) -> None:
    first, second = told(0), told(1, TWO)
    commit(ledger, [first, refused(5)])
    commit(ledger, [second, told(2, version=2, text="Another text.")])
    ledger.offsets("stream").record_lost([lost(8, 9)])
    assert first.article is not None
    assert second.entry is not None

    asked = [position(offset) for offset in (0, 1, 3, 5, 8)]
    asked.append(Position(run="live", stream="other", partition=0, offset=0))
    asked.append(position(0, partition=1))
    context = ledger.begin(asked, [first.article.id, "0" * 32], since_seq=1, since_ms=0)
    assert sorted(context.done, key=lambda one: one.offset) == [position(0), position(1), position(5)]
    assert {name: sorted(one.version for one in each) for name, each in context.histories.items()} == {
        first.article.id: [1, 2]
    }
    assert sorted((one.article, one.version) for one in context.entries) == sorted(
        [(second.entry.article, 1), (first.article.id, 2)]
    )
    assert (context.state.seq, context.state.last_key) == (2, key(2, ONE))
    assert first.entry in context.histories[first.article.id]


def test_a_new_index_gets_only_what_is_in_the_window_and_one_up_to_date_gets_nothing(ledger: RunLedger) -> None:
    commit(ledger, [told(0), told(10, TWO)])
    late = ledger.begin([], [], since_seq=-1, since_ms=NOON_MS + 1_000)
    assert [one.key for one in late.entries] == [key(10, TWO)]
    assert ledger.begin([], [], since_seq=1, since_ms=0).entries == []


def test_the_first_write_of_an_outcome_wins(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(0)])
    commit(ledger, [refused(0, "too late")])
    ledger.offsets("stream").record_lost([lost(0, 0)])
    (only,) = StoreReader(store, "live").outcomes()
    assert (only.kind, only.reason, only.item) == (OutcomeKind.PUBLISHED, None, ONE)


def test_runs_do_not_see_each_other(store: Store, ledger: RunLedger) -> None:
    other = RunLedger(store, "replay", "me")
    other.take(kind="replay", now_ms=NOON_MS)
    commit(ledger, [told(0)])
    assert state_of(other).seq == 0
    assert other.offsets("stream").contiguous({0: 0}) == {0: (0, [])}
    assert list(StoreReader(store, "replay").articles()) == []
    context = other.begin([position(0)], [ONE], since_seq=-1, since_ms=0)
    assert (context.done, context.entries) == ({}, [])


def test_the_frontier_steps_over_lost_ranges_and_lists_what_lies_behind_holes(ledger: RunLedger) -> None:
    commit(ledger, [told(4), refused(5), refused(9), refused(11)])
    ledger.offsets("stream").record_lost([lost(0, 3), lost(6, 7), lost(6, 7)])
    assert ledger.offsets("stream").contiguous({0: 0, 1: 40}) == {0: (8, [9, 11]), 1: (40, [])}
    assert ledger.offsets("stream").contiguous({0: 10}) == {0: (10, [11])}
    # A range that begins below the first offset counts from there.
    assert ledger.offsets("stream").contiguous({0: 2}) == {0: (8, [9, 11])}
    assert ledger.offsets("another stream").contiguous({0: 0}) == {0: (0, [])}


def test_the_first_offsets_are_those_first_seen(ledger: RunLedger) -> None:
    assert ledger.offsets("stream").first({0: 5, 1: 0}) == {0: 5, 1: 0}
    assert ledger.offsets("stream").first({0: 90, 1: 90, 2: 3}) == {0: 5, 1: 0, 2: 3}
    assert ledger.offsets("stream").first({}) == {0: 5, 1: 0, 2: 3}
    assert ledger.offsets("another").first({0: 1}) == {0: 1}


def test_the_newest_epoch_of_each_partition_is_kept_until_its_end_is_cut_off(ledger: RunLedger) -> None:
    offsets = ledger.offsets("stream")
    assert offsets.epochs() == {}
    offsets.first({0: 0, 1: 0})
    assert offsets.epochs() == {0: -1, 1: -1}
    offsets.begin_epoch(0, 4)
    offsets.begin_epoch(1, 2)
    offsets.begin_epoch(0, 7)
    assert (offsets.epochs(), ledger.offsets("another").epochs()) == ({0: 7, 1: 2}, {})
    # Seeing the partitions again forgets nothing.
    offsets.first({0: 0, 1: 0})
    commit(ledger, [told(0), told(1)])
    assert (offsets.highest_handled(0), offsets.highest_handled(1)) == (1, -1)
    offsets.strike_beyond({0: 1})
    assert (offsets.epochs(), offsets.highest_handled(0)) == ({0: -1, 1: 2}, 0)
    with pytest.raises(Fenced):
        RunLedger(ledger.store, ledger.run, "another owner").offsets("stream").begin_epoch(0, 9)
    assert offsets.epochs()[0] == -1


def test_places_that_are_not_a_records_own_are_kept_for_replays(ledger: RunLedger) -> None:
    in_time, late = told(3), told(2, TWO)
    behind = type(late)(late.outcome, in_time.key.follower(), True, late.article, late.entry)
    moved = type(late)(outcome(2, item=TWO, key=in_time.key.follower()), behind.key, True, behind.article, behind.entry)
    commit(ledger, [in_time, moved])
    assert ledger.offsets("stream").late_keys() == {(0, 2): in_time.key.follower()}
    assert ledger.offsets("another").late_keys() == {}
    assert state_of(ledger).last_key == in_time.key.follower()


def test_stories_count_articles_and_copies_once_each_whatever_their_versions(store: Store, ledger: RunLedger) -> None:
    first = told(0, title="The first headline")
    assert first.article is not None
    story = first.article.id
    copy = told(1, TWO, story=story, copy_of=story)
    commit(ledger, [first, copy, told(2, version=2, text="Changed.")])
    third = told(4, "https://c.example/3", story=story, copy_of=story)
    commit(ledger, [told(3, TWO, story=story, copy_of=story, version=2, text="Changed too."), third])
    alone = told(5, "https://d.example/4", text="Something else.")
    commit(ledger, [alone])
    with store.reading() as connection:
        rows = connection.execute(sa.select(t.stories).order_by(t.stories.c.first_ms)).mappings().all()
    assert [(row["id"], row["headline"], row["articles"], row["copies"], row["seq"]) for row in rows] == [
        (story, "The first headline", 3, 2, 2),
        (alone.key.article, "Title 5", 1, 0, 3),
    ]
    assert (rows[0]["first_ms"], rows[0]["last_ms"]) == (key(0).time_ms, key(4).time_ms)


def test_only_alerts_that_exist_are_raised(ledger: RunLedger) -> None:
    cause = told(0, subscriptions=(match("ann"),))
    commit(ledger, [cause], [alert(cause, identity="a1")])
    # Raising it again changes nothing.
    commit(ledger, [told(1)], [alert(cause, "bob", "a1")])
    assert [one.subscription for one in StoreReader(ledger.store, "live").alerts()] == ["ann"]


HOSTILE = [
    "",
    "a\0b",
    "half \ud800 of a pair",
    "\udcff from a file name",
    "100% _under_ \\ ' \" ; -- DROP TABLE runs",
    "%s %(name)s :name ? {0} $1",
    "名前 الاسم 🗞️ e\u0301 \u200f\u202e \ufeff\uffff",
    "line\r\n\ttab",
    "x" * 3_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_stops_a_commit(store: Store, ledger: RunLedger, text: str) -> None:
    # What came as JSON holds no half pairs; what library or file system say may.
    from_json = text.encode("utf-8", "replace").decode()
    batch = [
        told(0, title=from_json, text=from_json, source=from_json, authors=(from_json,), summary=from_json),
        refused(1, text, item=text),
    ]
    cause = told(2, TWO, title=from_json, subscriptions=(match(from_json),))
    commit(ledger, [*batch, cause], [alert(cause, from_json, identity="a")], publish=True)
    reader = StoreReader(store, "live")
    first, second = reader.articles()
    assert (first.title, first.text, first.source, first.authors) == (from_json,) * 3 + ((from_json,),)
    assert [one.subscription for one in reader.alerts()] == [from_json]
    expected = "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text)
    assert [(one.reason, one.item) for one in reader.outcomes()][1] == (expected, expected)
    assert second.url == TWO
    with store.reading() as connection:
        assert set(metadata.tables) <= set(sa.inspect(connection).get_table_names())


def test_a_big_bundle_is_stored_whole(store: Store, ledger: RunLedger) -> None:
    batch = [told(number, f"https://a.example/{number}") for number in range(1_200)]
    commit(ledger, batch, publish=True)
    asked = [position(offset) for offset in range(1_300)]
    context = ledger.begin(asked, [one.key.article for one in batch], since_seq=-1, since_ms=0)
    assert (len(context.done), len(context.histories), len(context.entries)) == (1_200, 1_200, 1_200)
    assert ledger.offsets("stream").contiguous({0: 0}) == {0: (1_200, [])}
