"""Who has a story, and notes, on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from core.store import Store
from desk.shifts import Hold, Note, Shift
from tests.core.store.conftest import store, store_url

__all__ = ["store", "store_url"]


def claim(shift: Shift, person: str, over: str | None, at_ms: int = 1) -> bool:
    hold = Hold(story="s", state="claimed", changed_ms=at_ms, holder=person, holder_name=person, by_name=person)
    return shift.take(hold, Note(at_ms=at_ms, person=person, name=person, kind="claimed", story="s"), over=over)


def test_of_many_who_claim_at_once_exactly_one_gets_it(store: Store) -> None:
    shift = Shift(store, "live")
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda number: claim(shift, f"p{number}", None), range(8)))
    assert sum(got) == 1
    assert shift.holds(["s", "t"])["s"].holder == f"p{got.index(True)}"
    # The others left nothing behind.
    assert len(shift.notes()) == 1


def test_a_story_given_back_or_done_can_be_taken_again(store: Store) -> None:
    shift = Shift(store, "live")
    assert claim(shift, "ann", None)
    done = Hold(story="s", state="done", changed_ms=5, by_name="ann")
    note = Note(at_ms=5, person="ann", name="ann", kind="done", story="s")
    assert not shift.take(done, note, over="bob")
    assert shift.take(done, note, over="ann")
    assert [one.state for one in shift.taken(done_since_ms=5)] == ["done"]
    assert shift.taken(done_since_ms=6) == []
    assert claim(shift, "bob", None, 7)
    assert [one.kind for one in shift.notes(stories=["s"])] == ["claimed", "done", "claimed"]
    assert Shift(store, "replay").notes() == []
