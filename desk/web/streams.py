"""The event stream behind Live: each changed story as the row that the page shows, once rendered for all readers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import lru_cache

import msgspec
from fastapi import APIRouter, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from desk.people.roles import Role
from desk.views.cards import Card
from desk.views.filters import filter_of, wanted
from desk.views.status import Status
from desk.web.deps import Desk, TheCaller, TheDesk
from desk.web.guard import allow, still_in
from desk.web.problems import Refused
from desk.web.render import Clock, fragment

router = APIRouter(include_in_schema=False)
PATIENCE_S = 5.0
"""So long a stream waits before it looks at the status strip and whether its person may still read."""
CHECK_S = 30.0
KEPT = 4_000
"""Rendered rows that are kept for the next reader."""


@router.get("/live/events")
@allow(Role.READER)
async def events(request: Request, desk: TheDesk, caller: TheCaller, since: int = 0) -> Response:
    """Changed stories (``story``), the strip (``status``), that all stories are there (``loaded``).

    Ids are transactions: a browser that comes back misses nothing.
    """
    if desk.streams.full(caller.id):
        raise Refused(429, "you have too many pages open", {"Retry-After": "30"})
    last = last_id(request, since)

    async def stream() -> AsyncIterator[ServerSentEvent]:
        # Taken only now: a stream that nobody reads from is never closed either.
        if not desk.streams.take(caller.id):
            return
        try:
            async for event in _events(request, desk, last):
                yield event
        finally:
            desk.streams.give_back(caller.id)

    return EventSourceResponse(stream(), ping=20, headers={"X-Accel-Buffering": "no"})


def last_id(request: Request, otherwise: int) -> int:
    """Where the browser's stream broke off: a transaction's number."""
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else max(0, otherwise)


async def _events(request: Request, desk: Desk, last: int) -> AsyncIterator[ServerSentEvent]:
    wish = filter_of(request.query_params.multi_items())
    told, checked_s, loaded = "", desk.monotonic(), False
    # A browser that was away during a takedown learns of it by this number, and loads the page again.
    yield ServerSentEvent(event="hello", data=str(desk.follower.takedowns or 0), retry=1_000)
    with desk.hub.reader() as reader:
        # After the reader is there: what comes between is told twice, not never.
        for event in _told(desk, [card for card in desk.board.since(last) if wanted(card, wish, desk.clock_ms())]):
            yield event
        while not (desk.hub.closing.is_set() or reader.lagging):
            if not loaded and desk.hub.ready.is_set():
                # For pages that were made before all stories were there.
                loaded = True
                yield ServerSentEvent(event="loaded", data="")
            strip = strip_html(desk)
            if strip != told:
                told = strip
                yield ServerSentEvent(event="status", data=strip)
            batch = await reader.next(PATIENCE_S)
            for story in batch.gone if batch is not None else ():
                yield ServerSentEvent(event="gone", data=story)
            cards = batch.cards if batch is not None else ()
            for event in _told(desk, [card for card in cards if wanted(card, wish, desk.clock_ms())]):
                yield event
            if desk.monotonic() - checked_s > CHECK_S:
                checked_s = desk.monotonic()
                if not await run_in_threadpool(still_in, desk, request):
                    yield ServerSentEvent(event="signed-out", data="")
                    return


def strip_html(desk: Desk) -> str:
    """The status strip, on one line."""
    return _strip_of(desk.status)


@lru_cache(maxsize=4)
def _strip_of(status: Status) -> str:
    # Rendered once for all open streams: each asks after every batch.
    return " ".join(fragment("_status.html", status=status).split())


def _told(desk: Desk, cards: Sequence[Card]) -> Iterator[ServerSentEvent]:
    """Events of cards in the order of their transactions. Only the last of a transaction carries its number: a browser
    whose stream breaks off in between comes back for all of them.
    """
    clock = Clock(desk)
    for place, card in enumerate(cards):
        last = place + 1 == len(cards) or cards[place + 1].seq != card.seq
        yield ServerSentEvent(event="story", id=str(card.seq if last else card.seq - 1), data=_row(desk, card, clock))


def _row(desk: Desk, card: Card, clock: Clock) -> str:
    # Rows show the day of older times, so a day's rows are not the next one's.
    key = (card.id, card.seq, clock.short(card.last_ms))
    if key not in desk.rows:
        if len(desk.rows) >= KEPT:
            desk.rows.clear()
        html = fragment("_row.html", card=card, clock=clock, state="new", starred=False)
        desk.rows[key] = msgspec.json.encode(
            {"id": card.id, "seq": card.seq, "at": card.last_ms, "html": html}
        ).decode()
    return desk.rows[key]
