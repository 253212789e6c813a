"""Search over all stored articles, in the query language."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from core.records import Match
from core.search import Facets, Filters, FoundArticle, Order, Volume
from desk.people.roles import Role
from desk.web.api.schema import PREFIX, CursorText, Limit, Moment, Shape, Words, answer, gives, listing
from desk.web.guard import allow
from desk.web.requests import TheDesk
from desk.web.turns import TheTurn

router = APIRouter(prefix=PREFIX, tags=["search"])
HIT = Shape(
    "Hit",
    FoundArticle,
    "A found article. ``matches`` are code points of its ``title`` or ``text``.",
    renamed={"time_ms": "received"},
    score=float | None,
    matches=tuple[Match, ...],
)
Found = listing(
    "Found",
    "A page. ``total`` is for people; ``partial``: the time allowed ran out, ``cursor`` goes on from there. ``facets`` and "
    "``volume`` are there if ``facets=true`` asked for them.",
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
    query: Annotated[str, Query(max_length=20_000, description="In the query language; empty: everything.")] = "",
    since_ms: Moment = None,
    until_ms: Moment = None,
    topic: Words = [],  # noqa: B006 - FastAPI's way
    source: Words = [],  # noqa: B006
    lang: Words = [],  # noqa: B006
    *,
    copies: bool = True,
    facets: Annotated[bool, Query(description="Also count topics, outlets, languages and articles over time.")] = False,
    order: Order = "newest",
    limit: Limit = 20,
    cursor: CursorText = None,
) -> Response:
    """Articles that match, newest first, oldest first or by relevance."""
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
