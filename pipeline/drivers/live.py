"""The continuous run, whatever driver carries it: taking the run, finding where to go on, relaying and mirroring."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from pipeline.errors import StreamUnavailable
from pipeline.flow import Flow
from pipeline.records import Outcome, OutcomeKind
from pipeline.settings import Settings
from pipeline.sinks.relay import Relay
from pipeline.store import QueryShelf, RunLedger, RunState, Store, open_store
from pipeline.store.outbox import ALERTS, ENRICHED, REJECTED, Outbox
from pipeline.streams import Stream, create_stream
from pipeline.topics.shelf import builtin_definitions, folder_definitions

log = structlog.get_logger()
GROUP = "wirewatch"
COMMIT_EVERY_MS = 5_000


@dataclass(frozen=True)
class Resumption:
    """Where a new start goes on: the lowest offset without an outcome, and those above it that have one."""

    start: Mapping[int, int]
    done: Mapping[int, list[int]]


class LiveRun:
    """The continuous run of some settings, taken over by this process: earlier owners are fenced from now on.

    ``clock_ms`` is the wall clock. Raises StoreError or StreamUnavailable where it can't begin.
    """

    def __init__(self, settings: Settings, clock_ms: Callable[[], int]) -> None:
        self.settings, self._clock_ms = settings, clock_ms
        self.store: Store = open_store(settings.store)
        self.raw: Stream = create_stream(settings.stream, settings.raw_stream, settings.partitions)
        self._outputs = {
            name: create_stream(settings.stream, name, settings.partitions) for name in (ENRICHED, ALERTS, REJECTED)
        }
        self.owner = secrets.token_hex(8)
        self.ledger = RunLedger(self.store, settings.run, self.owner)
        definitions = builtin_definitions()
        if settings.topics_dir:
            definitions |= folder_definitions(Path(settings.topics_dir))
        QueryShelf(self.store).save_topics(definitions, now_ms=clock_ms())
        self.state: RunState = self.ledger.take(kind="live", now_ms=clock_ms())
        self._relay = Relay(Outbox(self.store, f"relay-{settings.run}"), self._outputs, clock_ms)
        self._committed_ms = 0
        self._mirrored: dict[int, int] = {}
        self._frontier: Mapping[int, int] = {}

    def flow(self) -> Flow:
        """The graph's parameters."""
        return Flow(
            store_url=self.settings.store,
            run=self.settings.run,
            owner=self.owner,
            publish=True,
            extraction_processes=self.settings.extraction_processes,
        )

    def resumption(self) -> Resumption:
        """Where to go on, from the ledger alone."""
        first = self.ledger.first_offsets(self.raw.uuid, self.raw.start_offsets(self.raw.partitions()))
        frontier = self.ledger.frontier(self.raw.uuid, first)
        return Resumption(
            {partition: lowest for partition, (lowest, _) in frontier.items()},
            {partition: beyond for partition, (_, beyond) in frontier.items()},
        )

    def record_lost(self, partition: int, first: int, last: int) -> None:
        """Retention deleted these offsets before they were read: an outcome, and an alarm."""
        log.error("records were deleted before they were read", partition=partition, first=first, last=last)
        lost = Outcome(
            run=self.settings.run,
            stream=self.raw.uuid,
            partition=partition,
            first_offset=first,
            last_offset=last,
            kind=OutcomeKind.LOST,
            stage="read",
            reason="retention",
        )
        self.ledger.record_lost(self.state, [lost])

    def relay(self) -> int:
        """Relay what the outbox holds to the output streams."""
        return self._relay.pump()

    def mirror(self, positions: Mapping[int, int]) -> None:
        """Mirror the position (next offset of each partition) to the consumer group, every 5 s at most, if it moved."""
        now_ms = self._clock_ms()
        if positions == self._mirrored or now_ms - self._committed_ms < COMMIT_EVERY_MS:
            return
        self._committed_ms = now_ms
        try:
            self.raw.commit(f"{GROUP}-{self.settings.run}", positions)
            self._mirrored = dict(positions)
        except StreamUnavailable as error:
            log.warning("the position could not be mirrored for lag tools", error=str(error))

    def mirror_ledger(self) -> None:
        """Mirror what the ledger has to the consumer group: for drivers that don't know the reader's position."""
        if self._clock_ms() - self._committed_ms < COMMIT_EVERY_MS:
            return
        # From where it last stood: going through a run's whole ledger every few seconds would cost more each day.
        known = self._frontier or self.resumption().start
        self._frontier = {p: lowest for p, (lowest, _) in self.ledger.frontier(self.raw.uuid, known).items()}
        self.mirror(self._frontier)

    def close(self) -> None:
        """Close streams and store."""
        for stream in (self.raw, *self._outputs.values()):
            stream.close()
        self.store.close()


def run_in_slices(
    settings: Settings,
    *,
    clock_ms: Callable[[], int],
    stop: Callable[[], bool],
    pause: Callable[[float], object] = lambda _seconds: None,
    until_empty: bool = False,
) -> int:
    """Run the continuous run in slices until ``stop()``; return how many records were handled.

    ``pause`` waits for some seconds (an event's ``wait``) while the stream is away. Raises as ``LiveRun`` and ``run_slices``.
    """
    from pipeline.drivers.reader import MergingReader
    from pipeline.drivers.slices import SliceGraph, SliceLimits, StreamSlices, run_slices
    from pipeline.order import Merge

    live = LiveRun(settings, clock_ms)
    try:
        resumption = live.resumption()
        merge = Merge(resumption.start, done=resumption.done, last=live.state.last_key)
        reader = MergingReader(live.raw, merge, clock_ms=clock_ms, on_lost=live.record_lost)

        def after(_count: int) -> None:
            live.relay()
            live.mirror({partition: mark.next for partition, mark in merge.mark().partitions.items()})

        return run_slices(
            StreamSlices(reader, settings.run),
            SliceGraph(live.flow()),
            limits=SliceLimits(settings.slice_records, settings.slice_bytes),
            stop=stop,
            until_empty=until_empty,
            after=after,
            pause=pause,
        )
    finally:
        live.close()
