"""Event streams (SSE) for the Live page and the API: their slots, their readers, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from typing import TypeVar

from anyio import to_thread
from fastapi import Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from core.net.addresses import place_of
from desk.language import gettext
from desk.live.follow import Batch, StreamReader
from desk.people.limits import OPENING
from desk.people.roles import Caller
from desk.use_cases.desk import Desk
from desk.web.guard import still_in
from desk.web.problems import Refused, too_many
from desk.web.requests import number_in

PATIENCE_S = 5.0
"""Seconds that a stream waits for a batch before it checks the status bar, and whether its person may still read."""
CHECK_S = 30.0
_TOGETHER = 20
"""Events that are made and sent before other requests get their turn."""

T = TypeVar("T")


class SignedOut(Exception):
    """The caller of the stream may no longer read."""


def event_stream(
    desk: Desk,
    request: Request,
    caller: Caller,
    events: Callable[[], AsyncIterator[ServerSentEvent]],
    full: str,
) -> Response:
    """A response that sends ``events``.

    Refuses with 429 if the caller (with the message ``full``) or the caller's address has too many streams open or the caller
    opens them too fast, and with 503 if there are too many in total.
    """
    together, places, each = desk.streams
    place = place_of(request.state.address)
    if each.full(caller.id):
        raise Refused(429, full, {"Retry-After": "30"})
    if places.full(place):
        raise Refused(429, gettext("too many pages are open at your address"), {"Retry-After": "30"})
    if together.full(""):
        raise Refused(503, gettext("too many pages are open at this desk"), {"Retry-After": "30"})
    # What a stream sends first costs more than most pages, and its slot is free again as soon as the client hangs up.
    if wait_s := desk.buckets.take(f"streams {caller.id}", OPENING, desk.monotonic()):
        raise too_many(wait_s)

    async def slotted() -> AsyncIterator[ServerSentEvent]:
        # Taken only now, since a stream that is never read is never closed either.
        with ExitStack() as held:
            for slots, key in ((each, caller.id), (places, place), (together, "")):
                if not slots.take(key):
                    return
                held.callback(slots.give_back, key)
            async for event in events():
                yield event

    return EventSourceResponse(slotted(), ping=20, headers={"X-Accel-Buffering": "no"})


async def batches(
    request: Request, desk: Desk, reader: StreamReader, missed: Callable[[], Batch | None] | None = None
) -> AsyncIterator[Batch | None]:
    """Yields published batches, and None after each 5 s without one; ends if the desk closes or the reader lags.

    ``missed`` returns what was stored before the reader existed, part by part, and None at its end. Raises SignedOut.
    """
    checked_s = desk.monotonic()
    while not (desk.hub.closing.is_set() or reader.lagging):
        batch = await caught_up(desk, missed) if missed is not None else None
        if batch is None:
            missed = None
            batch = await reader.next(PATIENCE_S)
        yield batch
        if desk.monotonic() - checked_s > CHECK_S:
            checked_s = desk.monotonic()
            if not await run_in_threadpool(still_in, desk, request):
                raise SignedOut


async def caught_up(desk: Desk, read: Callable[[], T]) -> T:
    """What ``read`` returns, in a thread of its own kind: many streams that catch up leave the others to pages."""
    return await to_thread.run_sync(read, limiter=desk.catching_up)


async def in_turn(events: Iterable[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    """The events, with pauses for other requests: sending to a client that reads does not wait for anything."""
    for number, event in enumerate(events, start=1):
        yield event
        if number % _TOGETHER == 0:
            await asyncio.sleep(0)


def last_id(request: Request, otherwise: int) -> int:
    """The number of the transaction where a stream broke off."""
    found = number_in(request.headers.get("last-event-id", ""))
    return max(0, otherwise) if found is None else found
