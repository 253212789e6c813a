"""Retries of rejected records: requested by a person, appended again by the connectors.

After the fault is fixed, a raw record is appended to the raw stream a second time, with a header that names the old
position (``core.streams.headers.RETRY_OF``). The new record has its own outcome; the old outcome stays, also in a
replay (``pipeline.replay.runs.held_rejections``). A record that failed ``MOST_FAILURES`` times is not retried.

A retry passes through states: ``asked``; ``begun`` (the append may have happened); ``appended`` (the new position is
known); ``gone`` (the stream no longer has the record, or does not accept it).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from core.errors import NotFound
from core.records import Outcome, Position
from core.records.canary import PREFIX
from core.store import tables as t
from core.store.engine import Store, chunks
from core.store.results import outcome_of
from core.store.tables import retries
from core.store.takedowns import STAGE as TAKEDOWN

MOST_FAILURES = 3
ASKED, BEGUN, APPENDED, GONE = "asked", "begun", "appended", "gone"
READY, STAYS = "", "stays"
PAGE = 500
_MOST_CHARS = 40
_NO_LETTERS = re.compile("[^a-z]+")


def kind_of(stage: str | None, reason: str | None) -> str:
    """The kind of a rejection, for counts: its reason without details of the record or, for takedowns, a person's words."""
    if stage == TAKEDOWN:
        return TAKEDOWN
    kind = _NO_LETTERS.sub("_", (reason or "").partition(":")[0].lower()).strip("_")
    return kind[:_MOST_CHARS] or "other"


class Wanted(NamedTuple):
    """A selection of rejections. ``reason``: as stored, or its kind. ``since_ms``: event time."""

    stage: str = ""
    reason: str = ""
    since_ms: int = 0


class RejectedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rejection and its retry. ``failures``: how often the record has been rejected, retries included.

    ``state``: empty if it can be retried, the state of its retry, or ``stays`` (for the reason in ``why``).
    ``retry_of``: the position that it is a retry of. ``new``: the position of its own retry.
    """

    outcome: Outcome
    failures: int = 1
    state: str = READY
    why: str = ""
    retry_of: Position | None = None
    new: Position | None = None

    @property
    def position(self) -> Position:
        """The record's position."""
        one = self.outcome
        return Position(run=one.run, stream=one.stream, partition=one.partition, offset=one.first_offset)


class Retry(NamedTuple):
    """A retry in progress. ``partition`` and ``since``: where to look for the new record."""

    position: Position
    state: str
    partition: int | None
    since: int | None


class Rejections:
    """The rejections of a run, and requests for retries. Canaries are left out. Raises StoreError."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run

    def listing(self, wanted: Wanted, limit: int = 0) -> Iterator[RejectedRecord]:
        """The rejections, newest first, read page by page; at most ``limit`` (0: all)."""
        c, given, after = t.outcomes.c, 0, None
        # In the order of storing, for which there is an index.
        columns = (c.seq, c.place, c.stream, c.partition, c.first_offset)
        while True:
            query = sa.select(t.outcomes).where(self._meant(wanted)).order_by(*(one.desc() for one in columns))
            if after is not None:
                query = query.where(sa.tuple_(*columns) < sa.tuple_(*after))
            with self._store.reading() as connection:
                rows = connection.execute(query.limit(PAGE)).all()
                found = self._with_retries(connection, [outcome_of(row) for row in rows])
            for one in found:
                if wanted.reason and wanted.reason not in (
                    one.outcome.reason,
                    kind_of(one.outcome.stage, one.outcome.reason),
                ):
                    continue
                yield one
                given += 1
                if given == limit:
                    return
            if len(rows) < PAGE:
                return
            last = rows[-1]
            after = (last.seq, last.place, last.stream, last.partition, last.first_offset)

    def one(self, where: str) -> RejectedRecord:
        """The rejection at ``[run/][stream/]partition/offset``. Raises NotFound if there is none or more than one."""
        parts = where.split("/")
        if not 2 <= len(parts) <= 4 or not all(
            part.isascii() and part.isdigit() and len(part) < 19 for part in parts[-2:]
        ):
            raise NotFound(f"{where}: not a position", hint="write it as wirewatch rejected list shows it")
        c = t.outcomes.c
        query = sa.select(t.outcomes).where(
            self._meant(Wanted()), c.partition == int(parts[-2]), c.first_offset == int(parts[-1])
        )
        if len(parts) > 2:
            query = query.where(c.stream == parts[-3])
        with self._store.reading() as connection:
            rows = connection.execute(query.limit(2)).all()
            found = self._with_retries(connection, [outcome_of(row) for row in rows])
        if len(found) != 1 or (len(parts) == 4 and parts[0] != self._run):
            problem = "several streams have a rejection there" if len(found) > 1 else "there is no rejected record"
            raise NotFound(f"{where}: {problem}", hint="wirewatch rejected list shows them")
        return found[0]

    def counts(self) -> Counter[tuple[str, str]]:
        """Numbers of rejections by stage and kind of reason."""
        c = t.outcomes.c
        query = sa.select(c.stage, c.reason, sa.func.count().label("records")).where(self._meant(Wanted()))
        found: Counter[tuple[str, str]] = Counter()
        with self._store.reading() as connection:
            for row in connection.execute(query.group_by(c.stage, c.reason)):
                found[row.stage or "", kind_of(row.stage, row.reason)] += row.records
        return found

    def ask(self, chosen: Sequence[RejectedRecord], *, by: str, now_ms: int) -> int:
        """Request retries of records; returns how many are new requests. Records that can't be retried are skipped."""
        rows = [
            {
                "run": self._run,
                "stream": one.position.stream,
                "partition": one.position.partition,
                "record_offset": one.position.offset,
                "state": ASKED,
                "failures": one.failures,
                "asked_ms": now_ms,
                "asked_by": by,
            }
            for one in chosen
            if one.state == READY
        ]
        if not rows:
            return 0
        with self._store.writing() as connection:
            before = self._asked(connection)
            self._store.insert_new(connection, retries, rows)
            return self._asked(connection) - before

    def _asked(self, connection: sa.Connection) -> int:
        query = sa.select(sa.func.count()).select_from(retries).where(retries.c.run == self._run)
        return int(connection.execute(query).scalar_one())

    def _meant(self, wanted: Wanted) -> sa.ColumnElement[bool]:
        c = t.outcomes.c
        found = sa.and_(c.run == self._run, t.is_rejected, c.place.is_not(None), ~c.item.startswith(PREFIX))
        if wanted.stage:
            found &= c.stage == wanted.stage
        if wanted.since_ms:
            found &= c.place >= f"{wanted.since_ms:015d}"
        return found

    def _with_retries(self, connection: sa.Connection, outcomes: Sequence[Outcome]) -> list[RejectedRecord]:
        c = retries.c
        rows: dict[tuple[str, int, int], sa.Row[Any]] = {}
        origins: dict[tuple[str, int, int], sa.Row[Any]] = {}
        for part in chunks(sorted({one.first_offset for one in outcomes})):
            # Only by offset: there are few streams and partitions.
            for row in connection.execute(sa.select(retries).where(c.run == self._run, c.record_offset.in_(part))):
                rows[row.stream, row.partition, row.record_offset] = row
            new = sa.select(retries).where(c.run == self._run, c.state == APPENDED, c.new_offset.in_(part))
            for row in connection.execute(new):
                origins[row.stream, row.new_partition, row.new_offset] = row
        return [
            self._judged(one, rows.get(place), origins.get(place))
            for one in outcomes
            for place in [(one.stream, one.partition, one.first_offset)]
        ]

    def _judged(self, one: Outcome, row: sa.Row[Any] | None, origin: sa.Row[Any] | None) -> RejectedRecord:
        failures = 1 if origin is None else int(origin.failures) + 1
        retry_of = None if origin is None else _old(origin)
        found = RejectedRecord(outcome=one, failures=failures, retry_of=retry_of)
        if row is not None:
            new = _new(row) if row.state == APPENDED else None
            return msgspec.structs.replace(found, state=row.state, why=row.problem or "", new=new)
        if one.stage == TAKEDOWN:
            return msgspec.structs.replace(found, state=STAYS, why="the article was taken down")
        if failures >= MOST_FAILURES:
            return msgspec.structs.replace(found, state=STAYS, why=f"it failed {failures} times")
        return found


class Retries:
    """The retries for the connectors to append. Raises StoreError."""

    def __init__(self, store: Store, run: str) -> None:
        self._store, self._run = store, run

    def due(self, limit: int) -> list[Retry]:
        """The requested and begun retries: begun ones first, then in the order of positions."""
        c = retries.c
        query = sa.select(retries).where(c.run == self._run, c.state.in_((ASKED, BEGUN)))
        query = query.order_by(c.state.desc(), c.stream, c.partition, c.record_offset).limit(limit)
        with self._store.reading() as connection:
            return [
                Retry(_old(row), row.state, row.new_partition, row.since_offset) for row in connection.execute(query)
            ]

    def begin(self, placed: Mapping[Position, tuple[int, int]]) -> None:
        """Note before an append: position → the new record's partition, and its end offset."""
        self._note({one: {"state": BEGUN, "new_partition": p, "since_offset": end} for one, (p, end) in placed.items()})

    def appended(self, placed: Mapping[Position, tuple[int, int]]) -> None:
        """Note where the new records are: position → partition and offset."""
        self._note({one: {"state": APPENDED, "new_partition": p, "new_offset": at} for one, (p, at) in placed.items()})

    def gone(self, problems: Mapping[Position, str]) -> None:
        """Note which records can't be appended again, and why."""
        self._note({one: {"state": GONE, "problem": words} for one, words in problems.items()})

    def _note(self, values: Mapping[Position, Mapping[str, object]]) -> None:
        if not values:
            return
        c = retries.c
        with self._store.writing() as connection:
            for one, given in values.items():
                mine = (c.run == self._run) & (c.stream == one.stream) & (c.partition == one.partition)
                mine &= (c.record_offset == one.offset) & c.state.in_((ASKED, BEGUN))
                connection.execute(retries.update().where(mine).values(**given))


def _old(row: sa.Row[Any]) -> Position:
    return Position(run=row.run, stream=row.stream, partition=row.partition, offset=row.record_offset)


def _new(row: sa.Row[Any]) -> Position:
    return Position(run=row.run, stream=row.stream, partition=row.new_partition, offset=row.new_offset)
