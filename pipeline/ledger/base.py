"""The base of a partial replay: the run that it continues, as of its start. It is read in place; nothing is copied.

Editors' decisions move articles in the base's own rows (``pipeline.ledger.decisions``), also after that start. ``Moved``
says what those rows were before, and what the replay's own decisions made of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.records import OrderKey, decode
from core.records.canary import canary_run
from core.records.decision import StoryDecision
from core.store import tables as t
from core.store.engine import Store, chunks
from pipeline.ledger.tables import replays
from pipeline.stories.decisions import EFFECTS, Effects, ToldMark
from pipeline.stories.story_memory import StoryFacts


class Base(NamedTuple):
    """The part of ``run`` that counts as known: its rows at places before ``before``."""

    run: str
    before: str


@dataclass(slots=True)
class Moved:
    """What counts in place of what rows say: the story of an article, what an alert has told, the facts of a story."""

    stories: dict[str, str] = field(default_factory=dict)
    marks: dict[str, ToldMark | None] = field(default_factory=dict)
    facts: dict[str, StoryFacts | None] = field(default_factory=dict)

    def now_in(self, stories: Iterable[str]) -> list[str]:
        """The articles among these that count as of one of the stories."""
        wanted = set(stories)
        return [article for article, story in self.stories.items() if story in wanted]

    def take_back(self, effects: Effects) -> None:
        """As it was before a decision."""
        self.stories |= {article: before for article, (before, _) in effects.moved.items()}
        self.marks |= {alert: before for alert, (before, _) in effects.marks.items()}
        self.facts |= effects.facts

    def carry_out(self, effects: Effects) -> None:
        """As it is since a decision; facts have rows of their own since."""
        self.stories |= {article: after for article, (_, after) in effects.moved.items()}
        self.marks |= {alert: after for alert, (_, after) in effects.marks.items()}


def read_effects(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Effects]:
    """What the decisions changed that meet the conditions on ``story_decisions``, in their order."""
    query = sa.select(t.story_decisions.c.effects).where(*conditions).order_by(t.story_decisions.c.number)
    return [EFFECTS.decode(one) for one in connection.execute(query).scalars()]


def moved_in(connection: sa.Connection, run: str, base: Base | None) -> Moved:
    """What counts in place of the base's rows for a replay; nothing for any other run."""
    moved = Moved()
    if base is not None:
        c = t.story_decisions.c
        for effects in reversed(read_effects(connection, c.run == base.run, c.place >= base.before)):
            moved.take_back(effects)
        for effects in read_effects(connection, c.run == run):
            moved.carry_out(effects)
    return moved


def moved_since(connection: sa.Connection, run: str, seq: int) -> Moved:
    """What a run's rows were when it had stored ``seq``."""
    moved, c = Moved(), t.story_decisions.c
    for effects in reversed(read_effects(connection, c.run == run, c.seq > seq)):
        moved.take_back(effects)
    return moved


def due_decision(connection: sa.Connection, run: str, base: Base | None, after: int) -> StoryDecision | None:
    """The next decision, behind number ``after``, of the run that a replay replays; None for any other run.

    Those from before the beginning of a partial replay are in its base.
    """
    spec = connection.execute(sa.select(replays.c.spec).where(replays.c.name == run)).scalar()
    if spec is None:
        return None
    c, of = t.story_decisions.c, msgspec.json.decode(spec, type=_Of).of or (base.run if base is not None else "")
    query = sa.select(c.record).where(c.run == of, c.number > after).order_by(c.number).limit(1)
    if base is not None:
        query = query.where(c.place >= base.before)
    found = connection.execute(query).scalar()
    return None if found is None else decode(found.encode(), StoryDecision)


class _Of(msgspec.Struct, frozen=True):
    """Of a replay's request: the run that it replays."""

    of: str = ""


def write_commit(connection: sa.Connection, run: str, seq: int, stored_ms: int) -> None:
    """Note a transaction that handled no record. It has reached what the one before it had."""
    c = t.commits.c
    before = sa.select(c.epoch, c.handled).where(c.run == run).order_by(c.seq.desc()).limit(1)
    found = connection.execute(before).one_or_none()
    reached = {"epoch": found.epoch, "handled": found.handled} if found is not None else {"epoch": 0, "handled": -1}
    connection.execute(t.commits.insert(), {"run": run, "seq": seq, "stored_ms": stored_ms} | reached)


def members(
    connection: sa.Connection, run: str, base: Base | None, moved: Moved, stories: Iterable[str]
) -> dict[str, str]:
    """Article → story, of all articles of these stories that the run, or its base by now, has."""
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
    """The versions of these articles that the run, or its base by now, has, in the run's order. ``columns``: with the place."""
    v, found = t.versions.c, list[sa.Row[Any]]()
    for mine in known(run, base, t.versions):
        for part in chunks(sorted(set(articles))):
            found += list[Any](connection.execute(sa.select(*columns).where(mine, v.article.in_(part))))
    return sorted(found, key=lambda row: row.place)


def place_at(time_ms: int) -> str:
    """A place before all places of event times from ``time_ms`` on."""
    return OrderKey(time_ms, "", "").sortable().partition(":")[0]


def base_of(store: Store, run: str) -> Base | None:
    """As ``read_base``, in a transaction of its own. Raises StoreError."""
    with store.reading() as connection:
        return read_base(connection, run)


def read_base(connection: sa.Connection, run: str) -> Base | None:
    """The base of a replay; None for every other run, and for a replay without a base."""
    query = sa.select(replays.c.base, replays.c.from_ms).where(replays.c.name == run)
    row = connection.execute(query).one_or_none()
    return None if row is None or row.base is None else Base(row.base, place_at(row.from_ms))


def stored_under(run: str) -> tuple[str, str]:
    """The values of the column ``run`` in rows of a run: its own name, and that of its canaries."""
    return run, canary_run(run)


def known(run: str, base: Base | None, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Conditions, oldest first, that together select what the run may know of a table with ``run`` and ``place``.

    Separate conditions, since for an OR of them SQLite reads whole runs.
    """
    mine = table.c.run.in_(stored_under(run))
    if base is None:
        return [mine]
    return [table.c.run.in_(stored_under(base.run)) & (table.c.place < base.before), mine]
