"""The rows of records that have left the order: written and deleted in the transactions of bundles, processed in between.

A row lasts from the transaction that postponed its record to the one that stores its outcome, so a record is always in exactly
one place: on the stream, in this table, or among the outcomes. A draft that another version wrote is not used: its record is
prepared again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records import OrderKey, Position
from core.store.engine import Store, chunks
from pipeline.elements import Draft
from pipeline.ledger import tables as own
from pipeline.order.slow_lane import WaitingRecord
from pipeline.versions import VERSION

# How many records of one outlet are read, so that other outlets don't wait for all of its records.
OF_AN_OUTLET = 20
LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Returning:
    """A finished record that returns to the order: its own key, and its draft as JSON."""

    position: Position
    key: OrderKey
    draft: bytes


def read_waiting(
    connection: sa.Connection, run: str, articles: Collection[str], positions: Iterable[Position]
) -> tuple[dict[str, list[Position]], set[Position]]:
    """The waiting positions of each of these articles, in the order in which they left, and those among ``positions``."""
    c = own.slow_lane.c
    if connection.execute(sa.select(c.run).where(c.run == run).limit(1)).first() is None:
        return {}, set()
    found: dict[str, list[Position]] = {}
    for part in chunks(sorted(articles)):
        query = sa.select(own.slow_lane).where(c.run == run, c.article.in_(part)).order_by(c.seq, c.place)
        for row in connection.execute(query):
            found.setdefault(row.article, []).append(_position(row))
    there: set[Position] = set()
    for position in positions:
        query = sa.select(c.run).where(_at(position))
        if connection.execute(query).first() is not None:
            there.add(position)
    return found, there


def write_left(store: Store, connection: sa.Connection, later: Sequence[Draft], seq: int) -> None:
    """Add records that leave the order, in the caller's transaction. Does not change a record that waits already."""
    rows = []
    for draft in later:
        position, why = draft.position, draft.postponed
        if why is None:
            raise ValueError(f"{position} does not leave the order")
        finished = draft.article is not None or draft.problem is not None
        rows.append(
            {
                "run": position.run,
                "stream": position.stream,
                "partition": position.partition,
                "record_offset": position.offset,
                "article": draft.key.article,
                "outlet": why.outlet,
                "why": why.why,
                "place": draft.key.sortable(),
                "seq": seq,
                "tries": 0,
                "draft": _json(draft) if finished else None,
                "made_by": VERSION if finished else None,
            }
        )
    store.insert_new(connection, own.slow_lane, rows)


def delete_back(connection: sa.Connection, positions: Iterable[Position]) -> None:
    """Delete the rows of returned records, in the transaction that stores their outcomes."""
    for position in positions:
        connection.execute(own.slow_lane.delete().where(_at(position)))


def forget_drafts(connection: sa.Connection, run: str, articles: Collection[str]) -> None:
    """Delete the drafts of these articles' waiting records, so that they are prepared again, in the caller's transaction."""
    c = own.slow_lane.c
    for part in chunks(sorted(articles)):
        mine = (c.run == run) & c.article.in_(part)
        connection.execute(own.slow_lane.update().where(mine).values(draft=None, made_by=None))


class SlowLaneQueue:
    """The slow lane of one run. Raises StoreError.

    Methods that write raise Fenced once another owner has the run (``check_owner`` does).
    """

    def __init__(self, store: Store, run: str, check_owner: Callable[[sa.Connection], int]) -> None:
        self._store, self._run, self._check_owner = store, run, check_owner

    def waiting(self) -> list[WaitingRecord]:
        """Records to begin, in the order in which they left; only the first ones of each outlet."""
        c = own.slow_lane.c
        rank = sa.func.row_number().over(partition_by=c.outlet, order_by=(c.seq, c.place)).label("rank")
        ranked = sa.select(own.slow_lane, rank).where(c.run == self._run, self._first()).subquery()
        r = ranked.c
        query = (
            sa.select(r.run, r.stream, r.partition, r.record_offset, r.article, r.outlet, r.seq, r.place, r.tries)
            .where(r.draft.is_(None) | (r.made_by != VERSION), r.rank <= OF_AN_OUTLET)
            .order_by(r.seq, r.place)
            .limit(LOOKED_AT)
        )
        with self._store.reading() as connection:
            return [
                WaitingRecord(_position(row), row.article, row.outlet, (row.seq, row.place), row.tries)
                for row in connection.execute(query)
            ]

    def begin(self, positions: Sequence[Position]) -> None:
        """Record that these are begun, which remains stored if the process dies."""
        self._add_tries(positions, 1)

    def give_back(self, positions: Sequence[Position]) -> None:
        """Record that an orderly shutdown interrupted these, so that they are not blamed."""
        self._add_tries(positions, -1)

    def finish(self, position: Position, draft: Draft) -> None:
        """Store a record's draft until it has returned to the order."""
        self._write([own.slow_lane.update().where(_at(position)).values(draft=_json(draft), made_by=VERSION)])

    def returning(self, limit: int, *, but: Collection[Position] = ()) -> list[Returning]:
        """Up to ``limit`` finished records, in the order in which they left, without those in ``but``."""
        c = own.slow_lane.c
        query = (
            sa.select(own.slow_lane)
            .where(c.run == self._run, c.draft.is_not(None), c.made_by == VERSION, self._first())
            .order_by(c.seq, c.place)
            .limit(limit + len(but))
        )
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        found = [Returning(_position(row), OrderKey.parse(row.place), row.draft.encode()) for row in rows]
        return [one for one in found if one.position not in but][:limit]

    def leave_other_streams(self, stream: str) -> None:
        """Delete waiting records of streams other than this one (UUID), which are gone and whose records are in this one."""
        c = own.slow_lane.c
        with self._store.writing() as connection:
            self._check_owner(connection)
            connection.execute(own.slow_lane.delete().where(c.run == self._run, c.stream != stream))

    def empty(self) -> bool:
        """Whether no record is outside the order."""
        return count_waiting(self._store, self._run)[0] == 0

    def _first(self) -> sa.ColumnElement[bool]:
        """A condition: no earlier record of the same article waits."""
        c, e = own.slow_lane.c, own.slow_lane.alias().c
        earlier = sa.tuple_(e.seq, e.place) < sa.tuple_(c.seq, c.place)
        return ~sa.select(e.run).where(e.run == c.run, e.article == c.article, earlier).exists()

    def _add_tries(self, positions: Sequence[Position], more: int) -> None:
        tries = own.slow_lane.c.tries + more
        self._write([own.slow_lane.update().where(_at(position)).values(tries=tries) for position in positions])

    def _write(self, statements: Sequence[sa.Update]) -> None:
        if statements:
            with self._store.writing() as connection:
                self._check_owner(connection)
                for statement in statements:
                    connection.execute(statement)


def count_waiting(store: Store, run: str) -> tuple[int, int | None]:
    """How many records of a run wait in the slow lane, and the event time (ms) of the earliest; None if none does."""
    c = own.slow_lane.c
    query = sa.select(sa.func.count(), sa.func.min(c.place)).where(c.run == run)
    with store.reading() as connection:
        count, place = connection.execute(query).one()
    return int(count), OrderKey.parse(place).time_ms if place else None


def offsets_beyond(connection: sa.Connection, run: str, stream: str, partition: int, offset: int) -> list[int]:
    """Offsets of a partition's waiting records from ``offset`` on, ascending."""
    c = own.slow_lane.c
    mine = _beyond(run, stream, partition, offset)
    return list(connection.execute(sa.select(c.record_offset).where(mine).order_by(c.record_offset)).scalars())


def delete_beyond(connection: sa.Connection, run: str, stream: str, partition: int, offset: int) -> None:
    """Delete the rows of records from ``offset`` on, which the stream has lost."""
    connection.execute(own.slow_lane.delete().where(_beyond(run, stream, partition, offset)))


def _beyond(run: str, stream: str, partition: int, offset: int) -> sa.ColumnElement[bool]:
    c = own.slow_lane.c
    return (c.run == run) & (c.stream == stream) & (c.partition == partition) & (c.record_offset >= offset)


def _position(row: Any) -> Position:
    return Position(run=row.run, stream=row.stream, partition=row.partition, offset=row.record_offset)


def _at(position: Position) -> sa.ColumnElement[bool]:
    c = own.slow_lane.c
    return (
        (c.run == position.run)
        & (c.stream == position.stream)
        & (c.partition == position.partition)
        & (c.record_offset == position.offset)
    )


def _json(draft: Draft) -> str:
    return msgspec.json.encode(msgspec.structs.replace(draft, postponed=None)).decode()
