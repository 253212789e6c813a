"""The memory of stories for the alert rule, read from the store: marks from earlier alerts, facts from a row of the story.

Both are functions of what the run (and the base of a replay, as of its start) has stored, so a record is decided alike by
any worker, however often it is handled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec
import sqlalchemy as sa

from core.store import tables as t
from core.store.engine import Store, chunks
from pipeline.ledger import tables as own
from pipeline.ledger.base import Base, known, read_base, stored_under
from pipeline.ledger.stories import read_stories, stories_as_of
from pipeline.stories.story_memory import MOST_ARTICLES, AlertMark, StoryFacts, StoryMemory


class _MarkFields(msgspec.Struct, frozen=True):
    """The fields of an alert that a mark needs."""

    id: str
    subscription: str
    subscription_version: int
    story: str
    article: str
    source: str
    sources: int = 0
    told: int = 0


_MARK_FIELDS = msgspec.json.Decoder(_MarkFields)
_FACTS = msgspec.json.Decoder(StoryFacts)


def read_story_memories(
    store: Store, run: str, stories: Collection[str], matched: Collection[str]
) -> dict[str, StoryMemory]:
    """The memories of stories that raised an alert or are in ``matched``, by story: the others need none. Raises StoreError."""
    with store.reading() as connection:
        base = read_base(connection, run)
        memories = {story: StoryMemory() for story in matched}
        for story, marks in _marks(connection, run, base, stories).items():
            memories.setdefault(story, StoryMemory()).marks = marks
        _add_facts(connection, run, base, memories)
        kept = read_stories(connection, run, memories)
        if base is not None and (missing := memories.keys() - kept.keys()):
            kept |= stories_as_of(connection, base.run, missing, before=base.before)
        for story, memory in memories.items():
            memory.story = kept.get(story)
        _add_outlets(connection, run, base, kept, memories)
        return memories


def write_facts(store: Store, connection: sa.Connection, run: str, facts: Mapping[str, StoryFacts]) -> None:
    """Store the facts of stories, in the caller's transaction."""
    rows = [{"run": run, "story": story, "record": _json(one)} for story, one in sorted(facts.items())]
    store.upsert(connection, own.story_facts, rows)


def _json(facts: StoryFacts) -> str:
    return msgspec.json.encode(facts).decode()


def _marks(
    connection: sa.Connection, run: str, base: Base | None, stories: Iterable[str]
) -> dict[str, dict[str, AlertMark]]:
    c = t.alerts.c
    marks: dict[str, dict[str, AlertMark]] = {}
    for condition in known(run, base, t.alerts):
        for part in chunks(sorted(set(stories))):
            query = sa.select(c.record).where(condition, c.story.in_(part)).order_by(c.place, c.id)
            for record in connection.execute(query).scalars():
                _add_mark(marks, _MARK_FIELDS.decode(record))
    return marks


def _add_mark(marks: dict[str, dict[str, AlertMark]], one: _MarkFields) -> None:
    of_story = marks.setdefault(one.story, {})
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


def _add_facts(connection: sa.Connection, run: str, base: Base | None, memories: Mapping[str, StoryMemory]) -> None:
    c = own.story_facts.c
    sources = [(run, None)] if base is None else [(base.run, int(base.before[:15])), (run, None)]
    for name, before_ms in sources:
        for part in chunks(sorted(memories)):
            for row in connection.execute(sa.select(c.story, c.record).where(c.run == name, c.story.in_(part))):
                facts = _FACTS.decode(row.record)
                memories[row.story].facts = facts if before_ms is None else facts.before(before_ms)


def _add_outlets(
    connection: sa.Connection, run: str, base: Base | None, stories: Iterable[str], memories: Mapping[str, StoryMemory]
) -> None:
    # From all versions, as within a batch: an article's row has only the outlet that carried its address last.
    v, a = t.versions.c, t.articles.c
    runs = [*stored_under(run), *(() if base is None else stored_under(base.run))]
    for condition in known(run, base, t.versions):
        for part in chunks(sorted(stories)):
            members = sa.select(a.id).where(a.run.in_(runs), a.story.in_(part))
            query = sa.select(v.story, v.source).distinct()
            for row in connection.execute(query.where(condition, v.article.in_(members), v.story.in_(part))):
                memories[row.story].outlets.add(row.source)
