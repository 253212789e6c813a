"""The memory of stories for the alert rule, read from the store: marks from earlier alerts, facts from a row of the story.

Both are functions of what the run (and the base of a replay, as of its start) has stored, so every worker makes the same
decision on a record, however often it is handled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from core.store import tables as t
from core.store.engine import Store, chunks
from pipeline.ledger import tables as own
from pipeline.ledger.base import Base, known, stored_under
from pipeline.ledger.moved import Moved, moved_in
from pipeline.ledger.stories import read_stories, stories_as_of
from pipeline.stories.decisions import ToldMark
from pipeline.stories.story_memory import MOST_ARTICLES, AlertMark, StoryFacts, StoryMemory


class _MarkFields(msgspec.Struct, frozen=True):
    """The fields of an alert that a mark needs."""

    id: str
    subscription: str
    subscription_version: int
    article: str
    source: str
    sources: int = 0
    told: int = 0


_MARK_FIELDS = msgspec.json.Decoder(_MarkFields)
_FACTS = msgspec.json.Decoder(StoryFacts)
_MARK = msgspec.json.Decoder(ToldMark)


def read_story_memories(
    store: Store, run: str, base: Base | None, stories: Collection[str], matched: Collection[str]
) -> dict[str, StoryMemory]:
    """Memories of stories that raised an alert or are in ``matched``, by story; others need none. Raises StoreError."""
    with store.reading() as connection:
        moved = moved_in(connection, run, base)
        memories = {story: StoryMemory() for story in matched}
        for story, marks in read_marks(connection, run, base, moved, stories).items():
            memories.setdefault(story, StoryMemory()).marks = marks
        _add_facts(connection, run, base, moved, memories)
        kept = read_stories(connection, run, memories)
        if base is not None and (missing := memories.keys() - kept.keys()):
            kept |= stories_as_of(connection, base.run, missing, before=base.before, moved=moved)
        for story, memory in memories.items():
            memory.story = kept.get(story)
        add_outlets(connection, run, base, moved, kept, memories)
        return memories


def read_facts(
    connection: sa.Connection, run: str, base: Base | None, moved: Moved, stories: Collection[str]
) -> dict[str, StoryFacts | None]:
    """The facts of stories, by story; None for a story without facts."""
    memories = {story: StoryMemory() for story in stories}
    _add_facts(connection, run, base, moved, memories)
    return {story: None if memory.facts == StoryFacts() else memory.facts for story, memory in memories.items()}


def write_facts(store: Store, connection: sa.Connection, run: str, facts: Mapping[str, StoryFacts]) -> None:
    """Store the facts of stories, in the caller's transaction."""
    rows = [{"run": run, "story": story, "record": _json(one)} for story, one in sorted(facts.items())]
    store.upsert(connection, own.story_facts, rows)


def _json(one: StoryFacts | ToldMark) -> str:
    return msgspec.json.encode(one).decode()


def read_marks(
    connection: sa.Connection, run: str, base: Base | None, moved: Moved, stories: Iterable[str]
) -> dict[str, dict[str, AlertMark]]:
    """Story → subscription → mark of what it was alerted to."""
    c, wanted = t.alerts.c, set(stories)
    marks: dict[str, dict[str, AlertMark]] = {}
    for condition, of_base in zip(known(run, base, t.alerts), (base is not None, False), strict=False):
        rows = list[sa.Row[Any]]()
        for part in chunks(sorted(wanted)):
            rows += connection.execute(_alerts_where(condition, c.story.in_(part))).all()
        if not of_base:
            for row in _in_order(rows):
                _add_mark(marks, row.story, row.record, row.mark)
            continue
        for part in chunks(sorted(moved.now_in(wanted))):
            rows += connection.execute(_alerts_where(condition, c.article.in_(part))).all()
        for row in _in_order({row.id: row for row in rows}.values()):
            story = moved.stories.get(row.article, row.story)
            if story in wanted:
                mark = row.mark
                if row.id in moved.marks:
                    told = moved.marks[row.id]
                    mark = None if told is None else _json(told)
                _add_mark(marks, story, row.record, mark)
    return marks


def _alerts_where(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    c = t.alerts.c
    return sa.select(c.id, c.story, c.article, c.place, c.record, c.mark).where(*conditions)


def _in_order(rows: Iterable[sa.Row[Any]]) -> list[sa.Row[Any]]:
    return sorted(rows, key=lambda row: (row.place, row.id))


def _add_mark(marks: dict[str, dict[str, AlertMark]], story: str, record: str, mark: str | None) -> None:
    one = _MARK_FIELDS.decode(record)
    if mark is not None:
        said = _MARK.decode(mark)
        one = msgspec.structs.replace(one, told=said.told, sources=said.sources)
    of_story = marks.setdefault(story, {})
    here, before = (one.article, one.source), of_story.get(one.subscription)
    articles = before.articles if before is not None else ()
    of_story[one.subscription] = AlertMark(
        one.subscription,
        one.subscription_version,
        one.id,
        # Counts only grow; two alerts of the same millisecond may be read in either order.
        max(one.sources, before.sources if before is not None else 0),
        max(one.told, before.told if before is not None else 0),
        articles if here in articles else (*articles, here)[-MOST_ARTICLES:],
    )


def _add_facts(
    connection: sa.Connection, run: str, base: Base | None, moved: Moved, memories: Mapping[str, StoryMemory]
) -> None:
    c = own.story_facts.c
    sources = [(run, None)] if base is None else [(base.run, int(base.before[:15])), (run, None)]
    for name, before_ms in sources:
        for part in chunks(sorted(memories)):
            for row in connection.execute(sa.select(c.story, c.record).where(c.run == name, c.story.in_(part))):
                facts = _FACTS.decode(row.record)
                memories[row.story].facts = facts if before_ms is None else facts.before(before_ms)
        if before_ms is not None:
            for story in memories.keys() & moved.facts.keys():
                memories[story].facts = (moved.facts[story] or StoryFacts()).before(before_ms)


def add_outlets(
    connection: sa.Connection,
    run: str,
    base: Base | None,
    moved: Moved,
    stories: Iterable[str],
    memories: Mapping[str, StoryMemory],
) -> None:
    """Add to the memories the outlets that have reported their stories."""
    # From all versions, as within a batch, since an article's row has only the latest outlet of its address.
    v, a = t.versions.c, t.articles.c
    runs = [*stored_under(run), *(() if base is None else stored_under(base.run))]
    for condition in known(run, base, t.versions):
        for part in chunks(sorted(stories)):
            mine = sa.select(a.id).where(a.run.in_(runs), a.story.in_(part))
            elsewhere = [v.article.in_(some) for some in chunks(sorted(moved.now_in(part)))]
            for theirs in (v.article.in_(mine), *elsewhere):
                query = sa.select(v.article, v.story, v.source).distinct()
                for row in connection.execute(query.where(condition, theirs)):
                    story = moved.stories.get(row.article, row.story)
                    if story in memories:
                        memories[story].outlets.add(row.source)
