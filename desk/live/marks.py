"""What one person has read or starred. Each call is one short transaction. Raises StoreError."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Table

from core.store.decisions import joined_stories
from core.store.engine import Store, chunks
from core.store.metadata import SafeString, metadata

UNREAD = -1
ALL = ""
"""Stands for a story in the row that says up to where everything is read."""


story_marks = Table(
    "story_marks",
    metadata,
    # No foreign key: the demo's person has no account.
    Column("person", SafeString(32), primary_key=True),
    Column("run", SafeString, primary_key=True),
    Column("story", SafeString, primary_key=True),
    # Null: never read. Less than the story's seq: it has changed since. -1: marked as unread. In the row of story "":
    # the seq up to which everything counts as read.
    Column("read_seq", BigInteger),
    Column("starred_ms", BigInteger),
    Index("ix_story_marks_person_run_starred_ms", "person", "run", "starred_ms"),
)


class StoryMark(NamedTuple):
    """One person's marks on one story. ``read_seq``: the story's seq when it was read; None: never; -1: unread again."""

    read_seq: int | None = None
    starred_ms: int | None = None


class StoryMarks:
    """Marks on the stories of one run."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    def of(self, person: str, stories: Iterable[str]) -> dict[str, StoryMark]:
        """The person's marks on these stories; those without any are left out.

        A story has the stars of those that were joined into it, as long as the join stands.
        """
        c = story_marks.c
        found: dict[str, StoryMark] = {}
        wanted = set(stories)
        with self.store.reading() as connection:
            joined = joined_stories(connection, self.run)
            for part in chunks(sorted(wanted | {story for story, now in joined.items() if now in wanted})):
                query = sa.select(c.story, c.read_seq, c.starred_ms)
                query = query.where(c.person == person, c.run == self.run, c.story.in_(part))
                for row in connection.execute(query):
                    now = joined.get(row.story, row.story)
                    known = found.get(now, StoryMark())
                    starred = max((ms for ms in (known.starred_ms, row.starred_ms) if ms is not None), default=None)
                    found[now] = StoryMark(row.read_seq if now == row.story else known.read_seq, starred)
        return {story: mark for story, mark in found.items() if mark != StoryMark()}

    def starred(self, person: str, *, limit: int = 500) -> list[str]:
        """Ids of the stories that the person starred, the latest first."""
        c = story_marks.c
        query = sa.select(c.story).where(c.person == person, c.run == self.run, c.starred_ms.is_not(None))
        with self.store.reading() as connection:
            joined = joined_stories(connection, self.run)
            found = connection.execute(query.order_by(c.starred_ms.desc()).limit(limit)).scalars()
            return list(dict.fromkeys(joined.get(story, story) for story in found))

    def floor(self, person: str) -> int:
        """All stories whose seq is not above this count as read by the person."""
        mark = self.of(person, [ALL]).get(ALL)
        return (mark.read_seq or 0) if mark is not None else 0

    def read(self, person: str, story: str, seq: int | None) -> None:
        """StoryMark as read as of ``seq``; None: unread again."""
        self._set(person, story, {"read_seq": UNREAD if seq is None else seq})

    def star(self, person: str, story: str, at_ms: int | None) -> None:
        """Star it; None: take the star away, and those of the stories that were joined into it."""
        self._set(person, story, {"starred_ms": at_ms})
        if at_ms is None:
            c = story_marks.c
            with self.store.writing() as connection:
                parts = [part for part, now in joined_stories(connection, self.run).items() if now == story]
                for several in chunks(sorted(parts)):
                    rows = sa.update(story_marks).where(c.person == person, c.run == self.run, c.story.in_(several))
                    connection.execute(rows.values(starred_ms=None))

    def read_all(self, person: str, seq: int) -> None:
        """Everything up to ``seq`` counts as read, but for stories marked as unread."""
        self._set(person, ALL, {"read_seq": seq})

    def _set(self, person: str, story: str, values: dict[str, int | None]) -> None:
        row: dict[str, object] = {"person": person, "run": self.run, "story": story, **values}
        statement = self.store.insert(story_marks).values(**row)
        keys = [column.name for column in story_marks.primary_key]
        with self.store.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))
