"""Runs: listing and dropping them, the rows of replays, and stored versions as raw articles for replays from the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records import Article, OrderKey, RawArticle, claims_of, decode, from_ms
from core.store import tables as t
from core.store.counts import OUTCOMES
from core.store.engine import Store
from core.store.pruning_marks import read_pruned
from core.store.retries import APPENDED
from pipeline.elements import BY_LIMIT, RefusedRecord, Rejection
from pipeline.ledger.base import stored_under
from pipeline.ledger.tables import replays

LIVE, QUIET = "live", "quiet"
RUNNING, STOPPED, FINISHED = "running", "stopped", "finished"
# Rows deleted in one transaction, during which SQLite's other writers wait.
DROP_ROWS = 2_000
PAGE = 200


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay's row. Times are milliseconds since the epoch, UTC; ``from_ms`` (in) to ``to_ms`` (out) of event time.

    ``base``: the run that it continues. ``no_claim``: why its results may differ from the base's; None if they are equal.
    ``done`` of ``total`` records were handled (``total`` None: not known).
    """

    name: str
    spec: str
    base: str | None
    from_ms: int
    to_ms: int
    no_claim: str | None
    state: str
    done: int = 0
    total: int | None = None
    delivers: bool = False
    started_ms: int
    finished_ms: int | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a list. ``first_ms`` and ``last_ms``: event times of its current articles, None if it has none."""

    name: str
    kind: str
    created_ms: int
    articles: int
    alerts: int
    stories: int
    outcomes: dict[str, int]
    first_ms: int | None
    last_ms: int | None
    replay: Replay | None = None


class ReplayRepository:
    """The rows of replays. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, name: str) -> Replay | None:
        """The replay of this name; None if there is none."""
        with self.store.reading() as connection:
            row = connection.execute(sa.select(replays).where(replays.c.name == name)).mappings().one_or_none()
        return None if row is None else Replay(**row)

    def put(self, replay: Replay) -> None:
        """Insert or replace the row."""
        with self.store.writing() as connection:
            self.store.upsert(connection, replays, [msgspec.structs.asdict(replay)])

    def note(self, name: str, **values: Any) -> None:
        """Change some columns: ``state``, ``done``, ``total``, ``finished_ms``."""
        with self.store.writing() as connection:
            connection.execute(replays.update().where(replays.c.name == name).values(**values))


def list_runs(store: Store) -> list[RunSummary]:
    """All runs, oldest first, with counts of their contents."""
    with store.reading() as connection:
        known = {row["name"]: Replay(**row) for row in connection.execute(sa.select(replays)).mappings()}
        counts: dict[str, dict[str, int]] = {}
        for table in (t.articles, t.alerts, t.stories):
            rows_of = connection.execute(sa.select(table.c.run, sa.func.count()).group_by(table.c.run))
            counts[table.name] = {run: int(count) for run, count in rows_of}
        place = t.articles.c.place
        spans = connection.execute(sa.select(t.articles.c.run, sa.func.min(place), sa.func.max(place)).group_by("run"))
        times = {run: (_time(first), _time(last)) for run, first, last in spans}
        # Sums that are kept: the outcomes themselves are many, and old ones may be gone.
        c = t.counters.c
        ended = sa.select(c.run, c.label, c.value).where(c.name == OUTCOMES, c.value > 0)
        outcomes: dict[str, dict[str, int]] = {}
        for run, kind, count in connection.execute(ended):
            outcomes.setdefault(run, {})[kind] = int(count)
        rows = connection.execute(sa.select(t.runs).order_by(t.runs.c.created_ms, t.runs.c.name)).all()
    return [
        RunSummary(
            name=row.name,
            kind=row.kind,
            created_ms=row.created_ms,
            articles=counts["articles"].get(row.name, 0),
            alerts=counts["alerts"].get(row.name, 0),
            stories=counts["stories"].get(row.name, 0),
            outcomes=outcomes.get(row.name, {}),
            first_ms=times.get(row.name, (None, None))[0],
            last_ms=times.get(row.name, (None, None))[1],
            replay=known.get(row.name),
        )
        for row in rows
    ]


def run_names(store: Store) -> dict[str, str]:
    """Name → kind of all runs: ``live``; ``quiet``, a continuous run whose results are not sent; ``replay``."""
    with store.reading() as connection:
        return {row.name: row.kind for row in connection.execute(sa.select(t.runs.c.name, t.runs.c.kind))}


def ended(store: Store, run: str) -> bool:
    """Whether this is a replay that has ended, by its own record; a killed one still counts as running."""
    with store.reading() as connection:
        state = connection.execute(sa.select(replays.c.state).where(replays.c.name == run)).scalar()
    return state in (STOPPED, FINISHED)


def begin_telling(store: Store, run: str) -> None:
    """Send a quiet run's results from now on."""
    with store.writing() as connection:
        connection.execute(t.runs.update().where(t.runs.c.name == run, t.runs.c.kind == QUIET).values(kind=LIVE))


def drop_run(store: Store, run: str, schema: sa.MetaData) -> Iterator[int]:
    """Delete a run with everything in it, its own queries included; yields how many rows each step deleted.

    ``schema``: all tables of the store (``wirewatch.schema``), since other packages have tables with rows of a run too.
    The owner is removed first, so that a process that still writes the run is fenced. A run that was dropped half-way can be
    dropped again.
    """
    with store.writing() as connection:
        connection.execute(t.runs.update().where(t.runs.c.name == run).values(owner="", seq=t.runs.c.seq + 1))
    for table, column in _of_a_run(schema):
        while True:
            with store.writing() as connection:
                gone = _delete_some(connection, table, column.in_(stored_under(run)))
            yield gone
            if gone < DROP_ROWS:
                break
    with store.writing() as connection:
        connection.execute(replays.delete().where(replays.c.name == run))
        connection.execute(t.runs.delete().where(t.runs.c.name == run))


def _of_a_run(schema: sa.MetaData) -> list[tuple[sa.Table, sa.Column[Any]]]:
    """Every table of the store with a column for a run or a scope, whichever package owns it, with that column."""
    return [(table, table.c[name]) for table in schema.sorted_tables for name in ("run", "scope") if name in table.c]


def _delete_some(connection: sa.Connection, table: sa.Table, mine: sa.ColumnElement[bool]) -> int:
    keys = list(table.primary_key)
    some = sa.select(*keys).where(mine).limit(DROP_ROWS)
    if len(keys) == 1:
        return connection.execute(table.delete().where(keys[0].in_(some))).rowcount
    return connection.execute(table.delete().where(sa.tuple_(*keys).in_(some))).rowcount


def copy_queries(
    store: Store, source: str, scope: str, *, subscriptions: bool, topics_but: Collection[str] | None
) -> None:
    """Copy the queries of one scope to another, every version with the time from which it holds. Idempotent.

    Labels of outlets are copied with the subscriptions; if a replay has its own subscriptions, its caller stores the labels.

    ``topics_but``: all topics but these; None: no topics.
    """
    with store.writing() as connection:
        if subscriptions:
            _copy(store, connection, t.subscriptions, t.subscriptions.c.scope == source, scope)
            _copy(store, connection, t.label_versions, t.label_versions.c.scope == source, scope)
        if topics_but is not None:
            mine = (t.topics.c.scope == source) & t.topics.c.name.not_in(sorted(topics_but))
            _copy(store, connection, t.topics, mine, scope)


def _copy(store: Store, connection: sa.Connection, table: sa.Table, mine: sa.ColumnElement[bool], scope: str) -> None:
    rows = [dict(row) | {"scope": scope} for row in connection.execute(sa.select(table).where(mine)).mappings()]
    store.insert_new(connection, table, rows)


def _time(place: str | None) -> int | None:
    return int(place[:15]) if place else None


def first_place_ms(store: Store, run: str) -> int | None:
    """The event time (ms since the epoch, UTC) at which a run begins; None if it has handled nothing."""
    c = t.outcomes.c
    with store.reading() as connection:
        query = sa.select(c.place).where(c.run == run, c.place.is_not(None)).order_by(c.place).limit(1)
        place = connection.execute(query).scalar()
        begun = read_pruned(connection, run).first_ms
    first = None if place is None else OrderKey.parse(place).time_ms
    return first if begun is None or (first is not None and first < begun) else begun


def stored_versions(store: Store, run: str, *, from_ms_: int, to_ms_: int) -> Iterator[tuple[OrderKey, RawArticle]]:
    """Versions with event times from ``from_ms_`` (in) to ``to_ms_`` (out), in order, as raw articles with their text of then.

    Fields that only the current version's record has (authors, the claimed date, the feed) are taken from there.
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
        query = sa.select(c.stream, c.partition, c.first_offset, c.place).where(c.run == run, t.is_late)
        return {
            (stream, partition, offset): OrderKey.parse(place)
            for stream, partition, offset, place in connection.execute(query)
        }


def held_rejections(store: Store, run: str) -> dict[tuple[str, int, int], RefusedRecord]:
    """(stream's UUID, partition, offset) → how records ended in a run whose rejection a replay takes over.

    Like the places of late records, it takes over rejections by time or memory limits, since these depend on the
    machine, and those of records that were retried after a fix, since the new record has the article now.
    """
    c, r = t.outcomes.c, t.retries.c
    columns = (c.stream, c.partition, c.first_offset, c.item, c.stage, c.reason)
    limited = sa.select(*columns).where(
        c.run == run, t.is_rejected, sa.or_(*(c.reason.startswith(word) for word in BY_LIMIT))
    )
    same = (
        (c.run == r.run) & (c.stream == r.stream) & (c.partition == r.partition) & (c.first_offset == r.record_offset)
    )
    retried = sa.select(*columns).join(t.retries, same).where(c.run == run, t.is_rejected, r.state == APPENDED)
    found: dict[tuple[str, int, int], RefusedRecord] = {}
    with store.reading() as connection:
        for query, whole in ((limited, False), (retried, True)):
            for row in connection.execute(query):
                one = RefusedRecord(row.item, Rejection(row.stage or "", row.reason or ""))
                if whole or one.problem.by_limit:
                    found[row.stream, row.partition, row.first_offset] = one
    return found


def _raw(row: sa.Row[tuple[object, ...]], article: Article) -> RawArticle:
    fields = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    claims = claims_of(article) | {
        "title": str(fields["title"]) or None,
        "published": article.published_at.isoformat() if article.published_at else None,
        "language": str(fields["language"]) if fields["language"] else None,
    }
    return RawArticle(
        url=article.url,
        source=article.source,
        fetched_at=from_ms(int(str(fields["event_ms"]))),
        feed_url=article.feed_url,
        text=str(fields["text"]),
        backfill=bool(fields["backfill"]),
        **claims,
    )
