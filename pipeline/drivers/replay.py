"""Replays a history as a separate run: slice after slice, at the requested speed, resumable at any moment."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.store import Store
from pipeline.drafts.kept import Keeping
from pipeline.drivers.history import History
from pipeline.drivers.slices import SliceGraph, SliceLimits
from pipeline.elements import Envelope
from pipeline.flow import Flow
from pipeline.ledger.base import base_of, place_at
from pipeline.ledger.decisions import replay_rest
from pipeline.ledger.ledger import RunLedger
from pipeline.replay.runs import FINISHED, RUNNING, STOPPED, Replay, ReplayRepository
from pipeline.transforms.extraction_pool import PoolExtraction, PoolPlan, shared_extraction

# Small enough for smooth progress and a quick stop.
LIMITS = SliceLimits(records=250, bytes=32 << 20)
LOOK_S = 0.5


class Pace:
    """When a record is due, at ``factor`` times the original speed; None: at once.

    ``monotonic`` returns seconds. The first record is due on the first call.
    """

    def __init__(self, factor: float | None, monotonic: Callable[[], float]) -> None:
        self._factor, self._monotonic = factor, monotonic
        self._began: tuple[int, float] | None = None

    @property
    def at_once(self) -> bool:
        """Whether no record has to wait."""
        return self._factor is None

    def wait_s(self, time_ms: int) -> float:
        """Seconds until a record of this event time is due; 0 or less: it is."""
        # A record without a time does not wait.
        if self._factor is None or time_ms <= 0:
            return 0.0
        if self._began is None:
            self._began = time_ms, self._monotonic()
        first_ms, began_s = self._began
        return began_s + (time_ms - first_ms) / 1000 / self._factor - self._monotonic()

    def due(self, envelopes: Sequence[Envelope]) -> int:
        """How many of the records, counted from the first, are due."""
        for count, envelope in enumerate(envelopes):
            if self.wait_s(envelope.key.time_ms) > 0:
                return count
        return len(envelopes)


@dataclass(frozen=True)
class Progress:
    """A replay's progress: ``done`` of ``total`` records (None: unknown); ``time_ms``: event time of the last one."""

    done: int
    total: int | None
    time_ms: int | None


class ReplayRun:
    """One start of a replay. It takes the run, which fences an earlier start of the same replay.

    ``store_url`` is what the graph's workers open. ``now_ms`` is the wall clock (UTC), which is only recorded.
    ``keeping``: where prepared drafts are kept; None: nowhere.
    """

    def __init__(
        self,
        store: Store,
        store_url: str,
        replay: Replay,
        *,
        scope: str,
        pool: PoolPlan,
        now_ms: int,
        vectors: bool = True,
        keeping: Keeping | None = None,
    ) -> None:
        self.store, self.replay = store, replay
        self._replays = ReplayRepository(store)
        owner = secrets.token_hex(8)
        self.ledger = RunLedger(store, replay.name, owner, base=base_of(store, replay.name))
        self.state = self.ledger.take(kind="replay", now_ms=now_ms, spec=replay.spec)
        self._flow = Flow(
            store_url,
            replay.name,
            owner,
            scope=scope,
            publish=replay.delivers,
            pool=pool,
            vectors=vectors,
            keeping=keeping,
        )
        self._done = replay.done
        self._extraction = shared_extraction(self._flow.pool, self._flow.work)
        self._reused_before, self._finished = self._extraction.reused, 0

    @property
    def reused(self) -> int:
        """How many records this start has prepared from kept drafts."""
        return self._extraction.reused - self._reused_before + self._finished

    @property
    def after_ms(self) -> int | None:
        """The event time in ms to resume from: earlier records have their outcomes. None: from the beginning."""
        last = self.state.last_key
        return None if last is None else last.time_ms

    def run(
        self,
        history: History,
        *,
        pace: Pace,
        stop: Callable[[], bool],
        pause: Callable[[float], object],
        clock_ms: Callable[[], int],
        progress: Callable[[Progress], None] = lambda _progress: None,
        after: Callable[[], object] = lambda: None,
        limits: SliceLimits = LIMITS,
    ) -> Replay:
        """Replay to the end, or until ``stop()``; returns the replay's state then.

        ``progress`` and then ``after`` (for relaying) are called once a slice is stored. Raises Fenced, StoreError or
        StreamError; starting it again resumes.
        """
        name = self.replay.name
        total = self._total(history)
        self._replays.note(name, state=RUNNING, total=total)
        graph, waiting, ahead = SliceGraph(self._flow), list[Envelope](), list[Envelope]()
        state = STOPPED
        try:
            while not stop():
                if not waiting:
                    waiting, ahead = ahead or self._taken(history, limits), []
                if not waiting:
                    if history.ended:
                        # After the last record, there may still be decisions.
                        end = place_at(self.replay.to_ms)
                        replay_rest(self.ledger, end, scope=self._flow.scope, publish=self._flow.publish)
                        state = FINISHED
                        break
                    pause(LOOK_S)
                    continue
                due = pace.due(waiting)
                if not due:
                    pause(min(LOOK_S, pace.wait_s(waiting[0].key.time_ms)))
                    continue
                slice_, waiting = waiting[:due], waiting[due:]
                if not waiting and pace.at_once:
                    # The pool extracts the next slice while this one is decided and stored.
                    ahead = self._taken(history, limits)
                if self._handle(graph, slice_):
                    progress(Progress(self._done, total, slice_[-1].key.time_ms))
                    after()
        finally:
            self._forget()
            ended = clock_ms() if state == FINISHED else None
            self._replays.note(name, state=state, done=self._done, finished_ms=ended)
        found = self._replays.get(name)
        return found or self.replay

    def _handle(self, graph: SliceGraph, envelopes: Sequence[Envelope]) -> bool:
        """Whether any of them had no outcome yet. A resumed start reads the last minute's records again."""
        done = self.ledger.done([envelope.position for envelope in envelopes])
        fresh = [envelope for envelope in envelopes if envelope.position not in done]
        if fresh:
            graph.run(fresh)
            self._done += len(fresh)
            self._finished += sum(envelope.finished for envelope in fresh)
        return bool(fresh)

    def _taken(self, history: History, limits: SliceLimits) -> list[Envelope]:
        """The next records, after those that need work by the pool were submitted to it."""
        envelopes = history.take(limits, self._flow.work.find)
        if isinstance(self._extraction, PoolExtraction):
            for envelope in envelopes:
                if not envelope.finished:
                    self._extraction.submit_ahead(envelope)
        return envelopes

    def _forget(self) -> None:
        if isinstance(self._extraction, PoolExtraction):
            self._extraction.forget_ahead()

    def _total(self, history: History) -> int | None:
        return None if history.total is None else max(self._done, self._done + history.total)
