"""Event streams (SSE) for the Live page and the API: their slots, their readers, and their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

from fastapi import Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from core.net.addresses import place_of
from desk.language import gettext
from desk.live.follow import Batch, StreamReader
from desk.people.roles import Caller
from desk.use_cases.desk import Desk
from desk.web.guard import still_in
from desk.web.problems import Refused
from desk.web.requests import number_in

PATIENCE_S = 5.0
"""Seconds that a stream waits for a batch before it checks the status bar, and whether its person may still read."""
CHECK_S = 30.0


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

    Refuses with 429 if the caller (with the message ``full``) or the caller's address has too many streams open, and with 503
    if there are too many in total.
    """
    together, places, each = desk.streams
    place = place_of(request.state.address)
    if each.full(caller.id):
        raise Refused(429, full, {"Retry-After": "30"})
    if places.full(place):
        raise Refused(429, gettext("too many pages are open at your address"), {"Retry-After": "30"})
    if together.full(""):
        raise Refused(503, gettext("too many pages are open at this desk"), {"Retry-After": "30"})

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
        batch = await run_in_threadpool(missed) if missed is not None else None
        if batch is None:
            missed = None
            batch = await reader.next(PATIENCE_S)
        yield batch
        if desk.monotonic() - checked_s > CHECK_S:
            checked_s = desk.monotonic()
            if not await run_in_threadpool(still_in, desk, request):
                raise SignedOut


def last_id(request: Request, otherwise: int) -> int:
    """The number of the transaction where a stream broke off."""
    found = number_in(request.headers.get("last-event-id", ""))
    return max(0, otherwise) if found is None else found
