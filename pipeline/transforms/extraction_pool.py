"""Prepares records in this process, or in a pool of processes with limits on time and memory for each record.

Preparing (``pipeline.transforms.record``: extraction, tagging, matching) takes nine tenths of the pipeline's time and holds the
interpreter's lock, and a hostile page can hang, fill memory or kill its process. In the pool that costs one record. Its
processes are ``pipeline.transforms.page_process``.

In a live run the limit is short, and a record that exceeds it is postponed to the slow lane (``pipeline.drivers.slow_lane``),
which is such a pool too, with the full limit. See docs/architecture.md, "The slow lane".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue

import msgspec

from core.records import Position
from pipeline.elements import TIMEOUT, Draft, Envelope, Postponed, Rejection
from pipeline.transforms.breaker import DEFAULT, BreakerRule, Breakers
from pipeline.transforms.page_process import PageProcess, Spares
from pipeline.transforms.prepare import Prepared
from pipeline.transforms.record import RecordWork

TIME_LIMIT_S = 5.0
SLOW, BREAKER = "slow", "breaker"


@dataclass(frozen=True)
class PoolPlan:
    """``processes`` (0: prepare in this process), each record for at most ``limit_s`` seconds (see ``PageProcess``).

    ``spares`` processes are ready to replace a killed one, and as many more work while a record takes long. ``postpones``: a
    record that exceeds the limit is postponed, else it is rejected; ``breaker`` decides when a record is not tried.
    """

    processes: int = 0
    limit_s: float = TIME_LIMIT_S
    spares: int = 1
    postpones: bool = False
    breaker: BreakerRule = DEFAULT


INLINE = PoolPlan()
"""Prepares everything in this process."""


class InlineExtraction:
    """Prepares in this process, immediately and without a limit: for tests and small inputs."""

    def __init__(self, work: RecordWork) -> None:
        self._work = work
        self.reused = 0
        """How many records were prepared from a kept draft."""

    def submit(self, envelope: Envelope) -> Future[Draft]:
        """The finished future of a record's draft. Raises WirewatchError if the store is down."""
        future: Future[Draft] = Future()
        prepared = self._work.do(envelope)
        self.reused += prepared.reused
        future.set_result(prepared.draft)
        return future


class _Outlet(msgspec.Struct):
    """Only the outlet of a raw record; decoding skips the page."""

    source: str = ""


class PoolExtraction:
    """Prepares in separate processes, which start with the first record. Thread-safe."""

    def __init__(self, plan: PoolPlan, work: RecordWork) -> None:
        self._plan = plan
        self._pages: SimpleQueue[tuple[Envelope, Future[Draft]] | None] = SimpleQueue()
        self._ahead: dict[Position, Future[Draft]] = {}
        self._breakers, self._lock = Breakers(plan.breaker), threading.Lock()
        self.reused = 0
        """How many records were prepared from a kept draft."""
        self._spares = Spares(work, plan.limit_s, plan.spares)
        self._processes = [
            PageProcess(self._spares, plan.limit_s, again=not plan.postpones, by_clock=plan.postpones)
            for _ in range(plan.processes + plan.spares)
        ]
        self._slots = threading.Semaphore(plan.processes)
        self._threads = [threading.Thread(target=self._work, args=[one], daemon=True) for one in self._processes]
        for thread in self._threads:
            thread.start()

    def submit_ahead(self, envelope: Envelope) -> None:
        """Start on a record that the graph will submit later, so that processes have work while a slice is stored."""
        self._ahead[envelope.position] = self._queued(envelope)

    def forget_ahead(self) -> None:
        """Drop the records that were started ahead, which will not be submitted."""
        self._ahead.clear()

    def is_prepared(self, envelope: Envelope) -> bool:
        """Whether no wait is needed: this record was not started ahead, or is finished."""
        return (begun := self._ahead.get(envelope.position)) is None or begun.done()

    def wait_for(self, envelopes: Iterable[Envelope], seconds: float) -> None:
        """Wait until those of these records that were started ahead are finished, at most ``seconds``."""
        begun = [self._ahead[one.position] for one in envelopes if one.position in self._ahead]
        wait(begun, seconds)

    def submit(self, envelope: Envelope) -> Future[Draft]:
        """The future of a record's draft. A record that took too long or killed its process has a problem, or is postponed.

        A record's time does not run while it waits for a process. The future raises WirewatchError if no process can be
        started, or the store is down.
        """
        return self._ahead.pop(envelope.position, None) or self._queued(envelope)

    def _queued(self, envelope: Envelope) -> Future[Draft]:
        future: Future[Draft] = Future()
        self._pages.put((envelope, future))
        return future

    def close(self) -> None:
        """Finish submitted records, then end the processes."""
        for _ in self._threads:
            self._pages.put(None)
        for thread in self._threads:
            thread.join()
        self._spares.close()

    def abandon(self) -> None:
        """End the processes at once. Unfinished futures return ``crashed``, or never finish."""
        with suppress(Empty):
            while True:
                self._pages.get_nowait()
        for process in self._processes:
            process.interrupt()
        self.close()

    def _work(self, process: PageProcess) -> None:
        try:
            while (page := self._pages.get()) is not None:
                envelope, future = page
                slot = _Slot(self._slots)
                try:
                    future.set_result(self._prepared(process, envelope, slot.free))
                except BaseException as error:
                    future.set_exception(error)
                finally:
                    slot.free()
        finally:
            process.stop()

    def _prepared(self, process: PageProcess, envelope: Envelope, relieve: Callable[[], object]) -> Draft:
        if not self._plan.postpones:
            return self._counted(process.prepare(envelope, relieve))
        with self._lock:
            watched = not self._breakers.idle
        outlet = outlet_of(envelope) if watched else ""
        with self._lock:
            if watched and self._breakers.sends_away(outlet, envelope.key.time_ms):
                return postponed(envelope, Postponed(BREAKER, outlet))
        draft = self._counted(process.prepare(envelope, relieve))
        slow = draft.problem is not None and draft.problem.by_limit
        # Good pages count from the start, since an outlet is judged by its latest pages, not by those since its first slow one.
        outlet = outlet or (draft.article.source if draft.article is not None else outlet_of(envelope))
        with self._lock:
            self._breakers.note(outlet, envelope.key.time_ms, slow=slow)
        return postponed(envelope, _why(draft.problem, outlet), draft.item) if slow else draft

    def _counted(self, prepared: Prepared) -> Draft:
        if prepared.reused:
            with self._lock:
                self.reused += 1
        return prepared.draft


class _Slot:
    """A place in a pool, taken until it is freed; it can be freed only once."""

    def __init__(self, slots: threading.Semaphore) -> None:
        slots.acquire()
        self._slots: threading.Semaphore | None = slots

    def free(self) -> None:
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.release()


def _why(problem: Rejection | None, outlet: str) -> Postponed:
    reason = problem.reason.partition(":")[0] if problem else ""
    return Postponed(SLOW if reason == TIMEOUT else reason, outlet)


def postponed(envelope: Envelope, why: Postponed, item: str = "") -> Draft:
    """The placeholder of a record that leaves the order."""
    return Draft(
        number=envelope.number, position=envelope.position, key=envelope.key, item=item or envelope.item, postponed=why
    )


def outlet_of(envelope: Envelope) -> str:
    """The outlet of a raw record; "" if it can't be decoded."""
    if envelope.kept is not None:
        return envelope.kept.draft.page.source if envelope.kept.draft.page is not None else ""
    try:
        return msgspec.json.decode(envelope.value, type=_Outlet).source
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""


_lock = threading.Lock()


def shared_extraction(plan: PoolPlan, work: RecordWork) -> InlineExtraction | PoolExtraction:
    """The process's only extraction for a plan: a pool, or inline for 0 processes. Created at first use, never closed."""
    with _lock:
        return _shared(plan, work)


@cache
def _shared(plan: PoolPlan, work: RecordWork) -> InlineExtraction | PoolExtraction:
    return PoolExtraction(plan, work) if plan.processes else InlineExtraction(work)
