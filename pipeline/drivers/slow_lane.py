"""The slow lane of a continuous run: prepares records that left the order, in separate processes, with the full limit.

It is a thread of the pipeline service, with both drivers. It takes waiting records from the store, reads the raw
records from the stream, and stores the drafts; the reader brings these back into the order (``Returns``), where they
get late places. A kill at any moment loses nothing: the records are begun again. A record that was begun twice by
services that died is set aside, so that it can't end a third.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog

from core.clock import Every
from core.errors import Fenced, OffsetOutOfRange, StoreError, StreamError, WirewatchError
from core.records import Position
from core.streams import Stream
from pipeline.elements import SET_ASIDE, Draft, Envelope, Rejection
from pipeline.ledger.slow_lane import Returning, SlowLaneQueue
from pipeline.order.slow_lane import WaitingRecord, choose
from pipeline.transforms.extraction_pool import PoolExtraction
from pipeline.transforms.prepare import STAGE, decode_envelope

log = structlog.get_logger()
LOOK_S, BUSY_S = 0.5, 0.05
TRIES = 2
READ_MS = 2_000
# How often the reader queries the store at most.
ASK_MS = 500
AT_ONCE = 50


class SlowLane:
    """One start of the slow lane. ``turn`` is one round, by one thread; ``start`` creates a thread that repeats it.

    ``open_raw`` opens the raw stream, and ``make_pool`` starts the processes, both when the first record comes.
    """

    def __init__(
        self,
        queue: SlowLaneQueue,
        *,
        processes: int,
        open_raw: Callable[[], Stream],
        make_pool: Callable[[], PoolExtraction],
    ) -> None:
        self._queue, self._processes = queue, processes
        self._open_raw, self._make_pool = open_raw, make_pool
        self._raw: Stream | None = None
        self._pool: PoolExtraction | None = None
        self._running: dict[Position, tuple[WaitingRecord, Future[Draft]]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._away = False

    def start(self) -> None:
        """Repeat rounds on a thread until ``close``."""
        self._thread = threading.Thread(target=self._go_round, name="slow lane", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it in an orderly way: records in preparation are begun again at the next start, and this try does not count."""
        self._stop.set()
        if self._thread is None:
            self._end()
        else:
            self._thread.join()

    def _end(self) -> None:
        # Here and not in ``close``: a stream belongs to one thread.
        try:
            self._queue.give_back(list(self._running))
        except WirewatchError:
            # Another owner has the run, or the store can't be reached: the try is counted although it should not be.
            log.info("the slow lane stops with unfinished records", records=len(self._running))
        if self._pool is not None:
            self._pool.abandon()
        if self._raw is not None:
            self._raw.close()

    def turn(self) -> bool:
        """One round: store finished drafts, begin waiting records. Returns whether anything is being prepared.

        Raises StoreError or StreamError, after which nothing is lost, and Fenced.
        """
        self._collect()
        free = self._processes - len(self._running)
        if free > 0:
            chosen = choose(self._queue.waiting(), [one for one, _ in self._running.values()], free)
            tried = [one for one in chosen if one.tries >= TRIES]
            fresh = [one for one in chosen if one.tries < TRIES]
            for one in tried:
                self._set_aside(one)
            if fresh:
                self._begin(fresh)
        return bool(self._running)

    def _go_round(self) -> None:
        try:
            self._rounds()
        finally:
            self._end()

    def _rounds(self) -> None:
        while not self._stop.is_set():
            busy = False
            try:
                busy = self.turn()
                self._away = False
            except Fenced:
                # The driver finds out by itself.
                return
            except (StoreError, StreamError) as error:
                if not self._away:
                    log.warning("the slow lane waits for store or stream", error=str(error))
                self._away = True
            except Exception:
                log.exception("a round of the slow lane failed; continuing")
            self._stop.wait(BUSY_S if busy else LOOK_S)

    def _collect(self) -> None:
        for position, (_, future) in list(self._running.items()):
            if not future.done():
                continue
            try:
                self._queue.finish(position, future.result())
            finally:
                # Without a draft (no process could be started, the store can't be reached) it is begun again.
                del self._running[position]

    def _begin(self, chosen: list[WaitingRecord]) -> None:
        envelopes = {one.position: self._envelope(one) for one in chosen}
        self._queue.begin([one.position for one in chosen])
        if self._pool is None:
            self._pool = self._make_pool()
        for one in chosen:
            envelope = envelopes[one.position]
            if envelope is None:
                reason = "retention: the raw record was deleted before it was prepared"
                self._queue.finish(one.position, _refused(one, "", Rejection("read", reason)))
            else:
                self._running[one.position] = one, self._pool.submit(envelope)

    def _set_aside(self, one: WaitingRecord) -> None:
        envelope = self._envelope(one)
        reason = f"{SET_ASIDE}: the service ended {one.tries} times while it was prepared"
        item = decode_envelope(envelope).item if envelope else ""
        log.error("a record is set aside", position=str(one.position), item=item, tries=one.tries)
        self._queue.finish(one.position, _refused(one, item, Rejection(STAGE, reason)))

    def _envelope(self, one: WaitingRecord) -> Envelope | None:
        """The raw record; None if it is gone."""
        if self._raw is None:
            self._raw = self._open_raw()
        position = one.position
        try:
            records = self._raw.read({position.partition: position.offset}, max_bytes=1, wait_ms=READ_MS)
        except OffsetOutOfRange:
            return None
        record = next(iter(records), None)
        if record is None or record.offset != position.offset or self._raw.uuid != position.stream:
            return None
        return Envelope(number=0, position=position, key=one.key, value=record.value, digest=record.digest)


def _refused(one: WaitingRecord, item: str, problem: Rejection) -> Draft:
    return Draft(number=0, position=one.position, key=one.key, item=item, problem=problem)


class Returns:
    """Records that come back from the slow lane, for the reader. Single-threaded. Queries the store once in ``ASK_MS``."""

    def __init__(self, queue: SlowLaneQueue, monotonic: Callable[[], float]) -> None:
        self._queue, self._monotonic = queue, monotonic
        self._ask = Every(ASK_MS)
        # On their way to the ledger, so that they are not brought back twice.
        self._sent: dict[Position, None] = {}

    def take(self, limit: int, number: Callable[[], int]) -> list[Envelope]:
        """Up to ``limit`` finished records, with the next numbers; none while the store can't be reached."""
        if not self._ask.due(int(1_000 * self._monotonic())):
            return []
        try:
            found = self._queue.returning(limit, but=self._sent.keys())
        except StoreError:
            return []
        self._sent.update(dict.fromkeys(one.position for one in found))
        while len(self._sent) > 4 * AT_ONCE:
            del self._sent[next(iter(self._sent))]
        return [_back(one, number()) for one in found]


def _back(one: Returning, number: int) -> Envelope:
    return Envelope(number=number, position=one.position, key=one.key, value=one.draft, ready=True)
