"""A run's progress in a stream, from its outcomes: contiguous offsets, lost records, a stream that was truncated."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import sqlalchemy as sa

from core.records import OrderKey, Outcome
from core.store import counts
from core.store import tables as t
from core.store.engine import Store
from pipeline.ledger import tables as own
from pipeline.ledger.bundle import write_outcomes
from pipeline.ledger.rows import outcome_row
from pipeline.ledger.slow_lane import delete_beyond, offsets_beyond


def uncovered(first: int, last: int, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of ``first`` to ``last`` that no range covers, in order; all ends are inclusive. Pure."""
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


def pruned_below(connection: sa.Connection, run: str) -> dict[tuple[str, int], int]:
    """(stream, partition) → the offset below which records count as handled although their outcomes may be gone."""
    f = own.contiguous_offsets.c
    query = sa.select(f.stream, f.partition, f.pruned_below).where(f.run == run, f.pruned_below > 0)
    return {(row.stream, row.partition): int(row.pruned_below) for row in connection.execute(query)}


class StreamOffsets:
    """The offsets of one stream in the ledger of a run; see ``RunLedger.offsets``. Raises StoreError.

    Methods that write raise Fenced once another owner has the run (through ``check_owner``, which returns the run's seq).
    """

    def __init__(self, store: Store, run: str, stream: str, check_owner: Callable[[sa.Connection], int]) -> None:
        self._store, self._run, self._stream = store, run, stream
        self._check_owner = check_owner

    def first(self, offered: Mapping[int, int]) -> dict[int, int]:
        """The run's first offset of each partition: stored when first offered, and read from the store afterwards."""
        c = own.run_offsets.c
        rows = [self._row(partition, first_offset=offset) for partition, offset in offered.items()]
        with self._store.writing() as connection:
            self._check_owner(connection)
            self._store.insert_new(connection, own.run_offsets, rows)
            query = sa.select(c.partition, c.first_offset).where(c.run == self._run, c.stream == self._stream)
            return {row.partition: row.first_offset for row in connection.execute(query)}

    def epochs(self) -> dict[int, int]:
        """The newest leader epoch of each partition that the run has read; -1 if unknown."""
        c = own.run_offsets.c
        query = sa.select(c.partition, c.epoch).where(c.run == self._run, c.stream == self._stream)
        with self._store.reading() as connection:
            return {int(row.partition): int(row.epoch) for row in connection.execute(query)}

    def begin_epoch(self, partition: int, epoch: int) -> None:
        """Store that the run reads records of a leader epoch from now on."""
        c = own.run_offsets.c
        mine = (c.run == self._run) & (c.stream == self._stream) & (c.partition == partition)
        with self._store.writing() as connection:
            self._check_owner(connection)
            connection.execute(own.run_offsets.update().where(mine).values(epoch=epoch))

    def known(self) -> dict[int, int]:
        """The run's stored first offset of each partition; empty before the run began in this stream."""
        c = own.run_offsets.c
        query = sa.select(c.partition, c.first_offset).where(c.run == self._run, c.stream == self._stream)
        with self._store.reading() as connection:
            return {int(row.partition): int(row.first_offset) for row in connection.execute(query)}

    def waiting(self, partition: int) -> list[int]:
        """Offsets of a partition's records that wait in the slow lane, ascending."""
        with self._store.reading() as connection:
            return offsets_beyond(connection, self._run, self._stream, partition, 0)

    def contiguous(self, first: Mapping[int, int]) -> dict[int, tuple[int, list[int]]]:
        """For each partition, the lowest offset from ``first`` on without an outcome, and the offsets above it with one.

        A record in the slow lane counts as if it had one: it is not read again.
        """
        found: dict[int, tuple[int, list[int]]] = {}
        c = t.outcomes.c
        with self._store.reading() as connection:
            floors = pruned_below(connection, self._run)
            for partition, start in first.items():
                lowest, beyond = max(start, floors.get((self._stream, partition), 0)), list[int]()
                query = sa.select(c.first_offset, c.last_offset).where(self.reaching(connection, partition, lowest))
                waiting = offsets_beyond(connection, self._run, self._stream, partition, lowest)
                ended = ((int(low), int(high)) for low, high in connection.execute(query.order_by(c.first_offset)))
                for low, high in heapq.merge(ended, ((offset, offset) for offset in waiting)):
                    if low <= lowest:
                        lowest = max(lowest, high + 1)
                    else:
                        beyond.extend(range(low, high + 1))
                found[partition] = (lowest, beyond)
        return found

    def saved(self) -> dict[int, int]:
        """For each partition, an offset below which each record has an outcome, from which ``contiguous`` may begin."""
        c = own.contiguous_offsets.c
        query = sa.select(c.partition, c.next_offset).where(c.run == self._run, c.stream == self._stream)
        with self._store.reading() as connection:
            return {int(row.partition): int(row.next_offset) for row in connection.execute(query)}

    def save(self, positions: Mapping[int, int]) -> None:
        """Save that each record below these offsets has an outcome. A saved offset never decreases."""
        rows = [self._row(partition, next_offset=offset) for partition, offset in sorted(positions.items())]
        with self._store.writing() as connection:
            self._check_owner(connection)
            if rows:
                statement = self._store.insert(own.contiguous_offsets)
                c, new = own.contiguous_offsets.c, statement.excluded
                ahead = sa.case((new.next_offset > c.next_offset, new.next_offset), else_=c.next_offset)
                keys = [column.name for column in own.contiguous_offsets.primary_key]
                connection.execute(
                    statement.on_conflict_do_update(index_elements=keys, set_={"next_offset": ahead}), rows
                )

    def late_keys(self) -> dict[tuple[int, int], OrderKey]:
        """(partition, offset) → effective key of records that came too late; a replay of this run loads them."""
        c = t.outcomes.c
        query = sa.select(c.partition, c.first_offset, c.place)
        with self._store.reading() as connection:
            rows = connection.execute(query.where(c.run == self._run, c.stream == self._stream, t.is_late))
            return {(row.partition, row.first_offset): OrderKey.parse(row.place) for row in rows}

    def newest_handled(self, partition: int, upto: int) -> tuple[int, OrderKey] | None:
        """The highest offset up to ``upto`` whose record was handled in time, with that record's key; None if none was."""
        c = t.outcomes.c
        in_time = self._in(partition) & (c.first_offset <= upto) & c.place.is_not(None) & ~c.late
        query = sa.select(c.first_offset, c.place).where(in_time).order_by(c.first_offset.desc()).limit(1)
        with self._store.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (int(row.first_offset), OrderKey.parse(row.place))

    def highest_handled(self, partition: int) -> int:
        """The highest offset whose record has an outcome; -1 if there is none."""
        c = t.outcomes.c
        query = sa.select(c.first_offset).where(self._in(partition), c.place.is_not(None))
        with self._store.reading() as connection:
            found = connection.execute(query.order_by(c.first_offset.desc()).limit(1)).scalar()
        return -1 if found is None else int(found)

    def record_lost(self, outcomes: Sequence[Outcome]) -> None:
        """Record ranges that retention deleted before they were read, except offsets that have an outcome already.

        Idempotent: recording a range again, or a larger one after a rollback, changes no outcome.
        """
        c, ended = t.outcomes.c, Counter[tuple[str, str]]()
        with self._store.writing() as connection:
            seq = self._check_owner(connection)
            floors = pruned_below(connection, self._run)
            for one in outcomes:
                theirs = sa.select(c.first_offset, c.last_offset).where(
                    self.reaching(connection, one.partition, one.first_offset), c.first_offset <= one.last_offset
                )
                covered = [(low, high) for low, high in connection.execute(theirs)]
                covered.append((0, floors.get((self._stream, one.partition), 0) - 1))
                waiting = offsets_beyond(connection, self._run, self._stream, one.partition, one.first_offset)
                covered += [(offset, offset) for offset in waiting]
                row = outcome_row(one, seq, late=False)
                rows = [
                    row | {"first_offset": low, "last_offset": high}
                    for low, high in uncovered(one.first_offset, one.last_offset, covered)
                ]
                ended.update(write_outcomes(self._store, connection, rows))
            counts.add_counts(self._store, connection, self._run, ended)

    def strike_beyond(self, ends: Mapping[int, int]) -> int:
        """Delete the outcomes of records that the stream has lost at its end; return how many records those were.

        ``ends``: for each partition, the offset of its next record. Outcomes from there on belong to records that were cut
        off; other records will get those offsets. The articles remain: if they arrive again, they are ``unchanged``.
        """
        c, f, o = t.outcomes.c, own.contiguous_offsets.c, own.run_offsets.c
        gone = Counter[tuple[str, str]]()
        with self._store.writing() as connection:
            self._check_owner(connection)
            for partition, end in sorted(ends.items()):
                mine, reaching = self._in(partition), self.reaching(connection, partition, end)
                beyond = sa.select(c.kind, c.first_offset, c.last_offset).where(reaching)
                for kind, low, high in connection.execute(beyond).all():
                    gone[counts.OUTCOMES, kind] += high - max(low, end) + 1
                connection.execute(t.outcomes.delete().where(mine, c.first_offset >= end))
                delete_beyond(connection, self._run, self._stream, partition, end)
                connection.execute(t.outcomes.update().where(reaching).values(last_offset=end - 1))
                ahead = (f.run == self._run) & (f.stream == self._stream) & (f.partition == partition)
                for name in ("next_offset", "pruned_below"):
                    further = own.contiguous_offsets.update().where(ahead, f[name] > end)
                    connection.execute(further.values({name: end}))
                # The remaining records may be of an earlier epoch; the next record read says which.
                read = (o.run == self._run) & (o.stream == self._stream) & (o.partition == partition)
                connection.execute(own.run_offsets.update().where(read).values(epoch=-1))
            counts.add_counts(self._store, connection, self._run, {key: -value for key, value in gone.items()})
        return gone.total()

    def reaching(self, connection: sa.Connection, partition: int, offset: int) -> sa.ColumnElement[bool]:
        """A condition for the outcomes of a partition that cover ``offset`` or come after it, using the primary key.

        ``last_offset`` is in no index, so a condition on it alone would read the whole ledger. Ranges of one partition don't
        overlap: of those that begin before ``offset``, only the last can reach it. It is read first, and not in a subquery,
        because PostgreSQL's planner can't estimate a subquery's result, guesses a third of the table, and reads a large table
        completely.
        """
        c, mine = t.outcomes.c, self._in(partition)
        before = sa.select(c.first_offset).where(mine, c.first_offset <= offset).order_by(c.first_offset.desc())
        begin = connection.execute(before.limit(1)).scalar()
        return mine & (c.first_offset >= (offset if begin is None else begin)) & (c.last_offset >= offset)

    def _row(self, partition: int, **offset: int) -> dict[str, object]:
        return {"run": self._run, "stream": self._stream, "partition": partition, **offset}

    def _in(self, partition: int) -> sa.ColumnElement[bool]:
        c = t.outcomes.c
        return (c.run == self._run) & (c.stream == self._stream) & (c.partition == partition)
