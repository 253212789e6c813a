"""Shifts: who has which story, notes for the next shift, and what was held back. Times are ms, UTC. Raises StoreError.

Rows keep the story that they were written about. While an editor's join of that story into another is in force, its notes and
its holder are read as the other's. No row is rewritten, so undoing the join restores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, Table

from core.store.decisions import Joins
from core.store.engine import Store, chunks
from core.store.metadata import SafeString, SafeText, metadata
from desk.delivery.store import tables as dt
from desk.delivery.store.channels import Delivery, delivery_of

HoldState = Literal["claimed", "assigned", "done", "open"]
NoteKind = Literal["note", "claimed", "assigned", "done", "open", "handover"]
WHOLE = ""
"""Used instead of a story id in a note about the shift as a whole."""
HANDOVER: NoteKind = "handover"


# SQLite assigns row numbers only for INTEGER keys.
_RowId = BigInteger().with_variant(Integer, "sqlite")

shift_stories = Table(
    "shift_stories",
    metadata,
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    # claimed, assigned, done, open (given back)
    Column("state", SafeString(16), nullable=False),
    # Also the displayed name: the demo's person has no account, and names remain when an account is deleted.
    Column("holder", SafeString(32)),
    Column("holder_name", SafeText, nullable=False, default=""),
    Column("by_name", SafeText, nullable=False, default=""),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_shift_stories_run_state_changed_ms", "run", "state", "changed_ms"),
)

shift_notes = Table(
    "shift_notes",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("run", SafeString, nullable=False),
    # Empty for a note about the shift as a whole.
    Column("story", SafeString, nullable=False, default=""),
    Column("at_ms", BigInteger, nullable=False),
    Column("person", SafeString(32), nullable=False),
    Column("name", SafeText, nullable=False),
    # note, claimed, assigned, done, open, handover
    Column("kind", SafeString(16), nullable=False),
    Column("text", SafeText, nullable=False, default=""),
    Index("ix_shift_notes_run_at_ms", "run", "at_ms"),
    Index("ix_shift_notes_run_story", "run", "story"),
)


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a story. ``holder`` is None if the state is ``done`` or ``open``. ``by_name`` made the last change."""

    story: str
    state: HoldState
    changed_ms: int
    holder: str | None = None
    holder_name: str = ""
    by_name: str = ""

    @property
    def held(self) -> bool:
        """Whether a person is working on it."""
        return self.state in ("claimed", "assigned")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What someone wrote or did. ``story`` empty: about the shift as a whole."""

    at_ms: int
    person: str
    name: str
    kind: NoteKind
    story: str = WHOLE
    text: str = ""
    id: int | None = None


class HeldBack(NamedTuple):
    """Deliveries that were not sent, the newest first, and whether there are more than were read."""

    deliveries: list[Delivery]
    more: bool


class Shift:
    """The shifts of one run. Each call is one short transaction. If ``joins`` is None, a method reads them itself."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    def holds(self, stories: Iterable[str], joins: Joins | None = None) -> dict[str, Hold]:
        """Who has these stories, by story; stories that were never taken are left out."""
        with self.store.reading() as connection:
            return self._holds(connection, stories, joins or Joins.read(connection, self.run))

    def _holds(self, connection: sa.Connection, stories: Iterable[str], joins: Joins) -> dict[str, Hold]:
        c = shift_stories.c
        found: dict[str, list[Hold]] = {}
        for part in chunks(sorted(joins.with_parts(stories))):
            query = sa.select(shift_stories).where(c.run == self.run, c.story.in_(part))
            for row in connection.execute(query):
                hold = _hold(row)
                found.setdefault(joins.now(hold.story), []).append(hold)
        told = {story: _of_story(story, held) for story, held in found.items()}
        return {story: hold for story, hold in told.items() if hold is not None}

    def taken(self, joins: Joins | None = None, *, done_since_ms: int, limit: int = 200) -> list[Hold]:
        """Stories that are taken, and those done since ``done_since_ms``, the latest change first."""
        c = shift_stories.c
        mine = sa.or_(c.state.in_(("claimed", "assigned")), sa.and_(c.state == "done", c.changed_ms >= done_since_ms))
        query = sa.select(shift_stories).where(c.run == self.run, mine).order_by(c.changed_ms.desc(), c.story)
        with self.store.reading() as connection:
            joins = joins or Joins.read(connection, self.run)
            rows = connection.execute(query.limit(limit))
            found = self._holds(connection, {joins.now(row.story) for row in rows}, joins)
        told = [one for one in found.values() if one.held or (one.state == "done" and one.changed_ms >= done_since_ms)]
        return sorted(told, key=lambda one: (-one.changed_ms, one.story))

    def take(self, hold: Hold, note: Note, *, over: str | None) -> bool:
        """Change who has a story, with its note. Returns False and changes nothing if another person was first.

        ``over``: the holder that the page showed, or None. If two people claim a story at once, only one gets it.
        """
        row: dict[str, Any] = {**msgspec.structs.asdict(hold), "run": self.run}
        with self.store.writing() as connection:
            self.store.serialise(connection, f"shift of {self.run}")
            now = self._holds(connection, [hold.story], Joins.read(connection, self.run)).get(hold.story)
            if (now.holder if now is not None and now.held else None) != over:
                return False
            self.store.upsert(connection, shift_stories, [row])
            self._add(connection, note)
            return True

    def write(self, note: Note) -> None:
        """Store a note."""
        with self.store.writing() as connection:
            self._add(connection, note)

    def notes(
        self,
        joins: Joins | None = None,
        *,
        since_ms: int | None = None,
        stories: Iterable[str] | None = None,
        limit: int = 500,
    ) -> list[Note]:
        """Notes since a time or about these stories, the newest first, each with the story that its own is now part of."""
        c = shift_notes.c
        query = sa.select(shift_notes).where(c.run == self.run).order_by(c.id.desc()).limit(limit)
        query = query if since_ms is None else query.where(c.at_ms >= since_ms)
        with self.store.reading() as connection:
            joins = joins or Joins.read(connection, self.run)
            if stories is None:
                return [_note(row, joins) for row in connection.execute(query)]
            found = [
                _note(row, joins)
                for part in chunks(sorted(joins.with_parts(stories)))
                for row in connection.execute(query.where(c.story.in_(part)))
            ]
        return sorted(found, key=lambda one: one.id or 0, reverse=True)[:limit]

    def handovers(self, *, limit: int = 5) -> list[Note]:
        """The notes of shift handovers, the latest first."""
        c = shift_notes.c
        query = sa.select(shift_notes).where(c.run == self.run, c.kind == HANDOVER, c.story == WHOLE)
        with self.store.reading() as connection:
            return [_note(row, Joins({})) for row in connection.execute(query.order_by(c.id.desc()).limit(limit))]

    def held_back(self, *, since_ms: int, limit: int = 300) -> HeldBack:
        """Deliveries planned since a time that were held, muted or withdrawn, or that failed; the newest first."""
        c = dt.deliveries.c
        statuses = ("held", "muted", "failed", "withdrawn")
        query = sa.select(dt.deliveries).where(c.run == self.run, c.planned_ms >= since_ms, c.status.in_(statuses))
        with self.store.reading() as connection:
            rows = connection.execute(query.order_by(c.planned_ms.desc(), c.id).limit(limit + 1)).all()
        return HeldBack([delivery_of(row) for row in rows[:limit]], len(rows) > limit)

    def _add(self, connection: sa.Connection, note: Note) -> None:
        values = {**msgspec.structs.asdict(note), "run": self.run}
        del values["id"]
        connection.execute(shift_notes.insert().values(**values))


def _hold(row: Any) -> Hold:
    return Hold(**{name: getattr(row, name) for name in Hold.__struct_fields__})


def _note(row: Any, joins: Joins) -> Note:
    values = {name: getattr(row, name) for name in Note.__struct_fields__}
    return Note(**values | {"story": joins.now(row.story)})


def _of_story(story: str, held: Sequence[Hold]) -> Hold | None:
    """Who has a story, from the rows of the story and of the stories that were joined into it."""
    own = next((one for one in held if one.story == story), None)
    if own is not None and own.held:
        return own
    # A change to the whole story that is later than a change to a part applies to the part too.
    since_ms = own.changed_ms if own is not None else -1
    taken = [one for one in held if one.held and one.story != story and one.changed_ms > since_ms]
    if not taken:
        return own
    return msgspec.structs.replace(max(taken, key=lambda one: (one.changed_ms, one.story)), story=story)
