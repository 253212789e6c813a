"""The contents of a run at a moment of the wall clock, for ``wirewatch show``.

An article has three times: fetched (``fetched_at``), seen (its sink transaction was stored, ``commits.stored_ms``),
delivered (a message about its alert was sent). ``AsOf`` shows what had been *seen* by the moment. It never shows what a
takedown removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
import sqlalchemy as sa

from core.records import Alert, Article, OrderKey, decode, from_ms, to_ms
from core.records.article import Story
from core.store import tables as t
from core.store.engine import Store
from core.store.pruning_marks import read_pruned, stored_ms
from desk.delivery.store.tables import deliveries
from pipeline.ledger.moved import moved_since
from pipeline.ledger.stories import stories_as_of

PAGE = 200


class SeenArticle(msgspec.Struct, frozen=True, kw_only=True):
    """An article in its newest version as of the moment, with that version's topics.

    ``event_at`` is when it was appended to the stream. Times are UTC.
    """

    id: str
    version: int
    title: str
    text: str
    source: str
    story: str
    event_at: datetime
    seen_at: datetime
    fetched_at: datetime
    topics: tuple[str, ...]
    language: str | None = None
    duplicate_of: str | None = None
    url: str | None = None


class SeenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert raised by the moment. ``delivered_at``: when it was first delivered, if that was by then."""

    alert: Alert
    seen_at: datetime
    delivered_at: datetime | None = None


class AsOf:
    """A run at ``moment`` (UTC), without later transactions, however old the news in them. Newest first, page by page.

    ``pruned``: what was pruned and so is not shown. If transactions of that time are kept only to the minute, the
    moment is rounded to the minute.
    """

    def __init__(self, store: Store, run: str, moment: datetime) -> None:
        self.store, self.run, self._moment_ms = store, run, to_ms(moment)
        c = t.commits.c
        query = sa.select(sa.func.max(c.seq)).where(c.run == run, c.stored_ms <= self._moment_ms)
        with store.reading() as connection:
            # A takedown raises a run's seq without a commit of its own; what it left keeps the seq that stored it.
            self.seq = int(connection.execute(query).scalar() or 0)
            self.pruned = read_pruned(connection, run)
            # Editors may have moved articles since.
            self._moved = moved_since(connection, run, self.seq)

    def articles(self) -> Iterator[SeenArticle]:
        """Articles, by the event time of their newest version as of the moment."""
        v, a = t.versions.c, t.articles.c
        later = t.versions.alias("later")
        newer = sa.select(later.c.version).where(
            later.c.run == v.run, later.c.article == v.article, later.c.version > v.version, later.c.seq <= self.seq
        )
        after: tuple[int, str] | None = None
        while True:
            query = (
                sa.select(t.versions, a.record, stored_ms(v.run, v.seq).label("stored_ms"))
                .outerjoin(t.articles, (a.run == v.run) & (a.id == v.article))
                .where(v.run == self.run, v.seq <= self.seq, ~newer.exists())
                .order_by(v.event_ms.desc(), v.place.desc())
                .limit(PAGE)
            )
            if after is not None:
                query = query.where(v.event_ms <= after[0], sa.tuple_(v.event_ms, v.place) < sa.tuple_(*after))
            with self.store.reading() as connection:
                rows = connection.execute(query).all()
            yield from (_seen(row, self._moved.stories.get(row.article)) for row in rows)
            if len(rows) < PAGE:
                return
            after = (rows[-1].event_ms, rows[-1].place)

    def alerts(self) -> Iterator[SeenAlert]:
        """Alerts, by the event time of the articles that raised them."""
        c = t.alerts.c
        after: tuple[str, str] | None = None
        while True:
            query = (
                sa.select(c.record, c.place, c.id, stored_ms(c.run, c.seq).label("stored_ms"))
                .where(c.run == self.run, c.seq <= self.seq)
                .order_by(c.place.desc(), c.id.desc())
                .limit(PAGE)
            )
            if after is not None:
                query = query.where(sa.tuple_(c.place, c.id) < sa.tuple_(*after))
            with self.store.reading() as connection:
                rows = connection.execute(query).all()
                sent = self._sent(connection, [row.id for row in rows])
            for row in rows:
                yield SeenAlert(
                    alert=decode(row.record.encode(), Alert),
                    seen_at=from_ms(row.stored_ms or 0),
                    delivered_at=from_ms(sent[row.id]) if row.id in sent else None,
                )
            if len(rows) < PAGE:
                return
            after = (rows[-1].place, rows[-1].id)

    def stories(self) -> Iterator[Story]:
        """Stories as of the moment, by their latest article."""
        seen: set[str] = set()
        for page in _paged(self.articles()):
            new = [one.story for one in page if one.story not in seen]
            seen.update(new)
            with self.store.reading() as connection:
                found = stories_as_of(connection, self.run, new, up_to_seq=self.seq, moved=self._moved)
            yield from (found[story] for story in dict.fromkeys(new) if story in found)

    def _sent(self, connection: sa.Connection, alerts: list[str]) -> dict[str, int]:
        d = deliveries.c
        query = (
            sa.select(d.alert, sa.func.min(d.sent_ms))
            .where(d.run == self.run, d.alert.in_(alerts), d.sent_ms <= self._moment_ms)
            .group_by(d.alert)
        )
        return {row[0]: int(row[1]) for row in connection.execute(query)}


def _seen(row: sa.Row[tuple[object, ...]], story: str | None) -> SeenArticle:
    fields = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    record = decode(str(fields["record"]).encode(), Article) if fields["record"] else None
    return SeenArticle(
        id=str(fields["article"]),
        version=int(str(fields["version"])),
        title=str(fields["title"]),
        text=str(fields["text"]),
        source=str(fields["source"]),
        story=story or str(fields["story"]),
        event_at=from_ms(OrderKey.parse(str(fields["place"])).time_ms),
        seen_at=from_ms(int(str(fields["stored_ms"] or 0))),
        fetched_at=from_ms(int(str(fields["fetched_ms"]))),
        topics=msgspec.json.decode(str(fields["topics"]), type=tuple[str, ...]),
        language=str(fields["language"]) if fields["language"] else None,
        duplicate_of=str(fields["duplicate_of"]) if fields["duplicate_of"] else None,
        url=record.url if record else None,
    )


def _paged(articles: Iterator[SeenArticle]) -> Iterator[list[SeenArticle]]:
    page: list[SeenArticle] = []
    for one in articles:
        page.append(one)
        if len(page) >= PAGE:
            yield page
            page = []
    if page:
        yield page
