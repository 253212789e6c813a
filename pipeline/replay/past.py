"""A run's stored versions as raw articles, and how far back a run reaches: for replays out of the store."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from core.records import Article, OrderKey, RawArticle, decode, from_ms
from core.store import tables as t
from core.store.engine import Store

PAGE = 200


def first_place_ms(store: Store, run: str) -> int | None:
    """The event time at which a run begins; None where it has handled nothing."""
    c = t.outcomes.c
    with store.reading() as connection:
        query = sa.select(c.place).where(c.run == run, c.place.is_not(None)).order_by(c.place).limit(1)
        place = connection.execute(query).scalar()
    return None if place is None else OrderKey.parse(place).time_ms


def stored_versions(store: Store, run: str, *, from_ms_: int, to_ms_: int) -> Iterator[tuple[OrderKey, RawArticle]]:
    """Versions with places in ``from_ms_`` (in) to ``to_ms_`` (out) in their order, as raw articles with the text of that time.

    What only the current version's record has (authors, the claimed date, the feed) is taken from there.
    """
    v, a = t.versions.c, t.articles.c
    columns = sa.tuple_(v.event_ms, v.place)
    after: tuple[int, str] = (from_ms_, "")
    while True:
        query = (
            sa.select(t.versions, a.record)
            .join(t.articles, (a.run == v.run) & (a.id == v.article))
            .where(v.run == run, v.event_ms >= after[0], v.event_ms < to_ms_, columns > sa.tuple_(*after))
            .order_by(v.event_ms, v.place)
            .limit(PAGE)
        )
        with store.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            yield OrderKey.parse(row.place), _raw(row, decode(row.record.encode(), Article))
        if len(rows) < PAGE:
            return
        after = (rows[-1].event_ms, rows[-1].place)


def late_places(store: Store, run: str) -> dict[tuple[str, int, int], OrderKey]:
    """(stream's UUID, partition, offset) → place of the records that came late in a run."""
    c = t.outcomes.c
    with store.reading() as connection:
        query = sa.select(c.stream, c.partition, c.first_offset, c.place).where(c.run == run, c.late)
        return {
            (stream, partition, offset): OrderKey.parse(place)
            for stream, partition, offset, place in connection.execute(query)
        }


def _raw(row: sa.Row[tuple[object, ...]], article: Article) -> RawArticle:
    fields = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    return RawArticle(
        url=article.url,
        source=article.source,
        fetched_at=from_ms(int(str(fields["event_ms"]))),
        feed_url=article.feed_url,
        title=str(fields["title"]) or None,
        authors=article.authors,
        summary=article.summary,
        published=article.published_at.isoformat() if article.published_at else None,
        language=str(fields["language"]) if fields["language"] else None,
        text=str(fields["text"]),
        backfill=bool(fields["backfill"]),
    )
