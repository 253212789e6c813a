"""Reads one run for the desk: pages of stories, articles and alerts by index, and changes by ``seq``.

A run's ``seq`` rises by one with every sink transaction, and each transaction waits for the previous one (``commit`` updates
the run's row first). So, unlike PostgreSQL's row ids, these numbers become visible in order, and ``seq > last`` misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.records import Alert, Article, decode
from core.records.article import Story
from core.store import tables as t
from core.store.decisions import newest_decision
from core.store.engine import Store, chunks
from core.store.takedowns import newest_stamp


class StoryRow(NamedTuple):
    """A story with the number of the transaction that changed it last."""

    story: Story
    seq: int


class ArticleRow(NamedTuple):
    """An article with its place (sortable order key) and the number of the transaction that changed it last."""

    article: Article
    place: str
    seq: int


class AlertRow(NamedTuple):
    """An alert with its place and the number of its transaction."""

    alert: Alert
    place: str
    seq: int


class VersionRow(NamedTuple):
    """One version of an article. ``difference``: JSON of what changed since the previous version, if it was computed."""

    version: int
    event_ms: int
    title: str
    text: str
    language: str | None
    source: str
    duplicate_of: str | None
    difference: str | None


class LinkRow(NamedTuple):
    """An article and another that was near it when it was new; see ``story_links``. ``score``, ``inputs``: in hundredths."""

    article: str
    other: str
    joined: bool
    score: int
    inputs: dict[str, int]


class OutcomeRow(NamedTuple):
    """The outcome of one raw record, and its position. ``place`` begins with its event time."""

    kind: str
    version: int | None
    stage: str | None
    reason: str | None
    stream: str
    partition: int
    offset: int
    place: str | None
    late: bool


class Changes(NamedTuple):
    """What transactions up to ``seq`` wrote. ``stories`` contains ids."""

    seq: int
    articles: list[ArticleRow]
    alerts: list[AlertRow]
    stories: list[str]


class DeskReader:
    """Reads one run. Each call reads one consistent state of the store. Raises StoreError."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run

    def seq(self) -> int:
        """The run's current number; 0 before the run begins."""
        with self.store.reading() as connection:
            return self._seq(connection)

    def first_ms(self) -> int | None:
        """The event time of the run's first article; None if there is none."""
        c = t.versions.c
        with self.store.reading() as connection:
            first: int | None = connection.execute(sa.select(sa.func.min(c.event_ms)).where(c.run == self.run)).scalar()
        return first

    def removals(self) -> int:
        """A number that rises with every takedown and story decision; stored stories can then lose articles or disappear."""
        with self.store.reading() as connection:
            return newest_stamp(connection) + newest_decision(connection, self.run)

    def changes(self, after: int, *, most: int, rows: int | None = None) -> Changes:
        """What was written after number ``after``, oldest first, by at most ``most`` transactions: call again for the rest.

        ``rows``: ends with the transaction in which as many articles, alerts or stories are reached.
        """
        with self.store.reading() as connection:
            now = self._seq(connection)
            upto = min(now, after + most)
            if upto <= after:
                return Changes(max(now, after), [], [], [])
            if rows is not None:
                upto = min([upto, *self._ends(connection, after, rows)])
            articles = self._between(connection, t.articles, after, upto)
            alerts = self._between(connection, t.alerts, after, upto)
            c = t.stories.c
            stories = sa.select(c.id).where(c.run == self.run, c.seq > after, c.seq <= upto).order_by(c.seq, c.id)
            return Changes(
                upto,
                [_article(row) for row in articles],
                [_alert(row) for row in alerts],
                list(connection.execute(stories).scalars()),
            )

    def stories(self, *, limit: int, before: tuple[int, str] | None = None) -> list[StoryRow]:
        """Stories, the latest change first. ``before``: (last_ms, id) of the previous page's last story."""
        c = t.stories.c
        query = sa.select(t.stories).where(c.run == self.run)
        if before is not None:
            # Written out, because for a comparison of tuples SQLite uses only the first column of the index.
            query = query.where(c.last_ms <= before[0], sa.or_(c.last_ms < before[0], c.id < before[1]))
        with self.store.reading() as connection:
            rows = connection.execute(query.order_by(c.last_ms.desc(), c.id.desc()).limit(limit)).all()
        return [_story(row) for row in rows]

    def stories_with(self, ids: Iterable[str]) -> list[StoryRow]:
        """The stories with these ids that exist, in no order."""
        found: list[StoryRow] = []
        with self.store.reading() as connection:
            for part in chunks(sorted(set(ids))):
                query = sa.select(t.stories).where(t.stories.c.run == self.run, t.stories.c.id.in_(part))
                found += [_story(row) for row in connection.execute(query)]
        return found

    def articles_of(self, stories: Iterable[str], *, each: int) -> dict[str, list[ArticleRow]]:
        """The newest ``each`` articles of each story, newest first."""
        c = t.articles.c
        found: dict[str, list[ArticleRow]] = {}
        with self.store.reading() as connection:
            for part in chunks(sorted(set(stories))):
                rank = sa.func.row_number().over(partition_by=c.story, order_by=c.place.desc()).label("rank")
                inner = sa.select(c.story, c.record, c.place, c.seq, rank)
                ranked = inner.where(c.run == self.run, c.story.in_(part)).subquery()
                query = sa.select(ranked).where(ranked.c.rank <= each).order_by(ranked.c.story, ranked.c.rank)
                for row in connection.execute(query):
                    found.setdefault(row.story, []).append(_article(row))
        return found

    def articles(
        self,
        *,
        limit: int,
        source: str | None = None,
        story: str | None = None,
        since_ms: int | None = None,
        before: str | None = None,
    ) -> list[ArticleRow]:
        """Current versions, newest first. ``before``: the place of the previous page's last article."""
        c = t.articles.c
        query = sa.select(c.record, c.place, c.seq).where(c.run == self.run)
        query = query if source is None else query.where(c.source == source)
        query = query if story is None else query.where(c.story == story)
        query = query if since_ms is None else query.where(c.place >= f"{since_ms:015d}")
        query = query if before is None else query.where(c.place < before)
        with self.store.reading() as connection:
            return [_article(row) for row in connection.execute(query.order_by(c.place.desc()).limit(limit))]

    def article(self, identity: str) -> ArticleRow | None:
        """One article's current version."""
        c = t.articles.c
        query = sa.select(c.record, c.place, c.seq).where(c.run == self.run, c.id == identity)
        with self.store.reading() as connection:
            row = connection.execute(query).first()
        return _article(row) if row is not None else None

    def articles_with(self, ids: Sequence[str]) -> list[ArticleRow]:
        """The current versions of those of these articles that exist, in no order."""
        c, found = t.articles.c, list[ArticleRow]()
        with self.store.reading() as connection:
            for part in chunks(sorted(set(ids))):
                query = sa.select(c.record, c.place, c.seq).where(c.run == self.run, c.id.in_(part))
                found += [_article(row) for row in connection.execute(query)]
        return found

    def links(self, articles: Sequence[str]) -> list[LinkRow]:
        """The articles that were near these when these were new, and the new articles that these were near."""
        c, found = t.story_links.c, dict[tuple[str, str], LinkRow]()
        with self.store.reading() as connection:
            for part in chunks(sorted(set(articles))):
                for column in (c.article, c.other):
                    query = sa.select(c.article, c.other, c.joined, c.score, c.inputs)
                    for row in connection.execute(query.where(c.run == self.run, column.in_(part))):
                        inputs = msgspec.json.decode(row.inputs, type=dict[str, int])
                        found[row.article, row.other] = LinkRow(row.article, row.other, row.joined, row.score, inputs)
        return list(found.values())

    def versions(self, articles: Sequence[str]) -> dict[str, list[VersionRow]]:
        """All versions of these articles, ascending, by article."""
        c = t.versions.c
        found: dict[str, list[VersionRow]] = {}
        with self.store.reading() as connection:
            for part in chunks(sorted(set(articles))):
                query = sa.select(
                    c.article,
                    c.version,
                    c.event_ms,
                    c.title,
                    c.text,
                    c.language,
                    c.source,
                    c.duplicate_of,
                    c.difference,
                )
                query = query.where(c.run == self.run, c.article.in_(part)).order_by(c.article, c.version)
                for row in connection.execute(query):
                    found.setdefault(row.article, []).append(VersionRow(*row[1:]))
        return found

    def alerts(
        self,
        *,
        limit: int,
        subscription: str | None = None,
        story: str | None = None,
        since_ms: int | None = None,
        before: str | None = None,
        only: sa.ColumnElement[bool] | None = None,
    ) -> list[AlertRow]:
        """Alerts, newest first. ``before``: the ``alert_cursor`` of the previous page's last alert.

        ``since_ms``: only alerts raised then or later (event time). ``only``: a further condition on the table of alerts.
        """
        c = t.alerts.c
        query = sa.select(c.record, c.place, c.seq, c.id).where(c.run == self.run)
        query = query if subscription is None else query.where(c.subscription == subscription)
        query = query if story is None else query.where(c.story == story)
        query = query if since_ms is None else query.where(c.place >= f"{since_ms:015d}")
        query = query if only is None else query.where(only)
        if before is not None:
            place, _, identity = before.partition(" ")
            query = query.where(c.place <= place, sa.or_(c.place < place, c.id < identity))
        with self.store.reading() as connection:
            return [_alert(row) for row in connection.execute(query.order_by(c.place.desc(), c.id.desc()).limit(limit))]

    def outcomes(self, article: str, *, limit: int = 200) -> list[OutcomeRow]:
        """The outcomes of an article's raw records, in order."""
        c = t.outcomes.c
        query = sa.select(
            c.kind, c.version, c.stage, c.reason, c.stream, c.partition, c.first_offset, c.place, c.late
        ).where(c.run == self.run, c.article == article)
        with self.store.reading() as connection:
            return [OutcomeRow(*row) for row in connection.execute(query.order_by(c.place).limit(limit))]

    def _seq(self, connection: sa.Connection) -> int:
        return connection.execute(sa.select(t.runs.c.seq).where(t.runs.c.name == self.run)).scalar() or 0

    def _ends(self, connection: sa.Connection, after: int, rows: int) -> list[int]:
        """For each table that has as many rows after ``after``: the number of the transaction that wrote the last of them."""
        found: list[int] = []
        for table in (t.articles, t.alerts, t.stories):
            c = table.c
            query = sa.select(c.seq).where(c.run == self.run, c.seq > after).order_by(c.seq).offset(rows - 1).limit(1)
            found += connection.execute(query).scalars()
        return found

    def _between(self, connection: sa.Connection, table: sa.Table, after: int, upto: int) -> list[Any]:
        c = table.c
        query = sa.select(c.record, c.place, c.seq).where(c.run == self.run, c.seq > after, c.seq <= upto)
        return list(connection.execute(query.order_by(c.seq, c.place, c.id)).all())


def alert_cursor(row: AlertRow) -> str:
    """The cursor from which ``alerts`` continues. It includes the id, because several alerts can have the same place."""
    return f"{row.place} {row.alert.id}"


def _story(row: Any) -> StoryRow:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    seq = values.pop("seq")
    del values["run"]
    values["sources"] = msgspec.json.decode(values["sources"], type=tuple[str, ...])
    return StoryRow(Story(**values), seq)


def _article(row: Any) -> ArticleRow:
    return ArticleRow(decode(row.record.encode(), Article), row.place, row.seq)


def _alert(row: Any) -> AlertRow:
    return AlertRow(decode(row.record.encode(), Alert), row.place, row.seq)
