"""The event stream for programs: articles, stories and alerts as they are stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from desk.live.hub import Batch
from desk.people.roles import Role
from desk.web.api.common import PREFIX, problems
from desk.web.api.models import alert_out, article_out, story_out
from desk.web.deps import Desk, TheCaller, TheDesk
from desk.web.guard import allow, still_in
from desk.web.pages.streaming import CHECK_S, PATIENCE_S, last_id
from desk.web.problems import Refused

router = APIRouter(prefix=PREFIX, tags=["stream"])
TRANSACTIONS = 100
_EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "events"}
}


@router.get("/stream", responses={**problems(), **_EVENT_STREAM}, response_class=Response)
@allow(Role.READER)
async def stream(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    since: Annotated[int | None, Query(ge=0, lt=1 << 53, description="Begin after this event id; else: now.")] = None,
) -> Response:
    """Events ``article``, ``story`` and ``alert``: their data is what the lists give for one item.

    An event's id is the number of the transaction that stored it; come back with it as ``Last-Event-ID`` (or ``since``) and
    nothing is missed. At least once: a break within a transaction gives its events again. What changed several times
    meanwhile comes once, as it is now.
    """
    if desk.streams.full(caller.id):
        raise Refused(429, "you have too many streams open", {"Retry-After": "30"})
    begin = (
        last_id(request, -1 if since is None else since)
        if since is not None or "last-event-id" in request.headers
        else None
    )

    async def events() -> AsyncIterator[ServerSentEvent]:
        if not desk.streams.take(caller.id):
            return
        try:
            async for event in _events(request, desk, begin):
                yield event
        finally:
            desk.streams.give_back(caller.id)

    return EventSourceResponse(events(), ping=20, headers={"X-Accel-Buffering": "no"})


async def _events(request: Request, desk: Desk, begin: int | None) -> AsyncIterator[ServerSentEvent]:
    await desk.hub.ready.wait()
    with desk.hub.reader() as reader:
        # After the reader is there: what comes from now on is in its queue, what came before is read from the store.
        stored = await run_in_threadpool(desk.reader.seq)
        told = stored if begin is None else begin
        yield ServerSentEvent(event="hello", data=str(told), id=str(told), retry=1_000)
        checked_s = desk.monotonic()
        while not (desk.hub.closing.is_set() or reader.lagging):
            batch = await run_in_threadpool(_stored, desk, told) if told < stored else None
            if batch is None:
                batch = await reader.next(PATIENCE_S)
            if batch is not None and batch.seq > told:
                for event in _told(batch):
                    yield event
                told = batch.seq
            if desk.monotonic() - checked_s > CHECK_S:
                checked_s = desk.monotonic()
                if not await run_in_threadpool(still_in, desk, request):
                    return


def _stored(desk: Desk, after: int) -> Batch | None:
    changes = desk.reader.changes(after, most=TRANSACTIONS)
    if changes.seq <= after:
        return None
    cards = (desk.follower.card(story) for story in changes.stories)
    return Batch(
        changes.seq, tuple(card for card in cards if card is not None), tuple(changes.articles), tuple(changes.alerts)
    )


def _told(batch: Batch) -> Iterator[ServerSentEvent]:
    """All events of a batch. Only the last carries the batch's number, so a break in between repeats, never leaves out."""
    made = [(row.seq, 0, "article", article_out(row)) for row in batch.articles]
    made_stories = [(card.seq, 1, "story", story_out(card)) for card in batch.cards]
    made_alerts = [(row.seq, 2, "alert", alert_out(row)) for row in batch.alerts]
    ordered = sorted([*made, *made_stories, *made_alerts], key=lambda one: one[:2])
    for place, (_, _, kind, value) in enumerate(ordered):
        last = place + 1 == len(ordered)
        yield ServerSentEvent(event=kind, data=value.model_dump_json(), id=str(batch.seq) if last else None)
