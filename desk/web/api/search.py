"""Search over all stored articles, in the query language."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from core.records import Match
from core.search import Facets, Filters, FoundArticle, Order, Volume
from desk.people.roles import Role
from desk.web.api.schema import (
    PREFIX,
    CursorText,
    Languages,
    Limit,
    Moment,
    Shape,
    Sources,
    Topics,
    answer,
    gives,
    listing,
)
from desk.web.guard import allow
from desk.web.requests import TheDesk
from desk.web.turns import TheTurn

router = APIRouter(prefix=PREFIX, tags=["search"])
HIT = Shape(
    "Hit",
    FoundArticle,
    "A found article. ``received`` and ``published`` (the publisher's claim) are UTC. ``score``: its relevance if ``order`` is "
    "``relevance``, otherwise null.",
    renamed={"time_ms": "received"},
    score=float | None,
    matches=tuple[Match, ...],
)
Found = listing(
    "Found",
    "A page. ``total``: the number of all hits, as text (``1,234``, ``about 1,200``). ``cursor``: pass it to get the next "
    "page; null on the last page. ``partial``: the time limit was reached, and ``cursor`` continues from there. ``facets`` "
    "and ``volume`` are null unless ``facets=true`` was given.",
    HIT.kind,
    total=str,
    cursor=str | None,
    partial=bool,
    facets=Facets | None,
    volume=Volume | None,
)


@router.get("/search", responses=gives(Found, 400))
@allow(Role.READER)
def search(
    desk: TheDesk,
    turn: TheTurn,
    query: Annotated[str, Query(max_length=20_000, description="In the query language; empty: all articles.")] = "",
    since_ms: Moment = None,
    until_ms: Moment = None,
    topic: Topics = [],  # noqa: B006 - FastAPI's way
    source: Sources = [],  # noqa: B006
    lang: Languages = [],  # noqa: B006
    *,
    copies: Annotated[bool, Query(description="Include articles that are copies of another.")] = True,
    facets: Annotated[bool, Query(description="Also count topics, outlets, languages and articles over time.")] = False,
    order: Annotated[Order, Query(description="How hits are sorted.")] = "newest",
    limit: Limit = 20,
    cursor: CursorText = None,
) -> Response:
    """Stored articles that match a query and have one of the values of each filter, in the given order.

    400 if the query can't be read, or the cursor belongs to another search.
    """
    found = desk.index.search(
        query,
        since_ms=since_ms,
        until_ms=until_ms,
        filters=Filters(topics=tuple(topic), sources=tuple(source), languages=tuple(lang), copies=copies),
        order=order,
        limit=limit,
        cursor=cursor,
        facets=facets,
        stopped=turn.stopped,
    )
    items = [HIT.of(hit.article, hit.score, hit.matches) for hit in found.hits]
    return answer(
        {
            "items": items,
            "total": str(found.total),
            "cursor": found.cursor,
            "partial": found.partial,
            "facets": found.facets,
            "volume": found.volume,
        }
    )
