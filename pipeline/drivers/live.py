"""The continuous run, for both drivers: taking the run, finding where to resume, relaying and mirroring."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass

import structlog

from core.clock import Every
from core.errors import OffsetOutOfRange, StreamUnavailable, TakenOver, WirewatchError
from core.records.text_limits import DEFAULT
from core.settings import Settings
from core.store import Store, SubscriptionStore, open_store
from core.store.canary import CanaryRepository
from core.store.outbox import CANARIES, Outbox, TakenRow, id_of, run_of
from core.store.text_limits import keep_texts
from core.streams import Stream, open_stream
from core.streams.embedded.stream import retain
from core.streams.open import create_planned
from core.streams.plans import group_of, planned_streams
from core.streams.traced import traced
from core.topics.definitions import definitions_with
from core.tracing import spans_of
from pipeline.drafts.kept import keeping_of
from pipeline.drafts.tending import forget_gone, shared_tending
from pipeline.drivers.offsets import RunOffsets, cuts
from pipeline.drivers.pools import in_order, slow_lane
from pipeline.drivers.slow_lane import Returns, SlowLane
from pipeline.flow import Flow
from pipeline.ledger.last_words import folder_of
from pipeline.ledger.ledger import UNOWNED, RunLedger, RunState
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.ledger.writer import last_written
from pipeline.order import ReadTo
from pipeline.relay import Relay
from pipeline.replay.runs import LIVE, QUIET, begin_telling, ended
from pipeline.stories.rule import story_rule
from pipeline.transforms.extraction_pool import PoolExtraction, shared_extraction

log = structlog.get_logger()
COMMIT_EVERY_MS = 5_000
RETAIN_EVERY_MS = 600_000


@dataclass(frozen=True)
class Resumption:
    """Where a new start resumes: the lowest offset of each partition without an outcome, and those above it that have one.

    ``read_to``: after the highest offset with an outcome, with its leader epoch.
    """

    start: Mapping[int, int]
    done: Mapping[int, list[int]]
    read_to: Mapping[int, ReadTo]


class LiveRun:
    """The continuous run of some settings, taken over by this process: earlier owners are fenced from now on.

    ``clock_ms`` is the wall clock (UTC). Raises StoreError or StreamUnavailable if it can't start, UsageError for
    settings that prune data that is still needed.
    """

    def __init__(self, settings: Settings, clock_ms: Callable[[], int], *, publish: bool = True) -> None:
        self.settings, self._clock_ms, self._publish = settings, clock_ms, publish
        keep = Keep.of_settings(settings)
        with ExitStack() as opened:
            self._open(opened)
            self._take(keep)
            # Only a run that was taken stays open: a start that fails is tried again.
            self._opened = opened.pop_all()

    def _open(self, opened: ExitStack) -> None:
        settings = self.settings
        self.store: Store = open_store(settings.store)
        opened.callback(self.store.close)
        spans = opened.enter_context(spans_of(settings, "pipeline"))
        self._plans = planned_streams(settings)
        self.raw: Stream = create_planned(settings.stream, self._plans[settings.raw_stream], role="reader")
        opened.callback(self.raw.close)
        self._outputs: dict[str, Stream] = {}
        for name, plan in self._plans.items():
            if name != settings.raw_stream:
                stream = create_planned(settings.stream, plan, role="relay")
                opened.callback(stream.close)
                self._outputs[name] = traced(stream, spans, self._clock_ms)

    def _take(self, keep: Keep) -> None:
        settings, publish, clock_ms = self.settings, self._publish, self._clock_ms
        self.owner = secrets.token_hex(8)
        self.ledger = RunLedger(self.store, settings.run, self.owner)
        SubscriptionStore(self.store).save_topics(definitions_with(settings.topics_dir), now_ms=clock_ms())
        keep_texts(self.store, DEFAULT, settings.texts_keep_days, by="settings", now_ms=clock_ms())
        if publish:
            begin_telling(self.store, settings.run)
        self.state: RunState = self.ledger.take(
            kind=LIVE if publish else QUIET,
            now_ms=clock_ms(),
            stories=story_rule(vectors=settings.story_vectors),
        )
        self.offsets = RunOffsets(self.ledger, self.raw.uuid)
        self._relay = Relay(Outbox(self.store), self._outputs, self._may_relay, self._relayed)
        self._pruning = Pruning(self.ledger, keep)
        self._committed_ms = 0
        self._look = Every(COMMIT_EVERY_MS)
        self._mirrored: dict[int, int] = {}
        self._frontier: Mapping[int, int] = {}
        self._retention = Every(RETAIN_EVERY_MS)

    def flow(self) -> Flow:
        """The graph's parameters."""
        return Flow(
            store_url=self.settings.store,
            run=self.settings.run,
            owner=self.owner,
            publish=self._publish,
            pool=in_order(self.settings),
            order_limit_s=self.settings.order_limit_s,
            vectors=self.settings.story_vectors,
            keeping=keeping_of(self.settings),
            last_words=folder_of(self.settings),
        )

    def resumption(self) -> Resumption:
        """Where to resume, from the ledger; from the cut if the stream came back shorter."""
        self.strike_cut_off()
        frontier = self._from_the_ledger()
        return Resumption(
            {partition: lowest for partition, (lowest, _) in frontier.items()},
            {partition: beyond for partition, (_, beyond) in frontier.items()},
            {partition: to for partition, to in self.offsets.read_to().items() if partition in frontier},
        )

    def _from_the_ledger(self) -> dict[int, tuple[int, list[int]]]:
        first = self.offsets.first(self.raw.start_offsets(self.raw.partitions()))
        # From the last saved position: the whole ledger may have years of outcomes.
        saved = self.ledger.offsets(self.raw.uuid).saved()
        begin = {partition: max(offset, saved.get(partition, offset)) for partition, offset in first.items()}
        return self.ledger.offsets(self.raw.uuid).contiguous(begin)

    def strike_cut_off(self) -> int:
        """Remove the outcomes of records that the stream lost, so that what replaces them is processed; returns how many."""
        struck = (
            self.ledger.offsets(self.raw.uuid).strike_beyond(found) if (found := cuts(self.raw, self.ledger)) else 0
        )
        if struck:
            log.error(
                "the stream came back shorter: processed records are gone from it; their articles stay",
                records=struck,
                stream=self.raw.name,
                partitions=sorted(found),
            )
        return struck

    def prune(self) -> int:
        """Delete some data that the run no longer needs, if it is time to; returns the number of deleted rows."""
        return self._pruning.tend(self._clock_ms())

    def slow_lane(self) -> SlowLane:
        """The slow lane of this run. Start it even if this start postpones nothing: an earlier one may have."""
        settings, flow = self.settings, self.flow()
        pool = slow_lane(settings)
        return SlowLane(
            self.ledger.slow_lane(),
            processes=pool.processes,
            open_raw=lambda: open_stream(settings.stream, settings.raw_stream),
            make_pool=lambda: PoolExtraction(pool, flow.work),
        )

    def relay(self) -> int:
        """Relay the outbox to the output streams. Raises Fenced if another process has the run."""
        return self._relay.pump()

    def _may_relay(self, run: str) -> bool:
        """Whether it may relay: its own run while this process owns it, and the rest of a replay that is no longer running."""
        if run != self.settings.run:
            return ended(self.store, run)
        owner = self.ledger.owner_now()
        if owner not in (self.owner, UNOWNED):
            raise TakenOver(f"run {run!r} was taken over", hint="only one pipeline may write a run")
        return owner == self.owner

    def _relayed(self, rows: Sequence[TakenRow]) -> None:
        runs: dict[str, list[str]] = {}
        for row in rows:
            if row.destination == CANARIES:
                runs.setdefault(run_of(row.key), []).append(id_of(row.key))
        for run, canaries in runs.items():
            CanaryRepository(self.store, run).relayed(canaries, self._clock_ms())

    def mirror(self, positions: Mapping[int, int], *, at_end: bool = False) -> None:
        """Mirror the position (next offset of each partition) to the consumer group, if it moved.

        At most every 5 s, but always ``at_end`` of a process, for lag tools and a mirrored cluster.
        """
        now_ms = self._clock_ms()
        self._retain(now_ms, positions)
        if at_end or not 0 <= now_ms - self._committed_ms < COMMIT_EVERY_MS:
            self._commit(now_ms, positions)

    def _commit(self, now_ms: int, positions: Mapping[int, int]) -> None:
        if positions == self._mirrored:
            return
        self._committed_ms = now_ms
        # A store restored from a backup has less than these positions claim.
        self.ledger.seen(last_written(self.owner))
        self.ledger.offsets(self.raw.uuid).save(positions)
        try:
            self.raw.commit(group_of(self.settings.run), positions)
            self._mirrored = dict(positions)
        except StreamUnavailable as error:
            log.warning("the position could not be mirrored for lag tools", error=str(error))

    def _retain(self, now_ms: int, positions: Mapping[int, int]) -> None:
        if not self._retention.due(now_ms):
            return
        try:
            retain(self.raw, self._plans[self.raw.name], now_ms, positions)
            for name, stream in self._outputs.items():
                retain(stream, self._plans[name], now_ms, {})
            keeping = keeping_of(self.settings)
            forget_gone(keeping, self.raw.uuid, self.raw.start_offsets(self.raw.partitions()))
            # In an idle run there are no bundles, which normally do this.
            shared_tending(keeping, self.settings.store).turn()
        except StreamUnavailable as error:
            log.warning("old records could not be deleted now; retrying later", error=str(error))

    def mirror_ledger(self) -> None:
        """Mirror the ledger's position to the consumer group: for drivers that don't know the reader's position."""
        now_ms = self._clock_ms()
        # An idle run commits nothing, but the query costs the same.
        if not self._look.due(now_ms):
            return
        # From the last position: reading the whole ledger every few seconds would cost more each day.
        begun = self._frontier or {p: lowest for p, (lowest, _) in self._from_the_ledger().items()}
        known = self.offsets.appeared(()) | dict(begun)
        found = self.ledger.offsets(self.raw.uuid).contiguous(known)
        stands = {p: lowest for p, (lowest, beyond) in found.items() if beyond and lowest == known[p]}
        self._frontier = {p: lowest for p, (lowest, _) in found.items()} | self._past_gaps(stands)
        self._retain(now_ms, self._frontier)
        self._commit(now_ms, self._frontier)

    def _past_gaps(self, stands: Mapping[int, int]) -> dict[int, int]:
        """For offsets without an outcome that are followed by some with one: the next record's offset, if they have no record.

        Markers of other writers' transactions take offsets, and would hold the position back indefinitely.
        """
        past: dict[int, int] = {}
        for partition, offset in stands.items():
            try:
                record = next(iter(self.raw.read({partition: offset}, max_bytes=1)), None)
            except (StreamUnavailable, OffsetOutOfRange):
                continue
            if record is not None and record.offset > offset:
                past[partition] = record.offset
        return past

    def close(self) -> None:
        """Close streams and store."""
        self._opened.close()


def run_in_slices(
    settings: Settings,
    *,
    clock_ms: Callable[[], int],
    stop: Callable[[], bool],
    pause: Callable[[float], object] = lambda _seconds: None,
    until_empty: bool = False,
    timed: Callable[[], AbstractContextManager[object]] = nullcontext,
    publish: bool = True,
) -> int:
    """Run the continuous run in slices until ``stop()``; returns how many records were processed.

    Without ``publish``, results are only stored: nothing goes to the output streams or to people.

    ``pause`` waits for a number of seconds (an event's ``wait``) while the stream can't be reached. Each slice runs in
    a context of ``timed()``. Raises what ``LiveRun`` and ``run_slices`` raise.
    """
    from pipeline.drivers.ahead import AheadSlices
    from pipeline.drivers.reader import MergingReader
    from pipeline.drivers.slices import SliceGraph, SliceLimits, Slices, StreamSlices, run_slices
    from pipeline.order import Merge

    live = LiveRun(settings, clock_ms, publish=publish)
    lane = live.slow_lane()
    ahead: AheadSlices | None = None
    try:
        resumption = live.resumption()
        merge = Merge(resumption.start, done=resumption.done, last=live.state.last_key, read_to=resumption.read_to)
        reader = MergingReader(
            live.raw,
            merge,
            clock_ms=clock_ms,
            on_lost=live.offsets.lost,
            on_appeared=live.offsets.appeared,
            on_epoch=live.offsets.begin_epoch,
        )

        def positions() -> dict[int, int]:
            read = {partition: mark.next for partition, mark in merge.mark().partitions.items()}
            return read if ahead is None else ahead.behind(read)

        def after(_count: int) -> None:
            live.relay()
            live.prune()
            live.mirror(positions())

        def back() -> None:
            # The reader may already be past the cut.
            if live.strike_cut_off():
                raise WirewatchError(
                    "the stream came back shorter", hint="start it again: it continues from the ledger"
                )

        lane.start()
        queue, flow = live.ledger.slow_lane(), live.flow()
        slices: Slices = StreamSlices(reader, settings.run, Returns(queue, time.monotonic))
        extraction = shared_extraction(flow.pool, flow.work)
        if isinstance(extraction, PoolExtraction):
            slices = ahead = AheadSlices(slices, extraction)
        handled = run_slices(
            slices,
            SliceGraph(flow),
            back=back,
            busy=lambda: not (queue.empty() and reader.at_end),
            slice_s=settings.slice_s,
            limits=SliceLimits(settings.slice_records, settings.slice_bytes),
            stop=stop,
            until_empty=until_empty,
            after=after,
            pause=pause,
            timed=timed,
        )
        live.mirror(positions(), at_end=True)
        return handled
    finally:
        if ahead is not None:
            ahead.close()
        lane.close()
        live.close()
