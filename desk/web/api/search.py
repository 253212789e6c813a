"""Search over all stored articles, in the query language."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel

from core.records import from_ms
from core.search import Facets, FacetValue, Filters, Hit, Order
from desk.people.roles import Role
from desk.web.api.common import MOST_MS, PREFIX, CursorText, Limit, Words, problems
from desk.web.api.models import MatchOut
from desk.web.deps import TheDesk
from desk.web.guard import allow
from desk.web.problems import Refused

router = APIRouter(prefix=PREFIX, tags=["search"])
Moment = Annotated[int | None, Query(ge=0, le=MOST_MS, description="ms since the epoch, UTC.")]


class HitOut(BaseModel):
    """A found article. ``matches`` are code points of its ``title`` or ``text``."""

    id: str
    url: str
    title: str
    text: str
    source: str
    language: str | None
    received: datetime
    story: str
    version: int
    topics: list[str]
    duplicate_of: str | None
    score: float | None
    matches: list[MatchOut]


class FacetOut(BaseModel):
    """A value, as a filter takes it, and how many articles have it."""

    value: str
    count: int


class FacetsOut(BaseModel):
    """The most frequent 30 of each, over all that matches, whatever the page. ``certainty``: exact, at_most or about."""

    topics: list[FacetOut]
    sources: list[FacetOut]
    languages: list[FacetOut]
    certainty: str


class VolumeOut(BaseModel):
    """Articles over time: ``counts[i]`` from ``start_ms + i * step_ms`` on, UTC. ``certainty``: exact, at_most or about."""

    start_ms: int
    step_ms: int
    counts: list[int]
    certainty: str


class Found(BaseModel):
    """A page. ``total`` is for people; ``partial``: the time allowed ran out, ``cursor`` goes on from there.

    ``facets`` and ``volume`` are there where ``facets=true`` asked for them.
    """

    items: list[HitOut]
    total: str
    cursor: str | None
    partial: bool
    facets: FacetsOut | None = None
    volume: VolumeOut | None = None


@router.get("/search", responses=problems(400))
@allow(Role.READER)
def search(
    desk: TheDesk,
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
) -> Found:
    """Articles that match, newest first, oldest first or by relevance."""
    if desk.search is None:
        raise Refused(503, "this desk has no search index")
    results = desk.search.search(
        query,
        since_ms=since_ms,
        until_ms=until_ms,
        filters=Filters(topics=tuple(topic), sources=tuple(source), languages=tuple(lang), copies=copies),
        order=order,
        limit=limit,
        cursor=cursor,
        facets=facets,
    )
    return Found(
        items=[_out(hit) for hit in results.hits],
        total=str(results.total),
        cursor=results.cursor,
        partial=results.partial,
        facets=_facets(results.facets) if results.facets is not None else None,
        volume=VolumeOut(**msgspec.structs.asdict(results.volume)) if results.volume is not None else None,
    )


def _facets(found: Facets) -> FacetsOut:
    def listed(values: tuple[FacetValue, ...]) -> list[FacetOut]:
        return [FacetOut(value=one.value, count=one.count) for one in values]

    return FacetsOut(
        topics=listed(found.topics),
        sources=listed(found.sources),
        languages=listed(found.languages),
        certainty=found.certainty,
    )


def _out(hit: Hit) -> HitOut:
    one = hit.article
    return HitOut(
        id=one.id,
        url=one.url,
        title=one.title,
        text=one.text,
        source=one.source,
        language=one.language,
        received=from_ms(one.time_ms),
        story=one.story,
        version=one.version,
        topics=list(one.topics),
        duplicate_of=one.duplicate_of,
        score=hit.score,
        matches=[MatchOut(field=m.field, start=m.start, end=m.end, text=m.text) for m in hit.matches],
    )
