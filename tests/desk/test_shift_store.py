"""Who has a story, and notes, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from core.records import encode, from_ms
from core.records.decision import DecisionKind, StoryDecision
from core.store import Store
from core.store import tables as t
from desk.live.marks import StoryMark, StoryMarks
from desk.shifts import Hold, Note, Shift
from tests.core.store.conftest import store, store_url
from tests.statements import statements

__all__ = ["store", "store_url"]


def claim(shift: Shift, person: str, over: str | None, at_ms: int = 1) -> bool:
    hold = Hold(story="s", state="claimed", changed_ms=at_ms, holder=person, holder_name=person, by_name=person)
    return shift.take(hold, Note(at_ms=at_ms, person=person, name=person, kind="claimed", story="s"), over=over)


def test_exactly_one_of_many_simultaneous_claims_succeeds(store: Store) -> None:
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


def joined_and_undone(store: Store) -> tuple[Callable[[], None], Callable[[], None]]:
    """What joins the story "part" into "whole", and what undoes it, as the tables have it afterwards."""

    def decided(number: int, kind: DecisionKind, undoes: int | None = None) -> None:
        made = StoryDecision(
            number=number,
            kind=kind,
            story="part",
            into="whole",
            place="",
            by="ann",
            decided_at=from_ms(number),
            undoes=undoes,
        )
        row = {
            "run": "live",
            "number": number,
            "place": "",
            "story": "part",
            "into": "whole",
            "undoes": undoes,
            "record": encode(made).decode(),
            "effects": "{}",
            "seq": number,
        }
        with store.writing() as connection:
            connection.execute(t.story_decisions.insert().values(**row))

    def undo() -> None:
        decided(2, "undo", 1)

    return (lambda: decided(1, "join")), undo


def held(shift: Shift) -> dict[str, str | None]:
    return {story: one.holder for story, one in shift.holds(["part", "whole"]).items()}


def taking(shift: Shift, story: str, person: str | None, at_ms: int, over: str | None = None) -> bool:
    hold = Hold(story=story, state="claimed" if person else "open", changed_ms=at_ms, holder=person)
    return shift.take(hold, Note(at_ms=at_ms, person="p", name="p", kind=hold.state, story=story), over=over)


def test_a_storys_assignee_and_notes_follow_a_join_and_return(store: Store) -> None:
    shift, (join, undo) = Shift(store, "live"), joined_and_undone(store)
    assert taking(shift, "part", "ann", 1)
    assert held(shift) == {"part": "ann"}
    join()
    assert held(shift) == {"whole": "ann"}
    assert [(one.story, one.holder) for one in shift.taken(done_since_ms=0)] == [("whole", "ann")]
    assert [one.story for one in shift.notes(stories=["whole"])] == ["whole"]
    assert not taking(shift, "whole", "bob", 2)
    assert taking(shift, "whole", "bob", 2, over="ann")
    assert held(shift) == {"whole": "bob"}
    undo()
    assert held(shift) == {"part": "ann", "whole": "bob"}
    assert {one.story for one in shift.notes()} == {"part", "whole"}


def test_what_was_done_about_the_whole_stands_for_its_parts(store: Store) -> None:
    shift, (join, _) = Shift(store, "live"), joined_and_undone(store)
    assert taking(shift, "part", "ann", 1)
    join()
    assert taking(shift, "whole", None, 2, over="ann")
    assert held(shift) == {"whole": None}
    assert shift.taken(done_since_ms=0) == []


def test_stars_follow_a_join_and_come_back(store: Store) -> None:
    marks, (join, undo) = StoryMarks(store, "live"), joined_and_undone(store)
    marks.star("ann", "part", 5)
    marks.read("ann", "part", 7)
    join()
    assert marks.of("ann", ["whole", "part"]) == {"whole": StoryMark(None, 5)}
    assert marks.starred("ann") == ["whole"]
    undo()
    assert marks.of("ann", ["whole", "part"]) == {"part": StoryMark(7, 5)}
    assert marks.starred("ann") == ["part"]


def test_a_star_that_is_taken_from_the_whole_is_gone(store: Store) -> None:
    marks, (join, _) = StoryMarks(store, "live"), joined_and_undone(store)
    marks.star("ann", "part", 5)
    join()
    marks.star("ann", "whole", None)
    assert marks.starred("ann") == []
    assert marks.of("ann", ["whole"]) == {}


def test_a_star_is_taken_away_in_one_transaction(store: Store) -> None:
    marks, (join, _) = StoryMarks(store, "live"), joined_and_undone(store)
    marks.star("ann", "part", 5)
    join()
    with statements(store.engine, commits=True) as asked:
        marks.star("ann", "whole", None)
    assert asked.count("COMMIT") == 1
    assert marks.starred("ann") == []
