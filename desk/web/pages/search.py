"""Search: all that is stored, in the query language, by time or by rank; marks, facets, volume, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from core.errors import QueryError, UsageError
from core.query import LintFinding, lint
from core.search import Results
from desk.people.roles import Role
from desk.use_cases.search import ATOM, EXPORTED, export_pages, first_export_page, search_page
from desk.views.charts import bars
from desk.views.exports import FORMATS
from desk.views.hits import atom_of, csv_lines, hit_view, json_lines
from desk.views.languages import language_name
from desk.views.outlets import outlet_name
from desk.views.searching import DAYS, FACETS, Wish, facet_choices, wish_of
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import page
from desk.web.requests import TheDesk, base_url

router = APIRouter(include_in_schema=False)
_ROUGHLY: Mapping[str, str] = {"about": ", about", "at_most": ", at most"}
_SIGNS: Mapping[str, str] = {"about": "≈", "at_most": "≤"}


@router.get("/search")
@allow(Role.READER)
def search(request: Request, desk: TheDesk, cursor: str = "", at: int = 0) -> Response:
    """One page of results; without a query or filter, the newest articles.

    ``cursor`` and ``at`` (ms) are of the page before: "the last 7 days" means the same on all pages.
    """
    wish = wish_of(request.query_params.multi_items())
    at_ms = at if cursor and 0 < at <= desk.clock_ms() else desk.clock_ms()
    found: Results | None = None
    problem, findings = "", list[LintFinding]()
    try:
        found = search_page(desk, wish, at_ms, cursor or None)
    except QueryError as error:
        problem, findings = error.pointer(), lint(wish.q)
    except UsageError:
        # A cursor of a search that was changed meanwhile: from the beginning.
        cursor = ""
        found = search_page(desk, wish, at_ms, None)
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
    wish = wish_of(request.query_params.multi_items())
    at_ms = desk.clock_ms()
    # The first page now: a query that can't be read is an answer of its own, not half a file.
    first = first_export_page(desk, wish, at_ms)
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
        for number, hits in enumerate(export_pages(desk, wish, at_ms, first)):
            yield csv_lines(hits, head=number == 0) if kind == "csv" else json_lines(hits)

    return StreamingResponse(parts(), headers=headers, media_type=FORMATS[kind])


def _save_address(wish: Wish) -> str:
    """The editor of a new subscription that asks for what the search finds; a subscription looks forward, so no period."""
    values = [("query", wish.q)]
    values += [("topics", one) for one in wish.topic]
    values += [("outlets", one) for one in wish.source]
    values += [("languages", one) for one in wish.lang]
    return f"/subscriptions/new?{urlencode(values)}"
