"""How far a run is: nothing has two ends or none, whatever came back shorter, earlier or a second time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import OutcomeKind
from core.store import Store, StoreReader
from core.store import tables as t
from core.store.counts import OUTCOMES, read_counts
from pipeline.ledger.contiguous_offsets import uncovered
from pipeline.ledger.ledger import RunLedger, WentBack
from tests.pipeline.ledger.support import TWO, commit, lost, refused, state_of, told
from tests.statements import statements


@pytest.mark.parametrize(
    ("first", "last", "known", "left"),
    [
        (5, 9, [], [(5, 9)]),
        (5, 9, [(5, 9)], []),
        (5, 9, [(0, 20)], []),
        (5, 9, [(5, 5)], [(6, 9)]),
        (5, 9, [(7, 7)], [(5, 6), (8, 9)]),
        (5, 9, [(9, 12), (3, 5)], [(6, 8)]),
        (5, 9, [(10, 12), (3, 4)], [(5, 9)]),
        (5, 5, [(4, 4), (6, 6)], [(5, 5)]),
    ],
)
def test_what_is_left_of_a_range(first: int, last: int, known: list[Any], left: list[Any]) -> None:
    assert uncovered(first, last, known) == left


@given(
    first=st.integers(0, 20),
    size=st.integers(0, 20),
    known=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)).map(lambda one: (one[0], sum(one)))),
)
def test_with_what_is_left_each_offset_is_covered_once(first: int, size: int, known: list[tuple[int, int]]) -> None:
    last = first + size
    left = uncovered(first, last, known)
    theirs = {offset for low, high in known for offset in range(low, high + 1)}
    ours = [offset for low, high in left for offset in range(low, high + 1)]
    assert ours == [offset for offset in range(first, last + 1) if offset not in theirs]


def ends(store: Store) -> list[tuple[str, int, int]]:
    return [(str(one.kind), one.first_offset, one.last_offset) for one in StoreReader(store, "live").outcomes()]


def counted(store: Store) -> dict[str, int]:
    with store.reading() as connection:
        counts = read_counts(connection, "live")
    return {label: value for (name, label), value in counts.items() if name == OUTCOMES and value}


def covered_once(store: Store) -> None:
    offsets = Counter(offset for _, low, high in ends(store) for offset in range(low, high + 1))
    assert set(offsets.values()) == {1}
    assert sum(counted(store).values()) == offsets.total()


def test_what_is_lost_after_a_rollback_leaves_what_was_handled_before_it(store: Store, ledger: RunLedger) -> None:
    """The runner's mark is older than the ledger: it takes 5 to 11 for lost, and 5 to 9 were handled."""
    commit(ledger, [refused(offset) for offset in range(5, 10)])
    ledger.offsets("stream").record_lost([lost(5, 11)])
    assert ends(store)[-1] == (OutcomeKind.LOST, 10, 11)
    assert counted(store) == {"rejected": 5, "lost": 2}
    covered_once(store)


def test_more_is_lost_than_was_known_before_a_rollback(store: Store, ledger: RunLedger) -> None:
    ledger.offsets("stream").record_lost([lost(5, 9)])
    ledger.offsets("stream").record_lost([lost(5, 14)])
    ledger.offsets("stream").record_lost([lost(5, 14)])
    assert ends(store) == [(OutcomeKind.LOST, 5, 9), (OutcomeKind.LOST, 10, 14)]
    assert counted(store) == {"lost": 10}
    covered_once(store)


def test_one_in_the_middle_that_left_early_is_not_lost(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [refused(6)])
    ledger.offsets("stream").record_lost([lost(4, 11)])
    covered_once(store)
    assert ledger.offsets("stream").contiguous({0: 4}) == {0: (12, [])}


def test_outcomes_beyond_the_streams_end_are_struck_and_articles_stay(store: Store, ledger: RunLedger) -> None:
    commit(ledger, [told(3), told(4, TWO)])
    ledger.offsets("stream").record_lost([lost(0, 2)])
    ledger.offsets("stream").save({0: 5, 1: 9})
    before = counted(store)
    assert ledger.offsets("stream").strike_beyond({0: 5, 1: 9}) == 0
    assert ledger.offsets("another").strike_beyond({0: 0}) == 0
    assert (counted(store), len(ends(store))) == (before, 3)

    assert ledger.offsets("stream").strike_beyond({0: 4, 1: 9}) == 1
    assert ends(store) == [(OutcomeKind.LOST, 0, 2), (OutcomeKind.PUBLISHED, 3, 3)]
    assert ledger.offsets("stream").saved() == {0: 4, 1: 9}
    assert len(list(StoreReader(store, "live").articles())) == 2
    covered_once(store)
    # A range that reaches over the end is cut there.
    assert ledger.offsets("stream").strike_beyond({0: 1}) == 3
    assert ends(store) == [(OutcomeKind.LOST, 0, 0)]
    covered_once(store)


def test_how_far_an_epoch_is_takes_its_newest_commit(store: Store, ledger: RunLedger) -> None:
    assert ledger.handled(1) == -1
    for number in (0, 1):
        ledger.commit(state_of(ledger), [refused(number)], [], last_key=None, publish=False, handled=40 + number)
    assert (ledger.handled(1), ledger.handled(2)) == (41, -1)
    ledger.take(kind="live", now_ms=0)
    assert ledger.handled(2) == -1
    ledger.commit(state_of(ledger), [refused(2)], [], last_key=None, publish=False, handled=3)
    assert (ledger.handled(1), ledger.handled(2)) == (-1, 3)


def test_a_store_that_went_back_is_noticed_by_a_process_that_saw_it_ahead(store: Store, ledger: RunLedger) -> None:
    for number in range(3):
        commit(ledger, [refused(number)])
    with store.writing() as connection:
        connection.execute(t.runs.update().values(seq=2))
    with pytest.raises(WentBack, match="has 2 transactions of run 'live', and had 3"):
        ledger.begin([], [], since_seq=-1, since_ms=0)
    with pytest.raises(WentBack):
        ledger.offsets("stream").save({0: 3})
    assert ledger.offsets("stream").saved() == {}
    # A new start knows nothing of it.
    other = RunLedger(store, "live", "next")
    assert other.take(kind="live", now_ms=0).seq == 2
    other.seen(3)
    with pytest.raises(WentBack):
        other.offsets("stream").save({0: 3})


def test_a_window_is_loaded_without_titles_and_texts(store: Store, ledger: RunLedger) -> None:
    first = told(0)
    commit(ledger, [first, told(1, version=2, text="Another text."), told(2, TWO)])
    assert first.article is not None
    with statements(store.engine) as asked:
        context = ledger.begin([], [first.article.id], since_seq=-1, since_ms=0)
    assert len(context.entries) == 3
    assert [one.version for one in context.histories[first.article.id]] == [1, 2]
    assert context.texts == {first.article.id: ("Title 1", "Another text.")}
    with_text = [statement for statement in asked if "versions.text," in statement or "versions.text " in statement]
    assert len(with_text) == 1
    assert "event_ms" not in with_text[0]
