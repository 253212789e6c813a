"""Walls in the store: the addresses at which doubtful texts were seen, and the number of walls per outlet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from core.durations import DAY_MS
from core.records import OrderKey, OutcomeKind, article_id
from core.records.article import WallCount
from core.store.engine import Store, chunks
from core.store.metadata import INDEXED
from core.store.page_requests import PageRequest, note_walls
from core.store.tables import page_requests
from pipeline.ledger.base import Base, known, place_at
from pipeline.ledger.tables import text_sightings, wall_counts
from pipeline.stories.repeated_walls import WINDOW_MS, Sighting
from pipeline.stories.stage import Decided

KEPT_DAYS = 90
"""Counts of walls are kept this much longer than articles."""


def read_sightings(
    connection: sa.Connection, run: str, base: Base | None, digests: Collection[str]
) -> dict[str, list[Sighting]]:
    """The sightings of these texts that the run may know, by digest."""
    c = text_sightings.c
    found: dict[str, list[Sighting]] = {}
    for part in chunks(sorted(set(digests))):
        for mine in known(run, base, text_sightings):
            for row in connection.execute(sa.select(text_sightings).where(mine, c.digest.in_(part))):
                key, announced = OrderKey.parse(row.place), tuple(row.announced.split())
                one = Sighting(digest=row.digest, article=row.article, announced=announced, key=key)
                found.setdefault(row.digest, []).append(one)
    return found


def write_walls(store: Store, connection: sa.Connection, run: str, decided: Sequence[Decided]) -> None:
    """Store a bundle's sightings, and count its walls, in the caller's transaction."""
    seen = [one.sighting for one in decided if one.sighting is not None]
    if seen:
        store.insert_new(connection, text_sightings, [_row(run, one) for one in seen])
    rows: dict[tuple[str, str, int], dict[str, Any]] = {}
    for one in decided:
        if one.wall is not None:
            source, day = (one.page.source if one.page else "")[:INDEXED], one.key.time_ms // DAY_MS
            row = rows.setdefault(
                (source, one.wall, day), {"run": run, "source": source, "kind": one.wall, "day": day, "walls": 0}
            )
            row["walls"] += 1
            row |= {"last_ms": one.key.time_ms, "last_item": one.outcome.item}
    if not rows:
        return
    statement = store.insert(wall_counts)
    c, new = wall_counts.c, statement.excluded
    # A bundle comes after all earlier ones.
    changed = {"walls": c.walls + new.walls, "last_ms": new.last_ms, "last_item": new.last_item}
    key = ["run", "source", "kind", "day"]
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changed), [rows[name] for name in sorted(rows)]
    )


def ask_again(store: Store, connection: sa.Connection, run: str, decided: Sequence[Decided]) -> None:
    """Request a bundle's walls again, and cancel requests for pages that are articles, in the caller's transaction."""
    walls: dict[str, tuple[PageRequest, int]] = {}
    cured: set[str] = set()
    for one in decided:
        page = one.page
        if page is None or not page.url or page.feed_url is None:
            continue
        article = article_id(page.url)
        if one.wall is None:
            if one.outcome.kind is not OutcomeKind.REJECTED:
                cured.add(article)
                walls.pop(article, None)
            continue
        cured.discard(article)
        asked = PageRequest(
            article=article,
            url=page.url,
            feed_url=page.feed_url,
            title=page.title,
            backfill=page.backfill,
            reason=one.wall,
        )
        walls[article] = asked, one.key.time_ms
    note_walls(store, connection, run, list(walls.values()), cured)


def forget_old(connection: sa.Connection, run: str, before_ms: int) -> int:
    """Delete sightings that no record with event time ``before_ms`` or later can see, and counts of days long before."""
    s, w = text_sightings.c, wall_counts.c
    old = text_sightings.delete().where(s.run == run, s.place < place_at(before_ms - WINDOW_MS))
    past = wall_counts.delete().where(w.run == run, w.day < before_ms // DAY_MS - KEPT_DAYS)
    c = page_requests.c
    asked = page_requests.delete().where(c.run == run, c.ask_ms < before_ms)
    return sum(connection.execute(one).rowcount for one in (old, past, asked))


def read_wall_counts(store: Store, run: str, since_ms: int) -> list[WallCount]:
    """Counts of walls by outlet and kind since the day of an event time, the highest first. Raises StoreError."""
    c = wall_counts.c
    query = sa.select(wall_counts).where(c.run == run, c.day >= since_ms // DAY_MS).order_by(c.last_ms)
    found: dict[tuple[str, str], WallCount] = {}
    with store.reading() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        before = found.get((row.source, row.kind))
        found[row.source, row.kind] = WallCount(
            source=row.source,
            kind=row.kind,
            walls=int(row.walls) + (before.walls if before else 0),
            last_ms=int(row.last_ms),
            last_item=row.last_item,
        )
    return sorted(found.values(), key=lambda one: (-one.walls, one.source, one.kind))


def _row(run: str, one: Sighting) -> dict[str, Any]:
    return {
        "run": run,
        "digest": one.digest,
        "place": one.key.sortable(),
        "article": one.article,
        "announced": " ".join(one.announced),
    }
