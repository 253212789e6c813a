"""Articles, stories and alerts: as lists, and as a stream of events when they are stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from core.errors import NotFound
from core.records import Alert, Article, from_ms
from desk.live.follow import Batch
from desk.live.run_reader import ArticleRow
from desk.people.roles import Role
from desk.use_cases import alert_work
from desk.use_cases.alert_work import RELEVANT
from desk.use_cases.alerts import OPEN_DAYS, AlertsShown, alerts_page
from desk.use_cases.desk import Desk
from desk.use_cases.stories import card_of, changed_since, stories_page
from desk.views.cards import Card
from desk.views.forms import LiveFilter
from desk.web.api.schema import (
    MOST_MS,
    PREFIX,
    CursorText,
    Limit,
    Shape,
    Word,
    Words,
    answer,
    body,
    cursor_of,
    gives,
    listing,
    read_cursor,
    takes,
)
from desk.web.guard import allow
from desk.web.requests import TheActor, TheCaller, TheDesk
from desk.web.streams import SignedOut, batches, event_stream, in_turn, last_id

router = APIRouter(prefix=PREFIX)
ARTICLE = Shape(
    "Article",
    Article,
    "The current version of an article. ``published`` is the publisher's claim; ``received`` orders the run. Spans of "
    "``matches`` are code points (start in, end out) of ``title`` or ``text``.",
    without={"canonical_url", "fetched_at", "key", "position", "version_hash", "schema", "language_confidence"}
    | {"language_decided_by", "feed_url", "fingerprint", "marks"},
    received=datetime,
)
STORY = Shape(
    "Story",
    Card,
    "A story. ``sources`` counts independent ones; ``articles`` all articles, ``copies`` those that repeat another's text. "
    "``topics``, ``languages``, ``outlets``, ``countries`` and ``subscriptions`` are those of its newest articles. ``labels`` "
    "are what the desk calls these outlets; ``non_state`` counts independent sources not labelled as state-run (null: no "
    "label).",
    without={"seq", "headline", "lead_outlet", "lead_labels", "why", "why_language", "edited", "backfill"}
    | {"subscription_names"},
    headline=str,
)
ALERT = Shape(
    "Alert",
    Alert,
    without={"run", "parameter", "fetched_at", "told", "schema"},
    renamed={"raised_at": "raised", "published_at": "published"},
)


class Work(msgspec.Struct, frozen=True):
    """What is left out stays as it is. An alert that is not relevant is acknowledged too."""

    state: Literal["acknowledged", "open"] | None = None
    relevant: Literal["yes", "no", "unmarked"] | None = None


_PAGE = "A page. ``cursor``: give it back for the next one; null at the end."
Articles = listing("Articles", _PAGE, ARTICLE.kind, cursor=str | None)
Alerts = listing("Alerts", _PAGE, ALERT.kind, cursor=str | None)
Stories = listing(
    "Stories",
    f"{_PAGE} With filters it may hold fewer than ``limit``, even none: go on while there is a cursor.",
    STORY.kind,
    cursor=str | None,
)
_PLACE = r"[0-9]{15}:[0-9A-Za-z:]{1,120}"
"""How many are read from the store at once for a stream that catches up."""


def article_out(row: ArticleRow) -> msgspec.Struct:
    """An article as the API returns it."""
    return ARTICLE.of(row.article, from_ms(int(row.place[:15])))


def story_out(card: Card) -> msgspec.Struct:
    """A story as the API returns it."""
    return STORY.of(card, card.title)


@router.get("/articles", responses=gives(Articles, 400), tags=["articles"])
@allow(Role.READER)
def articles(
    desk: TheDesk,
    source: Word = None,
    story: Word = None,
    since_ms: Annotated[int | None, Query(ge=0, le=MOST_MS, description="Received since then (ms, UTC).")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """Current versions of articles, the newest first, including copies."""
    before = read_cursor(cursor, _PLACE)
    rows = desk.reader.articles(source=source, story=story, since_ms=since_ms, before=before, limit=limit + 1)
    more = cursor_of(rows[limit - 1].place) if len(rows) > limit else None
    return answer({"items": [article_out(row) for row in rows[:limit]], "cursor": more})


@router.get("/articles/{article}", responses=gives(ARTICLE.kind, 404), tags=["articles"])
@allow(Role.READER)
def article(desk: TheDesk, article: str) -> Response:
    """One article's current version."""
    row = desk.reader.article(article)
    if row is None:
        raise NotFound("there is no such article")
    return answer(article_out(row))


@router.get("/alerts", responses=gives(Alerts, 400), tags=["alerts"])
@allow(Role.READER)
def alerts(
    desk: TheDesk,
    by: TheActor,
    subscription: Word = None,
    story: Word = None,
    show: Annotated[
        AlertsShown,
        Query(description=f"open: of the past {OPEN_DAYS} days and not acknowledged; mine: assigned to the caller."),
    ] = "all",
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """Alerts, the newest first."""
    before = read_cursor(cursor, _PLACE + r" [0-9A-Za-z:_.-]{1,200}")
    found, more = alerts_page(
        desk, subscription=subscription, story=story, before=before, limit=limit, show=show, person=by.person.id
    )
    return answer({"items": [ALERT.of(one) for one in found], "cursor": cursor_of(more) if more else None})


@router.put(
    "/alerts/{alert}/work", responses=gives(None, 400, 404), openapi_extra=takes(Work), status_code=204, tags=["alerts"]
)
@allow(Role.EDITOR)
def work(
    desk: TheDesk, by: TheActor, alert: Annotated[str, Path(max_length=200)], wanted: Annotated[Work, body(Work)]
) -> Response:
    """Acknowledge an alert or open it again, and mark it as relevant or not."""
    if wanted.state is not None:
        (alert_work.acknowledge if wanted.state == "acknowledged" else alert_work.reopen)(desk, by, [alert])
    if wanted.relevant is not None:
        alert_work.mark(desk, by, alert, relevant=RELEVANT[wanted.relevant])
    return Response(status_code=204)


@router.get("/stories", responses=gives(Stories, 400), tags=["stories"])
@allow(Role.READER)
def stories(
    desk: TheDesk,
    topic: Words = [],  # noqa: B006 - FastAPI's way
    subscription: Words = [],  # noqa: B006
    lang: Words = [],  # noqa: B006
    outlet: Words = [],  # noqa: B006
    country: Words = [],  # noqa: B006
    label: Words = [],  # noqa: B006
    hours: Annotated[int | None, Query(ge=1, le=10_000, description="Changed in the last so many hours.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """Stories, the most recently changed first. If a filter has several values, one of them must match."""
    chosen = LiveFilter(
        topic=tuple(topic),
        subscription=tuple(subscription),
        lang=tuple(lang),
        outlet=tuple(outlet),
        country=tuple(country),
        label=tuple(label),
        hours=hours,
    )
    at = read_cursor(cursor, r"[0-9]{1,16} [0-9A-Za-z:_.-]{1,120}")
    before = (int(at.split(" ")[0]), at.split(" ")[1]) if at is not None else None
    found, more = stories_page(desk, chosen, limit=limit, before=before)
    items = [story_out(card) for card in found]
    return answer({"items": items, "cursor": cursor_of(f"{more[0]} {more[1]}") if more else None})


@router.get("/stories/{story}", responses=gives(STORY.kind, 404), tags=["stories"])
@allow(Role.READER)
def story(desk: TheDesk, story: str) -> Response:
    """One story; its articles are at ``/articles?story=…``."""
    return answer(story_out(card_of(desk, story)))


_EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "events"}
}


@router.get("/stream", responses={**gives(None), **_EVENT_STREAM}, response_class=Response, tags=["stream"])
@allow(Role.READER)
async def stream(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    since: Annotated[
        int | None, Query(ge=0, lt=1 << 53, description="Start after this event id; by default, with the next event.")
    ] = None,
) -> Response:
    """Events ``article``, ``story`` and ``alert``. Their data has the form of an item of the lists.

    An event's id is the number of the transaction that stored it. If you reconnect with it as ``Last-Event-ID`` (or ``since``),
    you miss nothing. Events come at least once: if the connection breaks within a transaction, its events come again. An
    item that has changed several times since then comes once, in its current form.
    """
    resumes = since is not None or "last-event-id" in request.headers
    begin = last_id(request, -1 if since is None else since) if resumes else None
    return event_stream(
        desk, request, caller, lambda: _events(request, desk, begin), full="you have too many streams open"
    )


async def _events(request: Request, desk: Desk, begin: int | None) -> AsyncIterator[ServerSentEvent]:
    await desk.hub.ready.wait()
    with desk.hub.reader() as reader:
        # After the reader exists: later changes are in its queue, and earlier ones are read from the store.
        stored = await run_in_threadpool(desk.reader.seq)
        sent = stored if begin is None else begin
        yield ServerSentEvent(event="hello", data=str(sent), id=str(sent), retry=1_000)

        def missed() -> Batch | None:
            return changed_since(desk, sent) if sent < stored else None

        with suppress(SignedOut):
            async for batch in batches(request, desk, reader, missed):
                if batch is not None and batch.seq > sent:
                    async for event in in_turn(_events_of(batch)):
                        yield event
                    sent = batch.seq


def _events_of(batch: Batch) -> Iterator[ServerSentEvent]:
    """All events of a batch. Only the last has the batch's number, so all are sent again after a break in between."""
    made: list[tuple[int, int, str, Callable[[], object]]] = [
        *((row.seq, 0, "article", partial(article_out, row)) for row in batch.articles),
        *((card.seq, 1, "story", partial(story_out, card)) for card in batch.cards),
        *((row.seq, 2, "alert", partial(ALERT.of, row.alert)) for row in batch.alerts),
    ]
    made.sort(key=lambda one: one[:2])
    for place, (_, _, kind, value) in enumerate(made, start=1):
        data = msgspec.json.encode(value()).decode()
        yield ServerSentEvent(event=kind, data=data, id=str(batch.seq) if place == len(made) else None)
