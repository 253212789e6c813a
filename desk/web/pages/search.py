"""Search: all that is stored, in the query language, by time or by rank; marks, facets, volume, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from core.errors import QueryError, UsageError
from core.query import LintFinding, lint
from core.search import Hit, Results, SearchIndex
from desk.people.roles import Role
from desk.views.charts import bars
from desk.views.exports import FORMATS
from desk.views.hits import atom_of, csv_lines, hit_view, json_lines
from desk.views.languages import language_name
from desk.views.outlets import outlet_name
from desk.views.searching import DAYS, FACETS, Wish, facet_choices, wish_of
from desk.web.deps import Desk, TheDesk, base_url
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
PAGE = 40
_ROUGHLY: Mapping[str, str] = {"about": ", about", "at_most": ", at most"}
_SIGNS: Mapping[str, str] = {"about": "≈", "at_most": "≤"}
EXPORTED = 10_000
ATOM = 100
_BUDGET_MS, _EXPORT_BUDGET_MS, _EXPORT_PAGE = 150.0, 5_000.0, 200


@router.get("/search")
@allow(Role.READER)
def search(request: Request, desk: TheDesk, cursor: str = "", at: int = 0) -> Response:
    """One page of results; without a query or filter, the newest articles.

    ``cursor`` and ``at`` (ms) are of the page before: "the last 7 days" means the same on all pages.
    """
    index = index_of(desk)
    wish = wish_of(request.query_params.multi_items())
    at_ms = at if cursor and 0 < at <= desk.clock_ms() else desk.clock_ms()
    found: Results | None = None
    problem, findings = "", list[LintFinding]()
    try:
        found = _ask(desk, index, wish, at_ms, cursor or None, limit=PAGE, budget_ms=_BUDGET_MS, facets=True)
    except QueryError as error:
        problem, findings = error.pointer(), lint(wish.q)
    except UsageError:
        # A cursor of a search that was changed meanwhile: from the beginning.
        cursor = ""
        found = _ask(desk, index, wish, at_ms, None, limit=PAGE, budget_ms=_BUDGET_MS, facets=True)
    facets = found.facets if found is not None else None
    volume = found.volume if found is not None else None
    outlets = desk.follower.outlets
    labels = {
        "lang": {one.value: language_name(one.value) for one in (facets.languages if facets else ())},
        "source": {one.value: outlet_name(one.value, outlets) for one in (facets.sources if facets else ())},
    }
    return page(
        request,
        "search.html",
        status=400 if problem else 200,
        wish=wish,
        problem=problem,
        findings=findings,
        found=found,
        hits=[hit_view(hit, outlets) for hit in found.hits] if found is not None else [],
        facets=facet_choices(facets, wish, labels),
        facet_names=FACETS,
        chart=bars(volume.counts, volume.start_ms, volume.step_ms, what="articles", zone=desk.zone) if volume else None,
        roughly=_ROUGHLY.get(volume.certainty if volume is not None else "exact", ""),
        sign=_SIGNS.get(facets.certainty if facets is not None else "exact", ""),
        days=DAYS,
        later=bool(cursor),
        at_ms=at_ms,
        save=_save_address(wish),
        exported=EXPORTED,
        atom=ATOM,
    )


@router.get("/search/export.{kind}")
@allow(Role.READER)
def export(request: Request, desk: TheDesk, kind: str) -> Response:
    """What the search finds, as CSV or JSON Lines (at most 10,000 articles) or Atom (100)."""
    if kind not in FORMATS:
        raise Refused(404, f"no such format; there are {', '.join(FORMATS)}")
    index = index_of(desk)
    wish = wish_of(request.query_params.multi_items())
    # The first page now: a query that can't be read is an answer of its own, not half a file.
    at_ms = desk.clock_ms()
    first = _ask(desk, index, wish, at_ms, None, limit=ATOM, budget_ms=_EXPORT_BUDGET_MS)
    headers = {"Content-Disposition": f'attachment; filename="wirewatch-search.{kind}"'}
    if kind == "atom":
        base = base_url(request, desk)
        body = atom_of(
            first.hits,
            title=f"Wirewatch: {wish.q or 'everything'}",
            base_url=base,
            self_url=f"{base}/search/export.atom?{request.url.query}",
            identity=f"{base}/search/export.atom?{wish.query()}",
            now_ms=at_ms,
        )
        return Response(body, media_type=FORMATS[kind])

    def parts() -> Iterator[bytes]:
        for number, hits in enumerate(_pages(desk, index, wish, at_ms, first)):
            yield csv_lines(hits, head=number == 0) if kind == "csv" else json_lines(hits)

    return StreamingResponse(parts(), headers=headers, media_type=FORMATS[kind])


def index_of(desk: Desk) -> SearchIndex:
    """The search index. Raises Refused where this desk has none."""
    if desk.search is None:
        raise Refused(503, "this desk has no search index")
    return desk.search


def _pages(desk: Desk, index: SearchIndex, wish: Wish, at_ms: int, first: Results) -> Iterator[tuple[Hit, ...]]:
    left, found = EXPORTED, first
    while True:
        yield found.hits[:left]
        left -= len(found.hits)
        if left <= 0 or found.cursor is None:
            return
        found = _ask(desk, index, wish, at_ms, found.cursor, limit=_EXPORT_PAGE, budget_ms=_EXPORT_BUDGET_MS)


def _ask(
    desk: Desk,
    index: SearchIndex,
    wish: Wish,
    at_ms: int,
    cursor: str | None,
    *,
    limit: int,
    budget_ms: float,
    facets: bool = False,
) -> Results:
    since_ms, until_ms = wish.period(desk.zone, at_ms)
    return index.search(
        wish.q,
        since_ms=since_ms,
        until_ms=until_ms,
        filters=wish.filters,
        order=wish.order,
        limit=limit,
        cursor=cursor,
        facets=facets,
        budget_ms=budget_ms,
        now_ms=at_ms,
    )


def _save_address(wish: Wish) -> str:
    """The editor of a new subscription that asks for what the search finds; a subscription looks forward, so no period."""
    values = [("query", wish.q)]
    values += [("topics", one) for one in wish.topic]
    values += [("outlets", one) for one in wish.source]
    values += [("languages", one) for one in wish.lang]
    return f"/subscriptions/new?{urlencode(values)}"
