"""Runs as things to list and drop, and what a replay remembers of itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from core.store import tables as t
from core.store.engine import Store
from pipeline.ledger import tables as h
from pipeline.ledger.base import stored_under

LIVE, QUIET = "live", "quiet"
RUNNING, STOPPED, FINISHED = "running", "stopped", "finished"
# Rows deleted in one transaction: SQLite's other writers wait meanwhile.
DROP_ROWS = 2_000


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay's row. Times are milliseconds since the epoch, UTC; ``from_ms`` (in) to ``to_ms`` (out) of event time.

    ``base``: the run whose memory it begins with. ``no_claim``: why its results may differ from the base's; None where
    they are equal. ``done`` of ``total`` records were handled (``total`` None: not known).
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
    """One run in a list. ``first_ms`` and ``last_ms``: event times of its current articles, None where it has none."""

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
    """The rows of replays."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, name: str) -> Replay | None:
        """The replay of this name."""
        with self.store.reading() as connection:
            row = connection.execute(sa.select(h.replays).where(h.replays.c.name == name)).mappings().one_or_none()
        return None if row is None else Replay(**row)

    def put(self, replay: Replay) -> None:
        """Store the row, whatever was there."""
        with self.store.writing() as connection:
            self.store.upsert(connection, h.replays, [msgspec.structs.asdict(replay)])

    def note(self, name: str, **values: Any) -> None:
        """Change some columns: ``state``, ``done``, ``total``, ``finished_ms``."""
        with self.store.writing() as connection:
            connection.execute(h.replays.update().where(h.replays.c.name == name).values(**values))


def list_runs(store: Store) -> list[RunSummary]:
    """All runs, oldest first, with how much each holds."""
    with store.reading() as connection:
        replays = {row["name"]: Replay(**row) for row in connection.execute(sa.select(h.replays)).mappings()}
        counts: dict[str, dict[str, int]] = {}
        for table in (t.articles, t.alerts, t.stories):
            rows_of = connection.execute(sa.select(table.c.run, sa.func.count()).group_by(table.c.run))
            counts[table.name] = {run: int(count) for run, count in rows_of}
        place = t.articles.c.place
        spans = connection.execute(sa.select(t.articles.c.run, sa.func.min(place), sa.func.max(place)).group_by("run"))
        times = {run: (_time(first), _time(last)) for run, first, last in spans}
        c = t.outcomes.c
        size = sa.func.sum(c.last_offset - c.first_offset + 1)
        outcomes: dict[str, dict[str, int]] = {}
        for run, kind, count in connection.execute(sa.select(c.run, c.kind, size).group_by(c.run, c.kind)):
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
            replay=replays.get(row.name),
        )
        for row in rows
    ]


def run_names(store: Store) -> dict[str, str]:
    """Name → kind of all runs: ``live``; ``quiet``, a continuous one that tells nobody; ``replay``."""
    with store.reading() as connection:
        return {row.name: row.kind for row in connection.execute(sa.select(t.runs.c.name, t.runs.c.kind))}


def begin_telling(store: Store, run: str) -> None:
    """A quiet run's results go out from now on."""
    with store.writing() as connection:
        connection.execute(t.runs.update().where(t.runs.c.name == run, t.runs.c.kind == QUIET).values(kind=LIVE))


def drop_run(store: Store, run: str, schema: sa.MetaData) -> Iterator[int]:
    """Delete a run with all that it holds, its own queries too; yields how many rows went with each step.

    ``schema``: all tables of the store (``wirewatch.schema``), since other packages have tables with rows of a run too.
    First its owner, so that whoever still writes it is fenced. Stopping half-way leaves a run that can be dropped again.
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
        connection.execute(h.replays.delete().where(h.replays.c.name == run))
        connection.execute(t.runs.delete().where(t.runs.c.name == run))


def _of_a_run(schema: sa.MetaData) -> list[tuple[sa.Table, sa.Column[Any]]]:
    """Every table of the store with a run's or a scope's name in it, whichever package owns it."""
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
    """Give a scope the queries of another, every version with the time from which it holds. Doing it again changes nothing.

    ``topics_but``: all topics but these; None: no topics.
    """
    with store.writing() as connection:
        if subscriptions:
            _copy(store, connection, t.subscriptions, t.subscriptions.c.scope == source, scope)
        if topics_but is not None:
            mine = (t.topics.c.scope == source) & t.topics.c.name.not_in(sorted(topics_but))
            _copy(store, connection, t.topics, mine, scope)


def _copy(store: Store, connection: sa.Connection, table: sa.Table, mine: sa.ColumnElement[bool], scope: str) -> None:
    rows = [dict(row) | {"scope": scope} for row in connection.execute(sa.select(table).where(mine)).mappings()]
    store.insert_new(connection, table, rows)


def _time(place: str | None) -> int | None:
    return int(place[:15]) if place else None
