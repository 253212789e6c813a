"""The rows of stories: updated with every bundle, read, and computed as of a place or a seq."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records.article import Story
from core.store import tables as t
from core.store.engine import Store, chunks
from pipeline.ledger.base import read_base
from pipeline.ledger.moved import Moved, moved_in
from pipeline.ledger.rows import ENTRY, entry
from pipeline.stories.index import IndexEntry
from pipeline.stories.stage import Decided
from pipeline.stories.story_memory import grown, independent_source


def update_stories(store: Store, connection: sa.Connection, run: str, decided: Sequence[Decided], seq: int) -> None:
    """Add a bundle's articles to their stories, in the bundle's order, in the caller's transaction."""
    kept = _known_stories(connection, run, {one.article.story_id or "" for one in decided if one.article is not None})
    touched: dict[str, Story] = {}
    for one in decided:
        if one.article is not None:
            identity = one.article.story_id or one.article.id
            touched[identity] = grown(touched.get(identity) or kept.get(identity), one.article, one.key)
    store.upsert(connection, t.stories, [story_row(story, run, seq) for story in touched.values()])


def story_row(story: Story, run: str, seq: int) -> dict[str, Any]:
    """A row of ``stories``."""
    fields = msgspec.structs.asdict(story)
    fields["sources"] = msgspec.json.encode(story.sources).decode()
    return {"run": run, **fields, "seq": seq}


def story_of(row: sa.Row[Any]) -> Story:
    """The story of a row of ``stories``."""
    return Story(
        id=row.id,
        headline=row.headline,
        first_ms=row.first_ms,
        last_ms=row.last_ms,
        articles=row.articles,
        copies=row.copies,
        sources=msgspec.json.decode(row.sources, type=tuple[str, ...]),
    )


def read_stories(connection: sa.Connection, run: str, ids: Iterable[str]) -> dict[str, Story]:
    """The stories with these ids, by id; ids that are not stored are left out."""
    found: dict[str, Story] = {}
    for part in chunks(sorted(ids)):
        query = sa.select(t.stories).where(t.stories.c.run == run, t.stories.c.id.in_(part))
        for row in connection.execute(query):
            found[row.id] = story_of(row)
    return found


def stories_as_of(
    connection: sa.Connection,
    run: str,
    ids: Iterable[str],
    *,
    before: str | None = None,
    up_to_seq: int | None = None,
    moved: Moved | None = None,
) -> dict[str, Story]:
    """Stories by id, from the versions before a place or stored up to a seq; stories without versions are left out.

    ``moved``: values that replace the rows' stories.
    """
    moved = moved or Moved()
    v, found = t.versions.c, list[sa.Row[Any]]()
    for part in chunks(sorted(set(ids))):
        # All versions of an article are in the same story.
        mine = sa.select(t.articles.c.id).where(t.articles.c.run == run, t.articles.c.story.in_(part))
        elsewhere = [v.article.in_(some) for some in chunks(sorted(moved.now_in(part)))]
        for theirs in (v.article.in_(mine), *elsewhere):
            query = sa.select(*ENTRY, v.title).where(v.run == run, theirs)
            if before is not None:
                query = query.where(v.place < before)
            if up_to_seq is not None:
                query = query.where(v.seq <= up_to_seq)
            found += list[Any](connection.execute(query))
    return told_as(found, ids, moved)


def told_as(rows: Iterable[sa.Row[Any]], ids: Iterable[str], moved: Moved) -> dict[str, Story]:
    """The stories with these ids, by id, computed from rows of versions (``ENTRY`` and the title) in any order."""
    wanted, made = set(ids), dict[str, Story]()
    # A row may have been found both by its own story and by the story that replaces it.
    for row in sorted({row.place: row for row in rows}.values(), key=lambda row: row.place):
        one = entry(row, moved.stories.get(row.article))
        if one.story in wanted:
            made[one.story] = _grown(made.get(one.story), one, row.title)
    return made


def _known_stories(connection: sa.Connection, run: str, ids: Iterable[str]) -> dict[str, Story]:
    """The run's own stories, and for missing ids, those of its base when the run began."""
    wanted = set(ids)
    kept = read_stories(connection, run, wanted)
    if (missing := wanted - kept.keys()) and (base := read_base(connection, run)):
        moved = moved_in(connection, run, base)
        kept |= stories_as_of(connection, base.run, missing, before=base.before, moved=moved)
    return kept


def _grown(story: Story | None, one: IndexEntry, title: str) -> Story:
    """Like ``pipeline.stories.story_memory.grown``, from the row of a version."""
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
