"""Keeping the rows of stories up with every bundle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa

from core.records.article import Story
from core.store import tables as t
from core.store.engine import Store, chunks
from pipeline.ledger.base import read_base, stories_as_of
from pipeline.stories.stage import Decided
from pipeline.stories.story_facts import grown


def update_stories(store: Store, connection: sa.Connection, run: str, told: Sequence[Decided], seq: int) -> None:
    """Let the stories of a bundle's articles grow, in the bundle's order, in the caller's transaction."""
    kept = _known_stories(connection, run, {one.article.story_id or "" for one in told if one.article is not None})
    touched: dict[str, Story] = {}
    for one in told:
        if one.article is not None:
            identity = one.article.story_id or one.article.id
            touched[identity] = grown(touched.get(identity) or kept.get(identity), one.article, one.key)
    rows = []
    for story in touched.values():
        fields = msgspec.structs.asdict(story)
        fields["sources"] = msgspec.json.encode(story.sources).decode()
        rows.append({"run": run, **fields, "seq": seq})
    store.upsert(connection, t.stories, rows)


def _known_stories(connection: sa.Connection, run: str, ids: Iterable[str]) -> dict[str, Story]:
    """The run's own, and of what it has not those that its base had when it began."""
    wanted = set(ids)
    kept = read_stories(connection, run, wanted)
    if (missing := wanted - kept.keys()) and (base := read_base(connection, run)):
        kept |= stories_as_of(connection, base.run, missing, before=base.before)
    return kept


def read_stories(connection: sa.Connection, run: str, ids: Iterable[str]) -> dict[str, Story]:
    """The stories with these ids, those that there are."""
    found: dict[str, Story] = {}
    for part in chunks(sorted(ids)):
        query = sa.select(t.stories).where(t.stories.c.run == run, t.stories.c.id.in_(part))
        for row in connection.execute(query):
            found[row.id] = Story(
                id=row.id,
                headline=row.headline,
                first_ms=row.first_ms,
                last_ms=row.last_ms,
                articles=row.articles,
                copies=row.copies,
                sources=msgspec.json.decode(row.sources, type=tuple[str, ...]),
            )
    return found
