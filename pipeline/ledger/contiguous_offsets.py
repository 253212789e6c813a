"""How far a run is in a stream, by its outcomes: where each partition has all, what was lost, what came back shorter.

All functions work in the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from core.records import OrderKey, Outcome
from core.store import counts
from core.store import tables as t
from core.store.engine import Store
from core.store.tables import contiguous_offsets
from pipeline.ledger.rows import outcome_row
from pipeline.ledger.writing import write_outcomes


def uncovered(first: int, last: int, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of ``first`` to ``last`` (both in) that none of the ranges (both ends in) covers, in order. Pure."""
    left: list[tuple[int, int]] = []
    begin = first
    for low, high in sorted(ranges):
        if begin > last:
            break
        if low > begin:
            left.append((begin, min(low - 1, last)))
        begin = max(begin, high + 1)
    if begin <= last:
        left.append((begin, last))
    return left


def read_contiguous_offsets(
    connection: sa.Connection, run: str, stream: str, first: Mapping[int, int]
) -> dict[int, tuple[int, list[int]]]:
    """As ``RunLedger.contiguous_offsets``."""
    found: dict[int, tuple[int, list[int]]] = {}
    c = t.outcomes.c
    for partition, start in first.items():
        lowest, beyond = start, list[int]()
        query = sa.select(c.first_offset, c.last_offset).where(
            _in_partition(run, stream, partition), c.last_offset >= start
        )
        for low, high in connection.execute(query.order_by(c.first_offset)):
            if low <= lowest:
                lowest = max(lowest, high + 1)
            else:
                beyond.extend(range(low, high + 1))
        found[partition] = (lowest, beyond)
    return found


def write_lost(store: Store, connection: sa.Connection, outcomes: Sequence[Outcome], seq: int) -> counts.Counts:
    """As ``RunLedger.record_lost``. Returns how many records were lost that had no outcome until now."""
    ended: counts.Counts = Counter()
    c = t.outcomes.c
    for one in outcomes:
        theirs = sa.select(c.first_offset, c.last_offset).where(
            _in_partition(one.run, one.stream, one.partition),
            c.first_offset <= one.last_offset,
            c.last_offset >= one.first_offset,
        )
        known = [(low, high) for low, high in connection.execute(theirs)]
        row = outcome_row(one, seq, late=False)
        rows = [
            row | {"first_offset": low, "last_offset": high}
            for low, high in uncovered(one.first_offset, one.last_offset, known)
        ]
        ended.update(write_outcomes(store, connection, rows))
    return ended


def newest_handled(
    connection: sa.Connection, run: str, stream: str, partition: int, upto: int
) -> tuple[int, OrderKey] | None:
    """As ``RunLedger.newest_handled``."""
    c = t.outcomes.c
    own = _in_partition(run, stream, partition) & (c.first_offset <= upto) & c.place.is_not(None) & ~c.late
    row = connection.execute(
        sa.select(c.first_offset, c.place).where(own).order_by(c.first_offset.desc()).limit(1)
    ).one_or_none()
    return None if row is None else (int(row.first_offset), OrderKey.parse(row.place))


def strike_beyond(store: Store, connection: sa.Connection, run: str, stream: str, ends: Mapping[int, int]) -> int:
    """Strike the outcomes of records that the stream doesn't hold any more at its end; how many records those were.

    ``ends``: for each partition the offset that its next record gets. What has an outcome from there on was cut off, and other
    records will come at those offsets. The articles stay: what comes again of them is ``unchanged``.
    """
    c, gone = t.outcomes.c, Counter[tuple[str, str]]()
    for partition, end in sorted(ends.items()):
        mine = _in_partition(run, stream, partition)
        rows = connection.execute(sa.select(c.kind, c.first_offset, c.last_offset).where(mine, c.last_offset >= end))
        for kind, low, high in rows.all():
            gone[counts.OUTCOMES, kind] += high - max(low, end) + 1
        connection.execute(t.outcomes.delete().where(mine, c.first_offset >= end))
        connection.execute(t.outcomes.update().where(mine, c.last_offset >= end).values(last_offset=end - 1))
        f = contiguous_offsets.c
        ahead = (f.run == run) & (f.stream == stream) & (f.partition == partition) & (f.next_offset > end)
        connection.execute(contiguous_offsets.update().where(ahead).values(next_offset=end))
    counts.add_counts(store, connection, run, {key: -value for key, value in gone.items()})
    return gone.total()


def _in_partition(run: str, stream: str, partition: int) -> sa.ColumnElement[bool]:
    c = t.outcomes.c
    return (c.run == run) & (c.stream == stream) & (c.partition == partition)
