"""What a partial replay goes on from: another run, as of the replay's start. It is read in place, nothing is copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from core.records import OrderKey
from core.records.article import Story
from core.records.canary import canary_run
from core.store import tables as t
from core.store.engine import chunks
from pipeline.ledger import tables as h
from pipeline.ledger.rows import entry
from pipeline.stories.index import IndexEntry
from pipeline.stories.story_facts import independent_source


class Base(NamedTuple):
    """What ``run`` had at places before ``before`` counts as known."""

    run: str
    before: str


def place_at(time_ms: int) -> str:
    """A place before all those of event times from ``time_ms`` on."""
    return OrderKey(time_ms, "", "").sortable().partition(":")[0]


def read_base(connection: sa.Connection, run: str) -> Base | None:
    """The base of a replay; None for every other run, and for a replay that begins with nothing."""
    query = sa.select(h.replays.c.base, h.replays.c.from_ms).where(h.replays.c.name == run)
    row = connection.execute(query).one_or_none()
    return None if row is None or row.base is None else Base(row.base, place_at(row.from_ms))


def known(run: str, base: Base | None, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Conditions, oldest first, that together select what the run may know of a table with ``run`` and ``place``.

    Canaries are stored as a run of their own. One by one, since with an OR of them SQLite reads whole runs.
    """
    mine = table.c.run.in_((run, canary_run(run)))
    if base is None:
        return [mine]
    return [table.c.run.in_((base.run, canary_run(base.run))) & (table.c.place < base.before), mine]


def stories_as_of(
    connection: sa.Connection, run: str, ids: Iterable[str], *, before: str | None = None, up_to_seq: int | None = None
) -> dict[str, Story]:
    """Stories as they were: made of the versions before a place, or of those stored up to a seq. Those that there were."""
    v, found = t.versions.c, dict[str, Story]()
    for part in chunks(sorted(set(ids))):
        # A version is in the story of its article, whatever the version.
        members = sa.select(t.articles.c.id).where(t.articles.c.run == run, t.articles.c.story.in_(part))
        query = sa.select(t.versions).where(v.run == run, v.article.in_(members), v.story.in_(part))
        if before is not None:
            query = query.where(v.place < before)
        if up_to_seq is not None:
            query = query.where(v.seq <= up_to_seq)
        for row in connection.execute(query.order_by(v.place)):
            found[row.story] = _grown(found.get(row.story), entry(row), row.title)
    return found


def _grown(story: Story | None, one: IndexEntry, title: str) -> Story:
    """As ``pipeline.stories.story_facts.grown``, from what a version's row holds."""
    time_ms, new = one.key.time_ms, one.version == 1
    if story is None:
        story = Story(id=one.story, headline=title, first_ms=time_ms, last_ms=time_ms)
    sources = set(story.sources)
    if one.duplicate_of is None:
        sources.add(independent_source(one.source, one.fingerprint))
    return msgspec.structs.replace(
        story,
        last_ms=max(story.last_ms, time_ms),
        articles=story.articles + new,
        copies=story.copies + (new and one.duplicate_of is not None),
        sources=tuple(sorted(sources)),
    )
