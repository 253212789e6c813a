"""Search in all stored articles, with the query language, by time or rank; marks, facets, volume, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from starlette.responses import StreamingResponse

from core.errors import QueryError, UsageError
from core.query import LintFinding, lint
from core.search import Results, Stopped
from desk.language import N_, gettext
from desk.people.roles import Role
from desk.use_cases.search import ATOM, EXPORTED, export_pages, first_export_page, search_page
from desk.views.atom import hits_feed
from desk.views.cards import hit_view
from desk.views.charts import bars
from desk.views.exports import FORMATS, hits_csv, hits_json_lines
from desk.views.forms import SEARCH_DAYS, SEARCH_FACETS, SearchForm, search_choices, search_form_of
from desk.views.wording import COUNTED, language_name, outlet_name
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.requests import Number, TheVisit
from desk.web.turns import TheTurn, in_turns

router = APIRouter(include_in_schema=False)
_ROUGHLY: Mapping[str, str] = {
    "about": N_("Articles over time, estimated"),
    "at_most": N_("Articles over time, at most"),
}
_SIGNS: Mapping[str, str] = {"about": "≈", "at_most": "≤"}


@router.get("/search")
@allow(Role.READER)
def search(visit: TheVisit, turn: TheTurn, cursor: str = "", at: Number = 0) -> Response:
    """One page of results; without a query or filter, the newest articles.

    ``cursor`` and ``at`` (ms) are from the previous page, so that "the last 7 days" means the same on all pages.
    """
    form = search_form_of(visit.request.query_params.multi_items())
    at_ms = at if cursor and 0 < at <= visit.desk.clock_ms() else visit.desk.clock_ms()
    found: Results | None = None
    problem, findings = "", list[LintFinding]()
    try:
        found = search_page(visit.desk, form, at_ms, cursor or None, turn.stopped)
        findings = [one for one in lint(form.q) if one.confirm] if form.q.strip() else []
    except QueryError as error:
        problem, findings = error.pointer(), lint(form.q)
    except UsageError:
        # The search was changed after the cursor was made: start from the beginning.
        cursor = ""
        found = search_page(visit.desk, form, at_ms, None, turn.stopped)
    facets = found.facets if found is not None else None
    volume = found.volume if found is not None else None
    outlets = visit.desk.follower.outlets
    labels = {
        "lang": {one.value: language_name(one.value) for one in (facets.languages if facets else ())},
        "source": {one.value: outlet_name(one.value, outlets) for one in (facets.sources if facets else ())},
    }
    return visit.page(
        "search.html",
        status=400 if problem else 200,
        form=form,
        problem=problem,
        findings=findings,
        found=found,
        hits=[hit_view(hit, outlets) for hit in found.hits] if found is not None else [],
        facets=search_choices(facets, form, labels),
        facet_names=SEARCH_FACETS,
        chart=bars(volume.counts, volume.start_ms, volume.step_ms, what=COUNTED["article"], zone=visit.desk.zone)
        if volume
        else None,
        roughly=gettext(_ROUGHLY[volume.certainty]) if volume is not None and volume.certainty in _ROUGHLY else "",
        sign=_SIGNS.get(facets.certainty if facets is not None else "exact", ""),
        days=SEARCH_DAYS,
        later=bool(cursor),
        at_ms=at_ms,
        save=save_address(form),
        labels=sorted({*form.label, *(label for has in visit.desk.follower.labels.values() for label in has)}),
        exported=EXPORTED,
        atom=ATOM,
    )


@router.get("/search/export.{kind}")
@allow(Role.READER)
def export(visit: TheVisit, turn: TheTurn, kind: str) -> Response:
    """The found articles, as CSV or JSON Lines (at most 10,000) or Atom (100)."""
    if kind not in FORMATS:
        raise Refused(404, gettext("no such format; there are %(names)s", names=", ".join(FORMATS)))
    form = search_form_of(visit.request.query_params.multi_items())
    at_ms = visit.desk.clock_ms()
    # Reads the first page now, so that an invalid query gives an error and not half a file.
    first = first_export_page(visit.desk, form, at_ms, turn.stopped)
    headers = {"Content-Disposition": f'attachment; filename="wirewatch-search.{kind}"'}
    if kind == "atom":
        base = visit.base_url
        body = hits_feed(
            first.hits,
            title=f"Wirewatch: {form.q or 'everything'}",
            base_url=base,
            self_url=f"{base}/search/export.atom?{visit.request.url.query}",
            identity=f"{base}/search/export.atom?{form.query()}",
            now_ms=at_ms,
        )
        return Response(body, media_type=FORMATS[kind])

    def parts(stopped: Stopped) -> Iterator[bytes]:
        for number, hits in enumerate(export_pages(visit.desk, form, at_ms, first, stopped)):
            yield hits_csv(hits, head=number == 0) if kind == "csv" else hits_json_lines(hits)

    return StreamingResponse(in_turns(visit.request, parts), headers=headers, media_type=FORMATS[kind])


def save_address(form: SearchForm) -> str:
    """The address of the editor for a new subscription with this search, without its period, since subscriptions look forward.

    Labels become a part of the query, so an outlet that gets the label later is included from then on.
    """
    query, kinds = form.q, " OR ".join(f'kind:"{label}"' if " " in label else f"kind:{label}" for label in form.label)
    if kinds:
        query = f"({query}) AND ({kinds})" if query.strip() else kinds
    values = [("query", query)]
    values += [("topics", one) for one in form.topic]
    values += [("outlets", one) for one in form.source]
    values += [("languages", one) for one in form.lang]
    return f"/subscriptions/new?{urlencode(values)}"
