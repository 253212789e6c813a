"""The ledger of a run: which records were processed, who owns the run, and the transaction that stores a bundle.

See docs/architecture.md, "Exactly-once results".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa

from core.clock import wall_ms
from core.errors import Fenced, StoreError, TakenOver
from core.records import Alert, OrderKey, OutcomeKind, Position
from core.records.decision import StoryDecision
from core.records.text_limits import NO_LIMITS, TextLimits
from core.store import counts
from core.store import tables as t
from core.store.decisions import newest_decision
from core.store.engine import Store, chunks
from core.store.pruning_marks import ARTICLES
from core.store.text_limits import read_text_limits
from pipeline.elements import Draft
from pipeline.ledger import tables as own
from pipeline.ledger.aliases import read_aliases
from pipeline.ledger.base import Base, known, stored_under
from pipeline.ledger.bundle import postponed_counts, write_bundle
from pipeline.ledger.contiguous_offsets import StreamOffsets, pruned_below
from pipeline.ledger.in_hand import InHand
from pipeline.ledger.moved import due_decision, moved_in, read_effects, replayed_run
from pipeline.ledger.rows import ENTRY, entry
from pipeline.ledger.slow_lane import SlowLaneQueue, delete_back, read_waiting, write_left
from pipeline.ledger.stored_facts import write_facts
from pipeline.ledger.story_rules import note_story_rule
from pipeline.ledger.walls import ask_again, read_sightings
from pipeline.stories.index import IndexEntry
from pipeline.stories.repeated_walls import Sighting
from pipeline.stories.stage import Decided
from pipeline.stories.story_memory import StoryFacts

UNOWNED = ""
FETCH_ROWS = 2_000


class WentBack(Fenced):
    """The store has fewer transactions of the run than this process has seen: it was restored, or failed over to a standby."""


class Stale(StoreError):
    """Another worker has written to this run since the bundle began: restart the bundle."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A run's row: ``seq`` rises by one with every bundle, ``last_key`` is the last assigned place.

    ``pruned`` rises whenever stories are pruned.
    """

    name: str
    owner: str
    epoch: int
    seq: int
    last_key: OrderKey | None
    pruned: int = 0


@dataclass(frozen=True, slots=True)
class BundleContext:
    """What the story stage needs to process a bundle.

    ``done``: positions that have an outcome. ``histories``: index entries of each article. ``texts``: (title, text) of each
    article's latest version. ``entries``: index entries newer than the given seq. ``waiting``: positions in the slow lane, by
    article; ``left``: those of the given positions that are there. ``sightings``: of doubtful texts, by digest. ``aliases``:
    of the given articles, alias → article. ``decision``: the number of the run's newest decision about stories; ``moved``:
    article → story, for articles moved since the given decision; ``due``: the replayed run's next decision, which comes before
    the first record with a later place. ``limits``: how long texts are kept.
    """

    state: RunState
    done: dict[Position, None] = field(default_factory=dict)
    histories: dict[str, list[IndexEntry]] = field(default_factory=dict)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    entries: list[IndexEntry] = field(default_factory=list)
    waiting: Mapping[str, Sequence[Position]] = field(default_factory=dict)
    left: frozenset[Position] = frozenset()
    sightings: Mapping[str, Sequence[Sighting]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    decision: int = 0
    moved: Mapping[str, str] = field(default_factory=dict)
    due: StoryDecision | None = None
    limits: TextLimits = NO_LIMITS


class RunLedger:
    """Reads and writes one run on behalf of one owner. Raises StoreError.

    Raises Fenced once another owner has taken the run, WentBack if the store has lost transactions that were seen here.
    ``clock_ms`` (wall clock, ms since the epoch) is stored with each transaction; no result depends on it. ``base``: the base
    of a partial replay, which is only read.
    """

    def __init__(
        self, store: Store, run: str, owner: str, clock_ms: Callable[[], int] = wall_ms, base: Base | None = None
    ) -> None:
        self.store, self.run, self.owner = store, run, owner
        self.base = base
        self._clock_ms = clock_ms
        self._seen = -1
        self._replayed: str | None = None

    def seen(self, seq: int) -> None:
        """Record that this process has stored ``seq``; a store with a lower seq has lost transactions."""
        self._seen = max(self._seen, seq)

    def take(self, *, kind: str, now_ms: int, spec: str = "{}", stories: str = "") -> RunState:
        """Create the run or take it over: fences earlier owners, and begins a new epoch (the first is 1).

        ``stories``: the rule by which it forms stories from now on (``story_rule``), stored in addition to earlier rules.
        """
        with self.store.writing() as connection:
            row = {"name": self.run, "kind": kind, "owner": self.owner, "epoch": 0, "seq": 0}
            self.store.insert_new(connection, t.runs, [row | {"spec": spec, "created_ms": now_ms}])
            connection.execute(
                t.runs.update().where(t.runs.c.name == self.run).values(owner=self.owner, epoch=t.runs.c.epoch + 1)
            )
            if stories:
                note_story_rule(connection, self.run, stories)
            return self._state(connection)

    def begin(
        self,
        positions: Sequence[Position],
        articles: Iterable[str],
        *,
        since_seq: int,
        since_ms: int,
        keyed: Collection[str] = (),
        doubtful: Collection[str] = (),
        since_decision: int = -1,
    ) -> BundleContext:
        """What the story stage needs to know about these positions and address ids, read from one state of the store.

        ``keyed``: the articles in the records' order keys, of which the slow lane may hold other records. ``doubtful``: digests
        of the records' doubtful texts. ``since_seq``: the index has all entries up to that seq (-1: none yet; then all from
        event time ``since_ms`` on are returned). ``since_decision``: the index has the moves of decisions up to this one.
        """
        with self.store.reading() as connection:
            state = self._state(connection)
            moved = moved_in(connection, self.run, self.base)
            done = self._done(connection, positions)
            histories: dict[str, list[IndexEntry]] = {}
            texts: dict[str, tuple[str, str]] = {}
            v = t.versions.c
            asked = set(articles)
            aliases = read_aliases(connection, self.run, self.base, asked)
            for part in chunks(sorted(asked | {aliases[one] for one in asked & aliases.keys()})):
                for mine in known(self.run, self.base, t.versions):
                    query = sa.select(*ENTRY).where(mine, v.article.in_(part))
                    newest: dict[str, int] = {}
                    for row in connection.execute(query.order_by(v.version)):
                        histories.setdefault(row.article, []).append(entry(row, moved.stories.get(row.article)))
                        newest[row.article] = row.version
                    # One text, even of a live page with many versions.
                    newest_texts = sa.tuple_(v.article, v.version).in_(list(newest.items()))
                    if newest:
                        for row in connection.execute(sa.select(v.article, v.title, v.text).where(mine, newest_texts)):
                            texts[row.article] = (row.title, row.text)
            entries: list[IndexEntry] = []
            # An index that isn't empty has all entries of the base, which never changes.
            for mine in known(self.run, self.base if since_seq < 0 else None, t.versions):
                newer = sa.select(*ENTRY).where(mine, v.event_ms >= since_ms)
                if since_seq >= 0:
                    newer = newer.where(v.seq > since_seq)
                if state.seq > since_seq:
                    # The first time this is the whole window, so rows are read in parts, and without texts.
                    rows = connection.execute(newer.execution_options(yield_per=FETCH_ROWS))
                    entries += (entry(row, moved.stories.get(row.article)) for row in rows)
            missing = [position for position in positions if position not in done]
            waiting, left = read_waiting(connection, self.run, keyed, missing)
            sightings = read_sightings(connection, self.run, self.base, doubtful)
            # A decision raises the run's seq: if it is unchanged, there is no newer decision.
            unchanged = since_decision >= 0 and state.seq == since_seq
            decision = since_decision if unchanged else newest_decision(connection, self.run)
            newly = dict[str, str]()
            if 0 <= since_decision < decision:
                c = t.story_decisions.c
                for effects in read_effects(connection, c.run == self.run, c.number > since_decision):
                    newly |= {article: after for article, (_, after) in effects.moved.items()}
            if self._replayed is None:
                self._replayed = replayed_run(connection, self.run, self.base)
            due = due_decision(connection, self._replayed, self.base, decision) if self._replayed else None
            return BundleContext(
                state,
                done,
                histories,
                texts,
                entries,
                waiting,
                frozenset(left),
                sightings,
                aliases,
                decision=decision,
                moved=newly,
                due=due,
                limits=read_text_limits(connection),
            )

    def commit(
        self,
        state: RunState,
        decided: Sequence[Decided],
        alerts: Sequence[Alert],
        *,
        last_key: OrderKey | None,
        publish: bool,
        handled: int = -1,
        gauges: Mapping[str, int] | None = None,
        facts: Mapping[str, StoryFacts] | None = None,
        later: Sequence[Draft] = (),
        back: Sequence[Position] = (),
    ) -> int:
        """Store a bundle in one transaction and return the new seq.

        ``publish``: also put the records into the outbox, for the output streams. ``handled``: the bundle's highest number in
        this epoch. ``gauges``: figures of the stage, such as the size of its index. ``facts``: the facts of stories, by story.
        ``later``: records that leave the order; ``back``: those of ``decided`` that had left it.

        Raises Stale if another worker has written since ``state`` was read, Fenced if the run has another owner; then nothing
        is written.
        """
        seq = state.seq + 1
        with self.store.writing() as connection:
            self._advance(connection, state, seq, last_key)
            if self._pruned(connection) != state.pruned:
                self._check_histories(connection, decided)
            stored_ms = self._clock_ms()
            stamp = {"run": self.run, "seq": seq, "stored_ms": stored_ms, "epoch": state.epoch}
            connection.execute(t.commits.insert(), stamp | {"handled": handled})
            rows = write_bundle(
                self.store,
                connection,
                self.run,
                decided,
                alerts,
                seq=seq,
                stored_ms=stored_ms,
                gauges=gauges or {},
                back=back,
            )
            write_left(self.store, connection, later, seq)
            counts.add_counts(self.store, connection, self.run, postponed_counts(later))
            delete_back(connection, back)
            if facts:
                write_facts(self.store, connection, self.run, facts)
            if publish:
                ask_again(self.store, connection, self.run, decided)
            if publish and rows:
                connection.execute(t.outbox.insert(), [msgspec.structs.asdict(row) for row in rows])
        self.seen(seq)
        return seq

    @contextmanager
    def deciding(self, state: RunState) -> Iterator[tuple[sa.Connection, int]]:
        """A transaction for a decision about stories, with its seq. Raises Stale and Fenced as ``commit`` does."""
        seq = state.seq + 1
        with self.store.writing() as connection:
            self._advance(connection, state, seq, state.last_key)
            write_commit(connection, self.run, seq, self._clock_ms())
            yield connection, seq
        self.seen(seq)

    def ask_for_restart(self) -> None:
        """Give up the run: fences this owner, and its driver restarts from the ledger."""
        with self.store.writing() as connection:
            mine = (t.runs.c.name == self.run) & (t.runs.c.owner == self.owner)
            connection.execute(t.runs.update().where(mine).values(owner=UNOWNED))

    def state(self) -> RunState:
        """The run's current row."""
        with self.store.reading() as connection:
            return self._state(connection)

    def exists(self) -> bool:
        """Whether the store has the run."""
        with self.store.reading() as connection:
            return connection.execute(sa.select(t.runs.c.name).where(t.runs.c.name == self.run)).first() is not None

    def owner_now(self) -> str:
        """The owner of the run: this one, another, or ``UNOWNED`` if a worker asked for a restart."""
        with self.store.reading() as connection:
            return str(
                connection.execute(sa.select(t.runs.c.owner).where(t.runs.c.name == self.run)).scalar() or UNOWNED
            )

    def handled(self, epoch: int) -> int:
        """The highest number of an epoch that was handled; -1 if none was."""
        # It rises with every commit of an epoch and is read every second; a maximum over all rows would cost more every day.
        c = t.commits.c
        newest = sa.select(c.epoch, c.handled).where(c.run == self.run).order_by(c.seq.desc()).limit(1)
        with self.store.reading() as connection:
            found = connection.execute(newest).one_or_none()
            return int(found.handled) if found is not None and found.epoch == epoch else -1

    def offsets(self, stream: str) -> StreamOffsets:
        """The offsets of a stream in this ledger. ``stream``: its UUID."""
        return StreamOffsets(self.store, self.run, stream, self.check_owner)

    def slow_lane(self) -> SlowLaneQueue:
        """The run's slow lane."""
        return SlowLaneQueue(self.store, self.run, self.check_owner)

    def in_hand(self, last_words: str = "") -> InHand:
        """The note of what the run's ordered stage has in hand. ``last_words``: the folder of this machine's last words."""
        return InHand(self.store, self.run, self.check_owner, last_words)

    def last_handled(self, partition: int) -> list[OrderKey]:
        """For each stream of the run, the key of this partition's last record before which all records are done."""
        streams = sa.select(own.run_offsets.c.stream).where(own.run_offsets.c.run == self.run).distinct()
        with self.store.reading() as connection:
            names = list(connection.execute(streams).scalars())
        found: list[OrderKey] = []
        for offsets in map(self.offsets, names):
            begin = max(offsets.known().get(partition, 0), offsets.saved().get(partition, 0))
            lowest, _ = offsets.contiguous({partition: begin})[partition]
            # Records in the slow lane are not done: they would have to be read again from a stream that is gone.
            newest = offsets.newest_handled(partition, min([lowest, *offsets.waiting(partition)]) - 1)
            found += [newest[1]] if newest is not None else []
        return found

    def done(self, positions: Sequence[Position]) -> set[Position]:
        """The positions that have an outcome in this run."""
        with self.store.reading() as connection:
            return set(self._done(connection, positions))

    def _state(self, connection: sa.Connection) -> RunState:
        row = connection.execute(sa.select(t.runs).where(t.runs.c.name == self.run)).one_or_none()
        if row is None or row.owner != self.owner:
            taken = f"run {self.run!r} belongs to another owner now"
            # Without an owner, a worker has asked for a restart.
            kind = Fenced if row is None or row.owner == UNOWNED else TakenOver
            raise kind(taken, hint="stop this one; only one may write a run")
        if row.seq < self._seen:
            raise WentBack(
                f"the store has {row.seq} transactions of run {self.run!r}, and had {self._seen}",
                hint="it was restored from a backup, or is a standby that lagged behind; the run restarts from its ledger",
            )
        self.seen(row.seq)
        last = OrderKey.parse(row.last_place) if row.last_place else None
        return RunState(self.run, row.owner, row.epoch, row.seq, last, self._pruned(connection))

    def _pruned(self, connection: sa.Connection) -> int:
        c = t.pruned.c
        return connection.execute(sa.select(c.upto).where(c.run == self.run, c.what == ARTICLES)).scalar() or 0

    def _check_histories(self, connection: sa.Connection, decided: Sequence[Decided]) -> None:
        """Raise Stale if an article was decided by a history that was pruned since."""
        begun = {one.entry.article for one in decided if one.entry is not None and one.entry.version == 1}
        older = {
            one.outcome.article
            for one in decided
            if one.outcome.kind in (OutcomeKind.UPDATED, OutcomeKind.UNCHANGED) and one.outcome.article is not None
        } - begun
        v = t.versions.c
        for part in chunks(sorted(older)):
            kept = sa.select(v.article).where(v.run.in_(stored_under(self.run)), v.article.in_(part)).distinct()
            if len(connection.execute(kept).all()) < len(part):
                raise Stale("a story of this bundle was pruned meanwhile")

    def check_owner(self, connection: sa.Connection) -> int:
        """The run's seq. Until the transaction ends, no other owner can take the run, and no bundle is stored.

        Raises Fenced, WentBack.
        """
        connection.execute(sa.select(t.runs.c.name).where(t.runs.c.name == self.run).with_for_update(read=True))
        return self._state(connection).seq

    def _advance(self, connection: sa.Connection, state: RunState, seq: int, last_key: OrderKey | None) -> None:
        place = last_key.sortable() if last_key else None
        mine = (t.runs.c.name == self.run) & (t.runs.c.owner == self.owner) & (t.runs.c.seq == state.seq)
        if connection.execute(t.runs.update().where(mine).values(seq=seq, last_place=place)).rowcount != 1:
            self.check_owner(connection)
            raise Stale(f"run {self.run!r} was written by another worker")

    def _done(self, connection: sa.Connection, positions: Sequence[Position]) -> dict[Position, None]:
        by_partition: dict[tuple[str, int], list[int]] = {}
        done: dict[Position, None] = {}
        floors = pruned_below(connection, self.run) if positions else {}
        for position in positions:
            if position.offset < floors.get((position.stream, position.partition), 0):
                # Its outcome was deleted, but it had one.
                done[position] = None
            else:
                by_partition.setdefault((position.stream, position.partition), []).append(position.offset)
        for (stream, partition), numbers in by_partition.items():
            for part in chunks(numbers):
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


def write_commit(connection: sa.Connection, run: str, seq: int, stored_ms: int) -> None:
    """Record a transaction that handled no record. Its progress is that of the previous one."""
    c = t.commits.c
    before = sa.select(c.epoch, c.handled).where(c.run == run).order_by(c.seq.desc()).limit(1)
    found = connection.execute(before).one_or_none()
    reached = {"epoch": found.epoch, "handled": found.handled} if found is not None else {"epoch": 0, "handled": -1}
    connection.execute(t.commits.insert(), {"run": run, "seq": seq, "stored_ms": stored_ms} | reached)
