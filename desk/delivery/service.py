"""Delivery as a service: plans alerts, gathers digests, and sends on each channel in a thread of its own.

A channel that fails, stalls or is limited holds up nobody else: others have their own threads, and it pauses alone. The
process may be killed anywhere: what it had planned is stored, what it had sent and not noted goes out again with the same
id. Several processes may run on one store.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog

from core.errors import StoreError, UsageError
from core.records import Alert, Subscription, decode
from core.store import Store, SubscriptionStore
from core.store.canary import CanaryRepository
from desk.delivery.channels import Carrier, Options, Trouble, carrier_of
from desk.delivery.decide import may_go, plan_all
from desk.delivery.render import Renderer
from desk.delivery.retry import gives_up, pace_ms, pause_s
from desk.delivery.secrets import redacted
from desk.delivery.store.channels import Channel, Delivery
from desk.delivery.store.queue import LEASE_MS, Message, SendQueue
from desk.delivery.takedowns import kill_taken_down
from desk.delivery.tending import CanaryMarks, Forgetting

log = structlog.get_logger()
PLAN_BATCH = 200
SEND_BATCH = 50
# What was sent is noted at the latest after so long: a crash repeats no more than that.
NOTE_EVERY_MS = 100
THREADS = 32
BEHIND_MS = 1_000
# A pace of up to so long is kept in the channel's own thread; a slower one by coming back.
WAITED_MS = 2_000


@dataclass
class Round:
    """What one round of work came to."""

    planned: int = 0
    gathered: int = 0
    started: int = 0

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.planned or self.gathered or self.started)


class DeliveryService:
    """One process's delivery. ``step`` and ``close`` belong to one thread.

    ``canaries``: those of the run whose way leads through here. ``keep_ms``: how long sent messages are kept; 0: for ever.
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
    ) -> None:
        self._store, self._options, self._renderer = store, options, renderer
        self._queue, self._queries = SendQueue(store, worker), SubscriptionStore(store)
        self._carrier, self._chance = carrier, chance
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="channel")
        self._running: dict[str, Future[None]] = {}
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._canaries = CanaryMarks(canaries, options.clock_ms, self._pool.submit) if canaries else None
        self._forgetting = Forgetting(store, keep_ms)

    def step(self) -> Round:
        """One round: plan what is new, gather what is due, start channels that have something to send."""
        now_ms = self._options.clock_ms()
        if self._canaries:
            self._canaries.before(now_ms)
        done = Round(planned=self.plan(now_ms))
        kill_taken_down(self._store, now_ms=now_ms)
        done.gathered = self._queue.gather(now_ms=now_ms)
        for name in [name for name, work in self._running.items() if work.done()]:
            self._finished(name)
        free = THREADS - len(self._running)
        for channel in self._queue.claim(now_ms=now_ms, busy=self._running, limit=free) if free else ():
            self._running[channel.name] = self._pool.submit(self.send_on, channel)
            done.started += 1
        if self._canaries:
            self._canaries.after()
        self._forgetting.tend(now_ms)
        return done

    def plan(self, now_ms: int) -> int:
        """Decide on alerts that wait in the outbox; how many those were."""
        total = 0
        while taken := self._queue.take_alerts(PLAN_BATCH, now_ms=now_ms):
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
        """Let what is being sent end, and stop."""
        self._stop.set()
        self._pool.shutdown(wait=True)

    def _finished(self, name: str) -> None:
        error = self._running.pop(name).exception()
        if isinstance(error, StoreError):
            log.warning("a channel's state could not be stored; it is tried again", channel=name, error=str(error))
        elif error is not None:
            # A bug: the channel's lease runs out in a minute, the others go on.
            log.error("a channel broke", channel=name, error=type(error).__name__)

    def send_on(self, channel: Channel) -> None:
        """Send what waits for a channel that this process has claimed, as far as its pace allows."""
        turn = _Sending(self._queue, self._queries, channel, self._options, self._renderer)
        turn.chance, turn.stop, turn.wait = self._chance, self._stop, self._wait
        turn.run(self._carrier)


class _Sending:
    """One channel's turn."""

    def __init__(
        self,
        queue: SendQueue,
        queries: SubscriptionStore,
        channel: Channel,
        options: Options,
        renderer: Renderer,
    ) -> None:
        self._queue, self._queries, self._channel = queue, queries, channel
        self._options, self._renderer = options, renderer
        self.chance: Callable[[], float] = random.random
        self.stop = threading.Event()
        self.wait: Callable[[float], object] = self.stop.wait
        self._changes: list[tuple[Message, dict[str, Any]]] = []
        self._health: dict[str, Any] = {}
        self._noted_ms = options.clock_ms()
        self._failures = channel.failures
        # As of this batch: an edit holds for the next.
        self._known: dict[str, Subscription | None] = {}

    def run(self, make: Callable[[Channel, Options], Carrier]) -> None:
        """Send until nothing waits, the pace says no, or there is trouble."""
        try:
            carrier = make(self._channel, self._options)
        except UsageError as error:
            self._in_trouble(Trouble(redacted(str(error), self._channel)))
            self._note(release=True)
            return
        try:
            while not self.stop.is_set():
                now_ms = self._options.clock_ms()
                self._known.clear()
                batch = self._queue.messages(self._channel.name, now_ms=now_ms, limit=SEND_BATCH)
                if not batch:
                    break
                if not all(self._one(carrier, message, parts) for message, parts in batch):
                    break
                self._note(release=False)
        finally:
            carrier.close()
            self._note(release=True)

    def _one(self, carrier: Carrier, message: Message, parts: list[Delivery]) -> bool:
        """Send one message; False where the channel must pause. Raises StoreError."""
        now_ms = self._options.clock_ms()
        if self.stop.is_set():
            return False
        subscription = self._subscription(message)
        if not parts and message.kind != "test":
            self._changes.append((message, {"status": "cancelled", "problem": "nothing is left of it"}))
            return True
        if message.kind == "kill" and any(self._queue.waits_for(part) for part in parts):
            self._changes.append((message, {"due_ms": now_ms + BEHIND_MS}))
            return True
        later_ms = may_go(message.level, message.kind, subscription.schedule if subscription else None, now_ms)
        if later_ms is not None:
            self._changes.append((message, {"due_ms": later_ms}))
            return True
        try:
            notice = self._renderer.render(message, parts, subscription)
            carrier.send(notice)
        except Trouble as trouble:
            return self._failed(message, trouble)
        except UsageError as error:
            return self._failed(message, Trouble(redacted(str(error)), channel=False))
        sent_ms = self._options.clock_ms()
        problem = "; ".join(notice.remarks) or None
        change = {"status": "sent", "sent_ms": sent_ms, "attempts": message.attempts + 1, "problem": problem}
        self._changes.append((message, change))
        self._failures = 0
        self._health |= {"health": "ok", "failures": 0, "problem": problem, "last_ok_ms": sent_ms}
        pace = pace_ms(self._channel)
        if pace:
            self._health["not_before_ms"] = sent_ms + pace
        if sent_ms - self._noted_ms >= NOTE_EVERY_MS and not self._note(release=False):
            return False
        return pace == 0 or (pace <= WAITED_MS and not self.wait(pace / 1_000))

    def _subscription(self, message: Message) -> Subscription | None:
        if message.kind == "test":
            return None
        if message.subscription not in self._known:
            self._known[message.subscription] = self._queries.newest(message.subscription)
        return self._known[message.subscription]

    def _failed(self, message: Message, trouble: Trouble) -> bool:
        now_ms = self._options.clock_ms()
        words = redacted(trouble.words, self._channel)
        change: dict[str, Any] = {"attempts": message.attempts + 1, "problem": words}
        if not trouble.again or gives_up(message, now_ms):
            change["status"] = "failed"
        elif message.attempts or not trouble.channel:
            # From the second time on others go first: it may be this message that the receiver stumbles over.
            tries = message.attempts + (2 if trouble.channel else 1)
            change["due_ms"] = now_ms + int(1_000 * pause_s(tries, trouble.retry_after_s, self.chance()))
        self._changes.append((message, change))
        log.warning("a message did not go out", channel=self._channel.name, message=message.id, problem=words)
        if trouble.channel:
            self._in_trouble(trouble)
            return False
        self._health |= {"problem": words, "last_failed_ms": now_ms}
        return True

    def _in_trouble(self, trouble: Trouble) -> None:
        now_ms = self._options.clock_ms()
        self._failures += 1
        pause = pause_s(self._failures, trouble.retry_after_s, self.chance())
        self._health |= {
            "health": "failing",
            "problem": redacted(trouble.words, self._channel),
            "failures": self._failures,
            "last_failed_ms": now_ms,
            "not_before_ms": now_ms + int(1_000 * pause),
        }

    def _note(self, *, release: bool) -> bool:
        """Store what was done so far; False where another process has the channel by now: it took us for dead."""
        now_ms = self._options.clock_ms()
        changes, self._changes = self._changes, []
        health, self._health = self._health, {}
        mine = self._queue.settle(self._channel.name, changes, health, now_ms=now_ms, release=release)
        if now_ms - self._noted_ms > LEASE_MS:
            log.warning("a channel took longer than its lease", channel=self._channel.name)
        self._noted_ms = now_ms
        return mine
