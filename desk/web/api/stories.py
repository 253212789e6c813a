"""Articles, stories and alerts: as lists, and as a stream of events when they are stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
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
    Languages,
    Limit,
    OfStory,
    OfSubscription,
    Shape,
    Source,
    Sources,
    StoryId,
    Time,
    Topics,
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
    "The current version of an article. Times are UTC. ``received``: when the record came in, which orders the run; "
    "``published`` and ``modified``: the publisher's claims, null if there are none. ``language``: ISO 639-1, null if it was "
    "not recognised. ``duplicate_of``: the id of the article that this one copies. ``story``: the id of its story.",
    without={"canonical_url", "fetched_at", "key", "position", "version_hash", "schema", "language_confidence"}
    | {"language_decided_by", "feed_url", "fingerprint", "marks"},
    received=Time,
)
STORY = Shape(
    "Story",
    Card,
    "A story: the articles about one event. ``first`` and ``last``: when its first and its newest article came in, UTC. "
    "``articles``: the number of all articles; ``copies``: of those that repeat another's text; ``sources``: of independent "
    "sources. ``topics``, ``languages`` (ISO 639-1), ``outlets``, ``countries`` (ISO 3166) and ``subscriptions`` are those of "
    "its newest articles. ``labels``: the desk's labels of these outlets. ``non_state``: the number of independent sources "
    "that are not labelled as state-run; null if no source has a label.",
    without={"seq", "headline", "lead_outlet", "lead_labels", "why", "why_language", "edited", "backfill"}
    | {"subscription_names"},
    headline=str,
)
ALERT = Shape(
    "Alert",
    Alert,
    "News in a story, for one subscription. Raising it again gives the same ``id``. ``raised``: the event time of the article "
    "that raised it, UTC; ``published``: its publisher's claim. ``reason``: the first kind of ``news``, which lists what is "
    "new. ``labels``: those of ``source``. ``snippets``: matched words in context. ``clause``: the part of the query that "
    "matched. ``outlets``: the outlets that have carried the story so far (at most 20, sorted); ``sources``: how many of them "
    "are independent. ``changes``: how an article was reworded. ``withdrawn``: ids of articles that were withdrawn. "
    "``previous``: the id of the subscription's alert before it in this story, or null. ``channels``: where it is delivered.",
    without={"run", "parameter", "fetched_at", "told", "schema"},
    renamed={"raised_at": "raised", "published_at": "published"},
)


class Work(msgspec.Struct, frozen=True):
    """The changes to an alert; a field that is left out or null stays unchanged.

    ``relevant`` ``no`` also acknowledges the alert.
    """

    state: Literal["acknowledged", "open"] | None = None
    relevant: Literal["yes", "no", "unmarked"] | None = None


_PAGE = "A page. ``cursor``: pass it to get the next page; null on the last page."
Articles = listing("Articles", _PAGE, ARTICLE.kind, cursor=str | None)
Alerts = listing("Alerts", _PAGE, ALERT.kind, cursor=str | None)
Stories = listing(
    "Stories",
    f"{_PAGE} With filters, a page may have fewer than ``limit`` stories, even none: continue until the cursor is null.",
    STORY.kind,
    cursor=str | None,
)
_PLACE = r"[0-9]{15}:[0-9A-Za-z:]{1,120}"


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
    source: Source = None,
    story: OfStory = None,
    since_ms: Annotated[
        int | None,
        Query(
            ge=0,
            le=MOST_MS,
            description="Only articles that came in at or after this time, in ms since the epoch, UTC.",
        ),
    ] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """The current versions of articles, including copies, by the time they came in, newest first."""
    before = read_cursor(cursor, _PLACE)
    rows = desk.reader.articles(source=source, story=story, since_ms=since_ms, before=before, limit=limit + 1)
    more = cursor_of(rows[limit - 1].place) if len(rows) > limit else None
    return answer({"items": [article_out(row) for row in rows[:limit]], "cursor": more})


@router.get("/articles/{article}", responses=gives(ARTICLE.kind, 404), tags=["articles"])
@allow(Role.READER)
def article(
    desk: TheDesk, article: Annotated[str, Path(max_length=200, description="The id of an article.")]
) -> Response:
    """The current version of an article."""
    row = desk.reader.article(article)
    if row is None:
        raise NotFound("there is no such article")
    return answer(article_out(row))


@router.get("/alerts", responses=gives(Alerts, 400), tags=["alerts"])
@allow(Role.READER)
def alerts(
    desk: TheDesk,
    by: TheActor,
    subscription: OfSubscription = None,
    story: OfStory = None,
    show: Annotated[
        AlertsShown,
        Query(
            description=f"open: raised in the past {OPEN_DAYS} days and not acknowledged; mine: assigned to the caller."
        ),
    ] = "all",
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """Alerts, newest first. ``subscription`` and ``story`` are ids."""
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
    desk: TheDesk,
    by: TheActor,
    alert: Annotated[str, Path(max_length=200, description="The id of an alert.")],
    wanted: Annotated[Work, body(Work)],
) -> Response:
    """Acknowledge an alert or reopen it, and mark it as relevant or not. 404 if there is no such alert."""
    if wanted.state is not None:
        (alert_work.acknowledge if wanted.state == "acknowledged" else alert_work.reopen)(desk, by, [alert])
    if wanted.relevant is not None:
        alert_work.mark(desk, by, alert, relevant=RELEVANT[wanted.relevant])
    return Response(status_code=204)


@router.get("/stories", responses=gives(Stories, 400), tags=["stories"])
@allow(Role.READER)
def stories(
    desk: TheDesk,
    topic: Topics = [],  # noqa: B006 - FastAPI's way
    subscription: Annotated[list[str], Query(max_length=50, description="Ids of subscriptions.")] = [],  # noqa: B006
    lang: Languages = [],  # noqa: B006
    outlet: Sources = [],  # noqa: B006
    country: Annotated[list[str], Query(max_length=50, description="Countries of outlets (ISO 3166).")] = [],  # noqa: B006
    label: Annotated[list[str], Query(max_length=50, description="Labels of outlets.")] = [],  # noqa: B006
    hours: Annotated[
        int | None, Query(ge=1, le=10_000, description="Only stories that changed in the last so many hours.")
    ] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """Stories, the most recently changed first. A story must have one of the values of each filter that is given."""
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
def story(desk: TheDesk, story: StoryId) -> Response:
    """One story, also under the id of a story that was joined into it. Its articles are at ``/articles?story=…``."""
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
        int | None,
        Query(ge=0, lt=1 << 53, description="Begin after this event id; if left out, with events from now on."),
    ] = None,
) -> Response:
    """Server-sent events ``article``, ``story`` and ``alert``, each with one item as JSON, as in the lists.

    ``hello`` comes first. An event's id is the number of the transaction that stored it. A client that reconnects with it as
    ``Last-Event-ID`` (or ``since``) misses nothing. Delivery is at least once: if the connection breaks within a transaction,
    its events are repeated. An item that changed several times in the meantime is sent once, in its present state. 429 if the
    caller has too many streams open, or opens them too fast.
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
