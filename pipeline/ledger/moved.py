"""What editors' decisions moved in the rows of a run, for its ledger and its replays.

Decisions move articles in the rows of their run (``pipeline.ledger.decisions``), even while a replay reads them as its base.
``Moved`` has the earlier values of those rows, and the changes by the replay's own decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records import decode
from core.records.decision import StoryDecision
from core.store import tables as t
from core.store.engine import chunks
from pipeline.ledger.base import Base, known, stored_under
from pipeline.ledger.tables import replays
from pipeline.stories.decisions import EFFECTS, Effects, ToldMark
from pipeline.stories.story_memory import StoryFacts


@dataclass(slots=True)
class Moved:
    """Values that replace those in rows: the story of an article, the mark of an alert, the facts of a story."""

    stories: dict[str, str] = field(default_factory=dict)
    marks: dict[str, ToldMark | None] = field(default_factory=dict)
    facts: dict[str, StoryFacts | None] = field(default_factory=dict)

    def now_in(self, stories: Iterable[str]) -> list[str]:
        """The moved articles that now belong to one of the stories."""
        wanted = set(stories)
        return [article for article, story in self.stories.items() if story in wanted]

    def take_back(self, effects: Effects) -> None:
        """Set the values from before a decision."""
        self.stories |= {article: before for article, (before, _) in effects.moved.items()}
        self.marks |= {alert: before for alert, (before, _) in effects.marks.items()}
        self.facts |= effects.facts

    def carry_out(self, effects: Effects) -> None:
        """Set the values since a decision; facts have been stored in rows since then."""
        self.stories |= {article: after for article, (_, after) in effects.moved.items()}
        self.marks |= {alert: after for alert, (_, after) in effects.marks.items()}


def read_effects(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Effects]:
    """The effects of the decisions that match the conditions on ``story_decisions``, in order."""
    query = sa.select(t.story_decisions.c.effects).where(*conditions).order_by(t.story_decisions.c.number)
    return [EFFECTS.decode(one) for one in connection.execute(query).scalars()]


def moved_in(connection: sa.Connection, run: str, base: Base | None) -> Moved:
    """The values that replace the base's rows for a replay; empty for any other run."""
    moved = Moved()
    if base is not None:
        c = t.story_decisions.c
        for effects in reversed(read_effects(connection, c.run == base.run, c.place >= base.before)):
            moved.take_back(effects)
        for effects in read_effects(connection, c.run == run):
            moved.carry_out(effects)
    return moved


def moved_since(connection: sa.Connection, run: str, seq: int) -> Moved:
    """The values of a run's rows when it had stored ``seq``."""
    moved, c = Moved(), t.story_decisions.c
    for effects in reversed(read_effects(connection, c.run == run, c.seq > seq)):
        moved.take_back(effects)
    return moved


def replayed_run(connection: sa.Connection, run: str, base: Base | None) -> str:
    """The run that a replay replays, which never changes; empty if it replays none, and for every other run."""
    spec = connection.execute(sa.select(replays.c.spec).where(replays.c.name == run)).scalar()
    if spec is None:
        return ""
    return msgspec.json.decode(spec, type=_Of).of or (base.run if base is not None else "")


def due_decision(connection: sa.Connection, replayed: str, base: Base | None, after: int) -> StoryDecision | None:
    """The replayed run's next decision after number ``after``.

    Decisions from before the beginning of a partial replay are in its base.
    """
    c = t.story_decisions.c
    query = sa.select(c.record).where(c.run == replayed, c.number > after).order_by(c.number).limit(1)
    if base is not None:
        query = query.where(c.place >= base.before)
    found = connection.execute(query).scalar()
    return None if found is None else decode(found.encode(), StoryDecision)


class _Of(msgspec.Struct, frozen=True):
    """The part of a replay's request with the run that it replays."""

    of: str = ""


def members(
    connection: sa.Connection, run: str, base: Base | None, moved: Moved, stories: Iterable[str]
) -> dict[str, str]:
    """Article → story, for all articles of these stories in the run, or now in its base."""
    wanted, a = sorted(set(stories)), t.articles.c
    found: dict[str, str] = {}
    for name in (run,) if base is None else (base.run, run):
        elsewhere = moved.now_in(wanted) if base is not None and name == base.run else []
        for part in chunks(wanted):
            query = sa.select(a.id, a.story).where(a.run.in_(stored_under(name)), a.story.in_(part))
            found |= {row.id: row.story for row in connection.execute(query)}
        for part in chunks(elsewhere):
            query = sa.select(a.id, a.story).where(a.run.in_(stored_under(name)), a.id.in_(part))
            found |= {row.id: row.story for row in connection.execute(query)}
        if base is not None and name == base.run:
            found = {article: moved.stories.get(article, story) for article, story in found.items()}
    within = set(wanted)
    return {article: story for article, story in found.items() if story in within}


def rows_of(
    connection: sa.Connection,
    run: str,
    base: Base | None,
    articles: Iterable[str],
    columns: Sequence[sa.ColumnElement[Any]],
) -> list[sa.Row[Any]]:
    """The versions of these articles in the run, or now in its base, in the run's order. ``columns`` include the place."""
    v, found = t.versions.c, list[sa.Row[Any]]()
    for mine in known(run, base, t.versions):
        for part in chunks(sorted(set(articles))):
            found += list[Any](connection.execute(sa.select(*columns).where(mine, v.article.in_(part))))
    return sorted(found, key=lambda row: row.place)
