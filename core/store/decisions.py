"""Stored decisions of editors about stories: the list of a run, and which story a story was joined into.

``pipeline.ledger.decisions`` carries decisions out.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import sqlalchemy as sa

from core.records import decode
from core.records.decision import JOIN, StoryDecision
from core.store import tables as t
from core.store.engine import Store, chunks

_MOST_STEPS = 50


class StoryDecisions:
    """The decisions of one run. Raises StoreError."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    def listing(self, *, limit: int = 0) -> list[StoryDecision]:
        """The newest ``limit`` decisions (0: all), newest first."""
        with self.store.reading() as connection:
            c = t.story_decisions.c
            query = sa.select(c.record).where(c.run == self.run).order_by(c.number.desc())
            rows = connection.execute(query.limit(limit) if limit else query).scalars()
            return [decode(row.encode(), StoryDecision) for row in rows]

    def of_story(self, story: str) -> list[StoryDecision]:
        """The decisions that took articles from a story or added some, newest first."""
        with self.store.reading() as connection:
            c = t.story_decisions.c
            query = sa.select(c.record).where(c.run == self.run, sa.or_(c.story == story, c.into == story))
            rows = connection.execute(query.order_by(c.number.desc())).scalars()
            return [decode(row.encode(), StoryDecision) for row in rows]

    def undone(self, numbers: Sequence[int]) -> set[int]:
        """The given decisions that were undone."""
        with self.store.reading() as connection:
            c = t.story_decisions.c
            query = sa.select(c.undoes).where(c.run == self.run, c.undoes.in_(numbers))
            return set(connection.execute(query).scalars())

    def went_to(self, story: str) -> str:
        """The story that a story's articles are in now: the story itself unless it was joined into another."""
        with self.store.reading() as connection:
            for _ in range(_MOST_STEPS):
                stored = sa.select(t.stories.c.id).where(t.stories.c.run == self.run, t.stories.c.id == story)
                if connection.execute(stored).first() is not None:
                    break
                c = t.story_decisions.c
                query = sa.select(c.record).where(c.run == self.run, c.story == story).order_by(c.number.desc())
                found = [decode(row.encode(), StoryDecision) for row in connection.execute(query).scalars()]
                joined = next((one for one in found if one.kind == JOIN), None)
                if joined is None:
                    break
                story = joined.into
        return story


class Joins:
    """The stories that editors joined into others and that are gone since, each with the story that its articles are in now.

    Joins that were undone and stories that have articles again are left out. ``into``: the latter's id by the former's.
    """

    def __init__(self, into: Mapping[str, str]) -> None:
        self._into = into

    @classmethod
    def read(cls, connection: sa.Connection, run: str) -> Joins:
        """Those of a run, as they stand. Reads every decision: once a page is enough."""
        c = t.story_decisions.c
        undone = sa.select(c.undoes).where(c.run == run, c.undoes.is_not(None))
        query = sa.select(c.record).where(c.run == run, c.undoes.is_(None), c.number.not_in(undone)).order_by(c.number)
        made = (decode(row.encode(), StoryDecision) for row in connection.execute(query).scalars())
        into = {one.story: one.into for one in made if one.kind == JOIN}
        for part in chunks(sorted(into)):
            stored = sa.select(t.stories.c.id).where(t.stories.c.run == run, t.stories.c.id.in_(part))
            for standing in connection.execute(stored).scalars():
                del into[standing]
        found = {}
        for story, now in into.items():
            for _ in range(_MOST_STEPS):
                if now not in into:
                    break
                now = into[now]
            found[story] = now
        return cls(found)

    def now(self, story: str) -> str:
        """The story that a story is part of now: itself, unless it was joined into another."""
        return self._into.get(story, story)

    def parts(self, stories: Container[str]) -> set[str]:
        """The stories that were joined into one of these."""
        return {story for story, now in self._into.items() if now in stories}

    def with_parts(self, stories: Iterable[str]) -> set[str]:
        """These stories and those that were joined into one of them."""
        wanted = set(stories)
        return wanted | self.parts(wanted)


def newest_decision(connection: sa.Connection, run: str) -> int:
    """The number of a run's newest decision; 0 if it has none."""
    c = t.story_decisions.c
    query = sa.select(c.number).where(c.run == run).order_by(c.number.desc()).limit(1)
    return int(connection.execute(query).scalar() or 0)
