"""The briefing by mail: one message per day and channel, written from the store when it is sent.

A message's ``queued_ms`` determines its day, and its id is derived from the day and the channel: so queueing it again, after a
crash or in another process, adds nothing. A message has no text until it is sent, so it does not contain an article that was
taken down while it waited.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec
import sqlalchemy as sa
import structlog

from core.durations import HOUR_MS
from core.errors import UsageError
from core.records import from_ms, to_ms
from core.store.engine import Store
from desk.delivery.render import Notice, Renderer
from desk.delivery.store import tables as d
from desk.delivery.store.channels import key_of
from desk.delivery.store.devices import KIND as DEVICE_KIND
from desk.delivery.store.queue import Message
from desk.delivery.times import clock_time, moment_of, zone_of
from desk.views.briefing import Briefing

log = structlog.get_logger()
LATEST_MS = 6 * HOUR_MS
"""A service that was down at the due time sends the briefing up to this much later; after that it is out of date."""
KIND: Final = "briefing"
FOR_ALERTS = frozenset({"webhook", DEVICE_KIND})
"""Kinds that accept only alerts: a webhook's receiver is a program, which has the API, and a notification is too short."""


class DailyBriefing(msgspec.Struct, frozen=True, kw_only=True):
    """The schedule: at ``at`` (HH:MM in ``zone``; empty: never), about the last ``hours``, to these channels."""

    at: str = ""
    zone: str = "UTC"
    hours: int = 24
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError, naming the fault, for an invalid time, zone or number of hours."""
        if self.at:
            clock_time(self.at)
            zone_of(self.zone)
        if not 1 <= self.hours <= 24 * 7:
            raise UsageError(f"briefing_hours: {self.hours} is not in the range 1 to {24 * 7}")

    def last_due(self, now_ms: int) -> int | None:
        """The latest due time at or before now (ms, UTC); None if it is never due."""
        if not self.at:
            return None
        zone, now = zone_of(self.zone), from_ms(now_ms)
        today = now.astimezone(zone).date()
        due = (moment_of(today - timedelta(days=back), clock_time(self.at), zone) for back in (0, 1))
        return to_ms(next(moment for moment in due if moment <= now))


class Briefings:
    """Queues and writes the daily briefing. ``made`` makes the briefing of a period (from inclusive, to exclusive; ms, UTC).

    ``printed`` makes the PDF attached to its mail; None for no PDF.
    """

    def __init__(
        self,
        store: Store,
        run: str,
        daily: DailyBriefing,
        renderer: Renderer,
        made: Callable[[int, int], Briefing],
        printed: Callable[[Briefing], bytes] | None = None,
    ) -> None:
        self._printed = printed
        self._store, self._run, self._daily, self._renderer, self._made = store, run, daily, renderer, made
        self._done_ms: int | None = None

    def tend(self, now_ms: int) -> int:
        """Queue the briefing if it is due. Returns the number of messages. Raises StoreError."""
        due_ms = self._daily.last_due(now_ms)
        if due_ms is None or due_ms == self._done_ms or now_ms - due_ms > LATEST_MS:
            return 0
        c = d.channels.c
        with self._store.writing() as connection:
            query = sa.select(c.name, c.kind).where(c.name.in_(self._daily.channels), c.active)
            known = {row.name: row.kind for row in connection.execute(query)}
            names = [name for name in self._daily.channels if known.get(name, "webhook") not in FOR_ALERTS]
            messages = [self._message(name, due_ms) for name in names]
            self._store.insert_new(connection, d.messages, [msgspec.structs.asdict(one) for one in messages])
        for name in self._daily.channels:
            if name not in names:
                log.warning("the briefing can't go to this channel", channel=name, kind=known.get(name, "none"))
        self._done_ms = due_ms
        return len(messages)

    def notice(self, message: Message) -> Notice:
        """The message to send. Raises StoreError, and UsageError if a template fails."""
        until_ms = message.queued_ms
        view = self._made(until_ms - self._daily.hours * HOUR_MS, until_ms)
        notice = self._renderer.briefing(view, self._daily.zone, id=message.id, at_ms=until_ms)
        if self._printed is not None:
            notice.pdf = partial(self._printed, view)
        return notice

    def _message(self, channel: str, due_ms: int) -> Message:
        return Message(
            id=key_of("message", KIND, self._run, channel, str(due_ms)),
            channel=channel,
            subscription=KIND,
            kind=KIND,
            level="normal",
            due_ms=due_ms,
            queued_ms=due_ms,
        )
