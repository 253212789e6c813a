"""The ledger of a run: what was handled, by whom, and the one transaction that records more (DESIGN section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa

from pipeline.clock import wall_ms
from pipeline.errors import Fenced, StoreError
from pipeline.records import Alert, OrderKey, Outcome, OutcomeKind, Position
from pipeline.store import counts
from pipeline.store import tables as t
from pipeline.store.engine import Store
from pipeline.store.history_base import Base, known
from pipeline.store.memory import write_facts
from pipeline.store.outbox import OutboxRow
from pipeline.store.rows import chunks, entry, outcome_row
from pipeline.store.writing import write_bundle, write_outcomes
from pipeline.stories.index import Entry
from pipeline.stories.memory import StoryFacts
from pipeline.stories.stage import Told

UNOWNED = ""


class Stale(StoreError):
    """Another worker of this run has written since the bundle was begun: begin it anew."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A run's row: ``seq`` rises by one with every sink transaction, ``last_key`` is the last place given."""

    name: str
    owner: str
    epoch: int
    seq: int
    last_key: OrderKey | None


@dataclass(frozen=True, slots=True)
class BundleContext:
    """What the story stage must know before it handles a bundle. ``texts``: (title, text) of each article's latest version.

    ``entries``: index entries newer than the seq asked for.
    """

    state: RunState
    done: dict[Position, None] = field(default_factory=dict)
    histories: dict[str, list[Entry]] = field(default_factory=dict)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)


class RunLedger:
    """Reads and writes one run on behalf of one owner. Raises Fenced once another owner has taken the run.

    ``clock_ms`` (wall clock, ms) stamps when a transaction was stored; no result depends on it. ``base``: what a partial
    replay is seeded from; it is only read.
    """

    def __init__(
        self, store: Store, run: str, owner: str, clock_ms: Callable[[], int] = wall_ms, base: Base | None = None
    ) -> None:
        self.store, self.run, self.owner = store, run, owner
        self._clock_ms, self._base = clock_ms, base

    def take(self, *, kind: str, now_ms: int, spec: str = "{}") -> RunState:
        """Make the run or take it over: earlier owners are fenced from now on, a new epoch begins (from 1)."""
        with self.store.writing() as connection:
            row = {"name": self.run, "kind": kind, "owner": self.owner, "epoch": 0, "seq": 0}
            self.store.insert_new(connection, t.runs, [row | {"spec": spec, "created_ms": now_ms}])
            connection.execute(
                t.runs.update().where(t.runs.c.name == self.run).values(owner=self.owner, epoch=t.runs.c.epoch + 1)
            )
            return self._state(connection)

    def begin(
        self, positions: Sequence[Position], articles: Iterable[str], *, since_seq: int, since_ms: int
    ) -> BundleContext:
        """What the bundle with these positions and article ids must know, in one state of the store.

        ``since_seq``: the index holds everything up to there (-1: nothing yet; then entries from ``since_ms`` on come).
        """
        with self.store.reading() as connection:
            state = self._state(connection)
            done = self._done(connection, positions)
            histories: dict[str, list[Entry]] = {}
            texts: dict[str, tuple[str, str]] = {}
            for part in chunks(sorted(set(articles))):
                for mine in known(self.run, self._base, t.versions):
                    query = sa.select(t.versions).where(mine, t.versions.c.article.in_(part))
                    for row in connection.execute(query.order_by(t.versions.c.version)):
                        histories.setdefault(row.article, []).append(entry(row))
                        texts[row.article] = (row.title, row.text)
            entries: list[Entry] = []
            # An index that holds anything has all of the base, which does not change.
            for mine in known(self.run, self._base if since_seq < 0 else None, t.versions):
                newer = sa.select(t.versions).where(mine, t.versions.c.event_ms >= since_ms)
                if since_seq >= 0:
                    newer = newer.where(t.versions.c.seq > since_seq)
                if state.seq > since_seq:
                    entries += map(entry, connection.execute(newer))
            return BundleContext(state, done, histories, texts, entries)

    def commit(
        self,
        state: RunState,
        told: Sequence[Told],
        alerts: Sequence[Alert],
        *,
        last_key: OrderKey | None,
        publish: bool,
        handled: int = -1,
        gauges: Mapping[str, int] | None = None,
        facts: Mapping[str, StoryFacts] | None = None,
    ) -> int:
        """Record a bundle in one transaction and return the new seq. ``handled``: the highest number of the epoch in it.

        ``gauges``: figures of the stage, such as the size of its index. ``facts``: what stories have told by now, by story.

        Raises Stale, writing nothing, where somebody else has written since ``state`` was read, Fenced where the run has
        another owner. ``publish``: also put the records into the outbox, for the output streams.
        """
        seq = state.seq + 1
        with self.store.writing() as connection:
            self._advance(connection, state, seq, last_key)
            stored_ms = self._clock_ms()
            stamp = {"run": self.run, "seq": seq, "stored_ms": stored_ms, "epoch": state.epoch}
            connection.execute(t.commits.insert(), stamp | {"handled": handled})
            rows = write_bundle(
                self.store,
                connection,
                self.run,
                told,
                alerts,
                seq=seq,
                stored_ms=stored_ms,
                gauges=gauges or {},
            )
            if facts:
                write_facts(self.store, connection, self.run, facts)
            if publish:
                self._enqueue(connection, rows)
        return seq

    def ask_for_restart(self) -> None:
        """Give the run up: this owner is fenced from now on, and its driver starts anew from the ledger."""
        with self.store.writing() as connection:
            mine = (t.runs.c.name == self.run) & (t.runs.c.owner == self.owner)
            connection.execute(t.runs.update().where(mine).values(owner=UNOWNED))

    def owner_now(self) -> str:
        """Who owns the run: this owner, another, or ``UNOWNED`` where a worker asked for a new start."""
        with self.store.reading() as connection:
            return str(
                connection.execute(sa.select(t.runs.c.owner).where(t.runs.c.name == self.run)).scalar() or UNOWNED
            )

    def handled(self, epoch: int) -> int:
        """The highest number of an epoch that was handled; -1 where none was."""
        query = sa.select(sa.func.max(t.commits.c.handled)).where(
            t.commits.c.run == self.run, t.commits.c.epoch == epoch
        )
        with self.store.reading() as connection:
            found = connection.execute(query).scalar()
            return -1 if found is None else int(found)

    def record_lost(self, state: RunState, outcomes: Sequence[Outcome]) -> None:
        """Record ranges that retention deleted before they were read. Recording them again changes nothing."""
        with self.store.writing() as connection:
            self._check_owner(connection)
            rows = [outcome_row(outcome, state.seq, late=False) for outcome in outcomes]
            ended = write_outcomes(self.store, connection, rows)
            counts.add_counts(self.store, connection, self.run, ended)

    def first_offsets(self, stream: str, offered: Mapping[int, int]) -> dict[int, int]:
        """The run's first offset of each partition: stored on first sight, the stored one ever after."""
        with self.store.writing() as connection:
            self._check_owner(connection)
            rows = [
                {"run": self.run, "stream": stream, "partition": partition, "first_offset": offset}
                for partition, offset in offered.items()
            ]
            self.store.insert_new(connection, t.run_offsets, rows)
            query = sa.select(t.run_offsets.c.partition, t.run_offsets.c.first_offset).where(
                t.run_offsets.c.run == self.run, t.run_offsets.c.stream == stream
            )
            return {row.partition: row.first_offset for row in connection.execute(query)}

    def frontier(self, stream: str, first: Mapping[int, int]) -> dict[int, tuple[int, list[int]]]:
        """For each partition the lowest offset without an outcome, and the offsets above it that have one."""
        found: dict[int, tuple[int, list[int]]] = {}
        columns = (t.outcomes.c.first_offset, t.outcomes.c.last_offset)
        with self.store.reading() as connection:
            for partition, start in first.items():
                lowest = start
                beyond: list[int] = []
                query = (
                    sa.select(*columns)
                    .where(
                        t.outcomes.c.run == self.run,
                        t.outcomes.c.stream == stream,
                        t.outcomes.c.partition == partition,
                        t.outcomes.c.last_offset >= start,
                    )
                    .order_by(t.outcomes.c.first_offset)
                )
                for low, high in connection.execute(query):
                    if low <= lowest:
                        lowest = max(lowest, high + 1)
                    else:
                        beyond.extend(range(low, high + 1))
                found[partition] = (lowest, beyond)
        return found

    def saved_frontier(self, stream: str) -> dict[int, int]:
        """For each partition an offset below which each record has an outcome: where ``frontier`` may begin to look."""
        with self.store.reading() as connection:
            return counts.read_frontier(connection, self.run, stream)

    def save_frontier(self, stream: str, positions: Mapping[int, int]) -> None:
        """Save that each record below these offsets has an outcome. It never steps back."""
        with self.store.writing() as connection:
            self._check_owner(connection)
            counts.save_frontier(self.store, connection, self.run, stream, positions)

    def late_keys(self, stream: str) -> dict[tuple[int, int], OrderKey]:
        """(partition, offset) → effective key of the records that came too late: a replay of this run loads them."""
        query = sa.select(t.outcomes.c.partition, t.outcomes.c.first_offset, t.outcomes.c.place).where(
            t.outcomes.c.run == self.run, t.outcomes.c.stream == stream, t.outcomes.c.late
        )
        with self.store.reading() as connection:
            return {(row.partition, row.first_offset): OrderKey.parse(row.place) for row in connection.execute(query)}

    def _state(self, connection: sa.Connection) -> RunState:
        row = connection.execute(sa.select(t.runs).where(t.runs.c.name == self.run)).one_or_none()
        if row is None or row.owner != self.owner:
            taken = f"run {self.run!r} belongs to another owner now"
            raise Fenced(taken, hint="stop this one; only one may write a run")
        last = OrderKey.parse(row.last_place) if row.last_place else None
        return RunState(self.run, row.owner, row.epoch, row.seq, last)

    def _check_owner(self, connection: sa.Connection) -> None:
        # The row stays locked, so that nobody takes the run between this and the end of the transaction.
        connection.execute(sa.select(t.runs.c.name).where(t.runs.c.name == self.run).with_for_update(read=True))
        self._state(connection)

    def done(self, positions: Sequence[Position]) -> set[Position]:
        """Those of the positions that have an outcome in this run."""
        with self.store.reading() as connection:
            return set(self._done(connection, positions))

    def _advance(self, connection: sa.Connection, state: RunState, seq: int, last_key: OrderKey | None) -> None:
        place = last_key.sortable() if last_key else None
        mine = (t.runs.c.name == self.run) & (t.runs.c.owner == self.owner) & (t.runs.c.seq == state.seq)
        if connection.execute(t.runs.update().where(mine).values(seq=seq, last_place=place)).rowcount != 1:
            self._check_owner(connection)
            raise Stale(f"run {self.run!r} was written by another worker")

    def _done(self, connection: sa.Connection, positions: Sequence[Position]) -> dict[Position, None]:
        by_partition: dict[tuple[str, int], list[int]] = {}
        for position in positions:
            by_partition.setdefault((position.stream, position.partition), []).append(position.offset)
        done: dict[Position, None] = {}
        for (stream, partition), offsets in by_partition.items():
            for part in chunks(offsets):
                query = sa.select(t.outcomes.c.first_offset).where(
                    t.outcomes.c.run == self.run,
                    t.outcomes.c.stream == stream,
                    t.outcomes.c.partition == partition,
                    t.outcomes.c.first_offset.in_(part),
                    t.outcomes.c.kind != OutcomeKind.LOST,
                )
                for offset in connection.execute(query).scalars():
                    done[Position(run=self.run, stream=stream, partition=partition, offset=offset)] = None
        return done

    @staticmethod
    def _enqueue(connection: sa.Connection, rows: Sequence[OutboxRow]) -> None:
        if rows:
            connection.execute(t.outbox.insert(), [msgspec.structs.asdict(row) for row in rows])
