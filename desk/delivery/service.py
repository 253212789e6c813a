"""The delivery service: plans alerts, gathers digests, and sends on each channel in a separate thread.

A channel that fails, hangs or is rate-limited delays no other, since each has its own thread and pauses. The process may be
killed at any point: what it planned is stored, and what it sent without recording is sent again with the same id. Several
processes may run on one store.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import structlog

from core.clock import Every
from core.errors import StoreError
from core.records import Alert, decode
from core.store import Store, SubscriptionStore
from core.store.canary import Canary, CanaryRepository
from core.store.leases import LEASE_MS
from desk import language
from desk.delivery.briefings import Briefings
from desk.delivery.channels import Carrier, Options, carrier_of
from desk.delivery.plan import plan_all
from desk.delivery.recalls import recall_taken_down
from desk.delivery.render import Renderer
from desk.delivery.sending import Sending
from desk.delivery.store.channels import Channel
from desk.delivery.store.queue import SendQueue, forget_sent
from desk.delivery.store.texts import FIRST, remove_quotations
from desk.people.store import PeopleStore

log = structlog.get_logger()
PLAN_BATCH, PLAN_BATCHES = 200, 5
"""Alerts planned at once, and batches before channels are started: a backlog must not delay messages already planned."""
THREADS = 32
LOOK_EVERY_MS = 5_000
FORGET_EVERY_MS = 3_600_000
FORGET_BATCH = 500


@dataclass
class Round:
    """The result of one round of work."""

    planned: int = 0
    gathered: int = 0
    started: int = 0

    @property
    def idle(self) -> bool:
        """Whether the round had nothing to do."""
        return not (self.planned or self.gathered or self.started)


class DeliveryService:
    """One process's delivery. Call ``step`` and ``close`` from one thread.

    ``canaries``: the run's canaries, which pass through delivery. ``keep_ms``: how long sent messages are kept; 0: always.
    ``spoken``: the language of messages if the channel's owner chose none at the desk.
    ``leases``: the leases of its channels, for a ``Heartbeat``. ``briefings``: the daily briefing, if there is one.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        options: Options,
        renderer: Renderer,
        *,
        carrier: Callable[[Channel, Options], Carrier] = carrier_of,
        chance: Callable[[], float] = random.random,
        wait: Callable[[float], object] | None = None,
        canaries: CanaryRepository | None = None,
        keep_ms: int = 0,
        lease_ms: int = LEASE_MS,
        briefings: Briefings | None = None,
        spoken: str = language.SOURCE,
    ) -> None:
        self._briefings, self._spoken, self._people = briefings, spoken, PeopleStore(store)
        self._store, self._options, self._renderer = store, options, renderer
        self._queue, self._queries = SendQueue(store, worker, lease_ms=lease_ms), SubscriptionStore(store)
        self.leases = self._queue.leases
        self._carrier, self._chance = carrier, chance
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="channel")
        self._running: dict[str, Future[None]] = {}
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._canaries = CanaryMarks(canaries, options.clock_ms, self._pool.submit) if canaries else None
        self._forgetting = Forgetting(store, keep_ms)

    def step(self) -> Round:
        """One round: plan new alerts, gather due deliveries, start channels that have messages to send."""
        now_ms = self._options.clock_ms()
        if self._canaries:
            self._canaries.before(now_ms)
        done = Round(planned=self.plan(now_ms))
        recall_taken_down(self._store, now_ms=now_ms)
        done.gathered = self._queue.gather(now_ms=now_ms)
        if self._briefings:
            done.gathered += self._briefings.tend(now_ms)
        for name in [name for name, work in self._running.items() if work.done()]:
            self._finished(name)
        free = THREADS - len(self._running)
        for channel in self._queue.claim(now_ms=now_ms, busy=self._running, limit=free) if free else ():
            self._running[channel.name] = self._pool.submit(self.send_on, channel)
            done.started += 1
        if self._canaries and done.planned < PLAN_BATCH * PLAN_BATCHES:
            self._canaries.after()
        self._forgetting.tend(now_ms)
        return done

    def plan(self, now_ms: int) -> int:
        """Plan alerts that wait in the outbox, at most 1,000. Returns how many."""
        total = 0
        for _ in range(PLAN_BATCHES):
            taken = self._queue.take_alerts(PLAN_BATCH, now_ms=now_ms)
            if not taken:
                break
            alerts = [decode(row.payload.encode(), Alert) for row in taken]
            known = self._queue.background(
                (one.subscription for one in alerts), (one.story for one in alerts), now_ms=now_ms
            )
            plan = plan_all(alerts, known, now_ms)
            self._queue.plan(taken, plan.deliveries, plan.withdrawn)
            total += len(taken)
            if len(taken) < PLAN_BATCH or self._stop.is_set():
                break
        return total

    def wait_idle(self) -> None:
        """Wait until no channel is sending and no canary is being marked."""
        for name in list(self._running):
            self._running[name].exception()
            self._finished(name)
        if self._canaries:
            self._canaries.wait()

    def close(self) -> None:
        """Wait for messages that are being sent, and stop."""
        self._stop.set()
        self._pool.shutdown(wait=True)

    def _finished(self, name: str) -> None:
        error = self._running.pop(name).exception()
        self.leases.ended([name])
        if isinstance(error, StoreError):
            log.warning("a channel's state could not be stored; it is tried again", channel=name, error=str(error))
        elif error is not None:
            # A bug: this channel's lease runs out, and the others continue.
            log.error("a channel failed with an internal error", channel=name, error=type(error).__name__)

    def send_on(self, channel: Channel) -> None:
        """Send the waiting messages of a channel that this process has claimed, as far as its pace allows."""
        owner = self._people.named(channel.owner) if channel.owner else None
        sending = Sending(
            self._queue,
            self._queries,
            channel,
            self._options,
            self._renderer,
            chance=self._chance,
            stop=self._stop,
            wait=self._wait,
            briefings=self._briefings,
        )
        with language.speaking((owner.language if owner is not None else None) or self._spoken):
            sending.run(self._carrier)


class _Submit(Protocol):
    def __call__(self, work: Callable[[], None], /) -> Future[None]: ...


class CanaryMarks:
    """Marks canaries as delivered once the service has processed an outbox that held them; none is sent to people.

    ``submit`` passes work to the threads that channels send on, so that a service whose threads all hang marks none.
    """

    def __init__(self, canaries: CanaryRepository, clock_ms: Callable[[], int], submit: _Submit) -> None:
        self._canaries, self._clock_ms, self._submit = canaries, clock_ms, submit
        self._look = Every(LOOK_EVERY_MS)
        self._seen: Sequence[Canary] = ()
        self._marking: Future[None] | None = None

    def before(self, now_ms: int) -> None:
        """Find the canaries in the outbox, before it is processed; at most every 5 s. Raises StoreError."""
        if self._marking is not None and not self._marking.done():
            return
        if not self._look.due(now_ms):
            return
        self._seen = self._canaries.undelivered()

    def after(self) -> None:
        """After the outbox was processed, mark the canaries found before."""
        if not self._seen:
            return
        identities, self._seen = [one.id for one in self._seen], ()
        self._marking = self._submit(lambda: self._canaries.delivered(identities, self._clock_ms()))
        self._marking.add_done_callback(_say)

    def wait(self) -> None:
        """Wait until the submitted marks are stored, or have failed."""
        if self._marking is not None:
            self._marking.exception()


def _say(marking: Future[None]) -> None:
    if not marking.cancelled() and (error := marking.exception()) is not None:
        log.warning("canaries could not be marked as delivered; they are tried again", error=str(error))


class Forgetting:
    """Deletes what was sent more than ``keep_ms`` ago (0: nothing), and quotations in sent messages of texts that are gone.

    Works in batches, so that nothing waits for it.
    """

    def __init__(self, store: Store, keep_ms: int) -> None:
        self._store, self._keep_ms = store, keep_ms
        self._done_ms: int | None = None
        self._looked_ms: int | None = None
        self._looked_at = FIRST

    def tend(self, now_ms: int) -> int:
        """Delete a batch if it is due. Returns the number of deleted deliveries and messages. Raises StoreError."""
        self._texts(now_ms)
        if self._keep_ms <= 0 or not _time(self._done_ms, now_ms):
            return 0
        gone = forget_sent(self._store, before_ms=now_ms - self._keep_ms, limit=FORGET_BATCH)
        if not gone:
            self._done_ms = now_ms
        return gone

    def _texts(self, now_ms: int) -> None:
        if _time(self._looked_ms, now_ms):
            last = remove_quotations(self._store, now_ms, self._looked_at, FORGET_BATCH)
            self._looked_at, self._looked_ms = last or FIRST, None if last else now_ms
            if last is None:
                # It also has what ``forget_sent`` deleted.
                self._store.empty_log()


def _time(done_ms: int | None, now_ms: int) -> bool:
    return done_ms is None or not 0 <= now_ms - done_ms < FORGET_EVERY_MS
