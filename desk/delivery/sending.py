"""Sends on one channel: in order, at its pace, with pauses after failures.

A message that a channel can't send waits or fails. Only this channel pauses, and it delays no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import structlog

from core.errors import UsageError
from core.records import Subscription
from core.store import SubscriptionStore
from core.streams.headers import is_trace, span_of
from core.tracing import Span
from desk.delivery.briefings import KIND, Briefings
from desk.delivery.channels import Carrier, Options, Trouble
from desk.delivery.plan import may_go
from desk.delivery.render import Renderer
from desk.delivery.secrets import redacted
from desk.delivery.store.channels import Channel, Delivery
from desk.delivery.store.queue import Message, SendQueue

log = structlog.get_logger()
SEND_BATCH = 50
# Sent messages are recorded at least this often: a crash repeats no more than that.
NOTE_EVERY_MS = 100
BEHIND_MS = 1_000
# Delays up to this long are waited for in the channel's thread; for longer ones the channel is claimed again later.
WAITED_MS = 2_000
FIRST_S, LONGEST_S = 5.0, 3_600.0
GIVE_UP_MS = 3 * 86_400_000
"""A message that could not be sent for three days has failed; it stays visible and can be sent again by hand."""


class Sending:
    """One channel's turn at sending."""

    def __init__(
        self,
        queue: SendQueue,
        queries: SubscriptionStore,
        channel: Channel,
        options: Options,
        renderer: Renderer,
        *,
        chance: Callable[[], float],
        stop: threading.Event,
        wait: Callable[[float], object],
        briefings: Briefings | None = None,
    ) -> None:
        self._queue, self._queries, self._channel = queue, queries, channel
        self._options, self._renderer = options, renderer
        self._chance, self._stop, self._wait = chance, stop, wait
        self._briefings = briefings
        self._changes: list[tuple[Message, dict[str, Any]]] = []
        self._health: dict[str, Any] = {}
        self._noted_ms = options.clock_ms()
        self._failures = channel.failures
        self._gone = False
        # As of this batch: an edit applies to the next.
        self._known: dict[str, Subscription | None] = {}

    def run(self, make: Callable[[Channel, Options], Carrier]) -> None:
        """Send until no message waits, the pace requires a delay, or the channel fails."""
        try:
            carrier = make(self._channel, self._options)
        except UsageError as error:
            self._in_trouble(Trouble(redacted(str(error), self._channel)))
            self._note(release=True)
            return
        try:
            while not self._stop.is_set():
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
            mine = self._note(release=True)
            if self._gone and mine and self._queue.remove_gone(self._channel):
                log.warning("a channel was removed: its receiver no longer exists", channel=self._channel.name)

    def _one(self, carrier: Carrier, message: Message, parts: list[Delivery]) -> bool:
        """Send one message. Returns False if the channel must pause. Raises StoreError."""
        now_ms = self._options.clock_ms()
        if self._stop.is_set():
            return False
        subscription = self._subscription(message)
        briefing = self._briefings if message.kind == KIND else None
        if not parts and message.kind != "test" and briefing is None:
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
            notice = briefing.notice(message) if briefing else self._renderer.render(message, parts, subscription)
            carrier.send(notice)
        except Trouble as trouble:
            return self._failed(message, trouble)
        except UsageError as error:
            return self._failed(message, Trouble(redacted(str(error)), channel=False))
        sent_ms = self._options.clock_ms()
        self._trace(parts, now_ms, sent_ms)
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
        return pace == 0 or (pace <= WAITED_MS and not self._wait(pace / 1_000))

    def _trace(self, parts: list[Delivery], start_ms: int, end_ms: int) -> None:
        """Record a span for each alert of a message that the receiver accepted."""
        if self._options.spans is not None:
            about = {"channel": self._channel.name, "kind": self._channel.kind}
            for part in parts:
                if is_trace(part.article):
                    # A repeat is a separate span.
                    identity = span_of(f"{part.id} {start_ms}".encode())
                    parent = span_of(part.alert.encode())
                    self._options.spans.add(Span("deliver", part.article, identity, parent, start_ms, end_ms, about))

    def _subscription(self, message: Message) -> Subscription | None:
        if message.kind in ("test", KIND):
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
            # From the second failure on, others go first: this message itself may cause the failure.
            tries = message.attempts + (2 if trouble.channel else 1)
            change["due_ms"] = now_ms + int(1_000 * pause_s(tries, trouble.retry_after_s, self._chance()))
        self._changes.append((message, change))
        log.warning("a message could not be sent", channel=self._channel.name, message=message.id, problem=words)
        self._gone = trouble.gone
        if trouble.channel or trouble.gone:
            self._in_trouble(trouble)
            return False
        self._health |= {"problem": words, "last_failed_ms": now_ms}
        return True

    def _in_trouble(self, trouble: Trouble) -> None:
        now_ms = self._options.clock_ms()
        self._failures += 1
        pause = pause_s(self._failures, trouble.retry_after_s, self._chance())
        self._health |= {
            "health": "failing",
            "problem": redacted(trouble.words, self._channel),
            "failures": self._failures,
            "last_failed_ms": now_ms,
            "not_before_ms": now_ms + int(1_000 * pause),
        }

    def _note(self, *, release: bool) -> bool:
        """Store what was done so far. Returns False if another process has claimed the channel, after our lease ran out."""
        now_ms = self._options.clock_ms()
        changes, self._changes = self._changes, []
        health, self._health = self._health, {}
        mine = self._queue.settle(self._channel.name, changes, health, now_ms=now_ms, release=release)
        self._noted_ms = now_ms
        return mine


def pause_s(failures: int, wish_s: float | None, chance: float) -> float:
    """Seconds until the next try after ``failures`` failures in a row (1 or more), doubling from 5 s to an hour.

    ``chance`` (0 to 1) spreads it over its upper half, so that channels don't retry all at once. Never earlier than the
    receiver asked for.
    """
    whole = min(FIRST_S * 2.0 ** min(failures - 1, 20), LONGEST_S)
    spread = whole * (0.5 + chance / 2)
    return spread if wish_s is None else max(wish_s * (1 + chance / 10), spread)


def gives_up(message: Message, now_ms: int) -> bool:
    """Whether to stop trying to send a message that has just failed again."""
    return now_ms - message.queued_ms >= GIVE_UP_MS


def pace_ms(channel: Channel) -> int:
    """Milliseconds between two messages on a channel; 0 for no limit."""
    return 0 if channel.per_minute <= 0 else -(-60_000 // channel.per_minute)
