"""What one person has read or starred. Each call is one short transaction. Raises StoreError."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Table

from core.store.decisions import Joins
from core.store.engine import Store, chunks
from core.store.metadata import SafeString, metadata

UNREAD = -1
ALL = ""
"""Used instead of a story id in the row that says up to which seq everything is read."""


story_marks = Table(
    "story_marks",
    metadata,
    # No foreign key: the demo's person has no account.
    Column("person", SafeString(32), primary_key=True),
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    # Null: never read. Less than the story's seq: the story has changed since. -1: marked as unread. In the row of story
    # "": the seq up to which everything counts as read.
    Column("read_seq", BigInteger),
    Column("starred_ms", BigInteger),
    Index("ix_story_marks_person_run_starred_ms", "person", "run", "starred_ms"),
)


class StoryMark(NamedTuple):
    """One person's marks on one story. ``read_seq``: the story's seq when read; None: never read; -1: marked as unread."""

    read_seq: int | None = None
    starred_ms: int | None = None


class StoryMarks:
    """Marks on the stories of one run."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    def of(self, person: str, stories: Iterable[str], joins: Joins | None = None) -> dict[str, StoryMark]:
        """The person's marks on these stories; those without any are left out.

        A story also has the stars of stories joined into it while the join is in force. If ``joins`` is None, reads them.
        """
        c = story_marks.c
        found: dict[str, StoryMark] = {}
        with self.store.reading() as connection:
            joins = joins or Joins.read(connection, self.run)
            for part in chunks(sorted(joins.with_parts(stories))):
                query = sa.select(c.story, c.read_seq, c.starred_ms)
                query = query.where(c.person == person, c.run == self.run, c.story.in_(part))
                for row in connection.execute(query):
                    now = joins.now(row.story)
                    known = found.get(now, StoryMark())
                    starred = max((ms for ms in (known.starred_ms, row.starred_ms) if ms is not None), default=None)
                    found[now] = StoryMark(row.read_seq if now == row.story else known.read_seq, starred)
        return {story: mark for story, mark in found.items() if mark != StoryMark()}

    def with_floor(
        self, person: str, stories: Iterable[str], joins: Joins | None = None
    ) -> tuple[dict[str, StoryMark], int]:
        """The marks as from ``of``, and the seq up to which all stories count as read."""
        found = self.of(person, (ALL, *stories), joins)
        return found, found.pop(ALL, StoryMark()).read_seq or 0

    def starred(self, person: str, joins: Joins | None = None, *, limit: int = 500) -> list[str]:
        """Ids of the stories that the person starred, the latest first. If ``joins`` is None, reads them."""
        c = story_marks.c
        query = sa.select(c.story).where(c.person == person, c.run == self.run, c.starred_ms.is_not(None))
        with self.store.reading() as connection:
            joins = joins or Joins.read(connection, self.run)
            found = connection.execute(query.order_by(c.starred_ms.desc()).limit(limit)).scalars()
            return list(dict.fromkeys(joins.now(story) for story in found))

    def read(self, person: str, story: str, seq: int | None) -> None:
        """Mark a story as read as of ``seq``, or as unread if None."""
        with self.store.writing() as connection:
            self._set(connection, person, story, {"read_seq": UNREAD if seq is None else seq})

    def star(self, person: str, story: str, at_ms: int | None) -> None:
        """Star a story; if ``at_ms`` is None, remove its star and the stars of stories joined into it."""
        with self.store.writing() as connection:
            self._set(connection, person, story, {"starred_ms": at_ms})
            if at_ms is None:
                c = story_marks.c
                for several in chunks(sorted(Joins.read(connection, self.run).parts([story]))):
                    rows = sa.update(story_marks).where(c.person == person, c.run == self.run, c.story.in_(several))
                    connection.execute(rows.values(starred_ms=None))

    def read_all(self, person: str, seq: int) -> None:
        """Mark everything up to ``seq`` as read, except stories marked as unread."""
        with self.store.writing() as connection:
            self._set(connection, person, ALL, {"read_seq": seq})

    def _set(self, connection: sa.Connection, person: str, story: str, values: dict[str, int | None]) -> None:
        row: dict[str, object] = {"person": person, "run": self.run, "story": story, **values}
        statement = self.store.insert(story_marks).values(**row)
        keys = [column.name for column in story_marks.primary_key]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))
