"""Subscriptions: the list; one subscription with editor, history and latest alerts; answers while a query is typed; files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from msgspec.structs import replace
from starlette.responses import HTMLResponse, RedirectResponse

from core.errors import QueryError, Unconfirmed, UsageError
from core.query import LintFinding, explain, lint, parse
from core.query.importing import DIALECTS
from core.records import Subscription
from core.records.alert import LEVELS, Schedule
from desk.language import gettext, said, said_error
from desk.people.roles import Role
from desk.use_cases.alert_work import marks_of
from desk.use_cases.alerts import alert_counts
from desk.use_cases.desk import Desk
from desk.use_cases.queries import document_for, preview, translated
from desk.use_cases.subscriptions import changed, differences, to_json_lines, to_toml
from desk.views.atom import MEDIA_TYPE, MOST_ALERTS, alerts_feed
from desk.views.forms import NEWS, changes_of, told_words
from desk.views.query_preview import DAYS, QueryPreview
from desk.views.wording import language_name
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import clock_of, fragment
from desk.web.requests import Number, TheForm, TheVisit, Visit, number_in
from desk.web.turns import TheTurn

MOST_IMPORTED = 5_000
"""Subscriptions in one file: checking them must not take longer than a person will wait."""

router = APIRouter(include_in_schema=False)
Identity = Annotated[str, Form(max_length=100)]
Prefilled = Annotated[list[str], Query(max_length=50)]
QueryText = Annotated[str, Form(max_length=20_000)]
LONGEST_EXPLAINED = 200_000
WEEK_MS = 7 * 86_400_000
STATES = ("active", "paused", "muted")
FORMATS = {"jsonl": "application/jsonl; charset=utf-8", "toml": "application/toml; charset=utf-8"}


@router.get("/subscriptions")
@allow(Role.READER)
def listing(visit: TheVisit, done: str = "", *, ended: bool = False) -> Response:
    """All subscriptions; with ``ended``, also removed ones."""
    several = visit.subscriptions.all(ended=ended)
    counts = alert_counts(visit.desk, since_ms=visit.desk.clock_ms() - WEEK_MS)
    return visit.page(
        "subscriptions.html",
        several=sorted(several, key=lambda one: (not one.active, (one.name or one.id).casefold())),
        counts=counts,
        ended=ended,
        done=done[:300],
    )


@router.get("/subscriptions/new")
@allow(Role.EDITOR)
def new(
    visit: TheVisit,
    query: str = "",
    topics: Prefilled = [],  # noqa: B006 - FastAPI's way
    outlets: Prefilled = [],  # noqa: B006
    languages: Prefilled = [],  # noqa: B006
) -> Response:
    """The editor for a new subscription; the address may contain a query and filters, as from Search."""
    blank = Subscription(
        id="",
        query=query[:20_000],
        owner=visit.caller.name,
        topics=tuple(topics),
        outlets=tuple(outlets),
        languages=tuple(languages),
        schedule=Schedule(zone=str(visit.desk.zone)),
    )
    return _editor(visit, blank, None)


@router.get("/subscriptions/of/{subscription}")
@allow(Role.READER)
def show(visit: TheVisit, subscription: str, query: str | None = None, saved: Number = 0) -> Response:
    """One subscription. ``query``: another query in the editor, such as a proposal; only saving stores it."""
    stored = visit.subscriptions.get(subscription)
    wanted = stored if query is None else replace(stored, query=query[:20_000])
    findings = [one for one in lint(stored.query) if one.severity != "note"] if saved else []
    return _editor(visit, wanted, stored, saved=saved, findings=findings)


@router.post("/subscriptions/save")
@allow(Role.EDITOR)
def save(visit: TheVisit, form: TheForm) -> Response:
    """Store a new subscription, or a new version of one. It takes effect in two seconds."""
    subscriptions = visit.subscriptions
    identity = form.get("id", [""])[-1].strip()
    stored = None if "new" in form else subscriptions.get(identity)
    wanted = stored or Subscription(id=identity, query="", owner=visit.caller.name)
    based_on = form.get("based_on", [""])[-1]
    anyway = form.get("anyway", [""])[-1] == "yes"
    try:
        wanted = changed(wanted, changes_of(form))
        if stored is None:
            result = subscriptions.save_new(wanted, by=visit.caller.name, anyway=anyway)
        else:
            result = subscriptions.save(wanted, by=visit.caller.name, based_on=number_in(based_on), anyway=anyway)
    except Unconfirmed as error:
        return _editor(visit, wanted, stored, problem=error.problem, pointer=error.pointer(), doubted=error)
    except UsageError as error:
        shown = error.pointer() if isinstance(error, QueryError) else ""
        return _editor(visit, wanted, stored, problem=said_error(error).splitlines()[0], pointer=shown)
    address = f"/subscriptions/of/{quote(result.subscription.id, safe='')}"
    return RedirectResponse(f"{address}?saved={result.subscription.version if result.changed else -1}", 303)


@router.post("/subscriptions/state")
@allow(Role.EDITOR)
def change_state(visit: TheVisit, subscription: Identity, state: Annotated[str, Form(max_length=20)]) -> Response:
    """Pause, mute or resume a subscription."""
    visit.subscriptions.set_state(subscription, state, by=visit.caller.name)
    return RedirectResponse("/subscriptions", 303)


@router.post("/subscriptions/remove")
@allow(Role.EDITOR)
def remove(visit: TheVisit, subscription: Identity) -> Response:
    """End a subscription; its history and its alerts remain."""
    visit.subscriptions.remove(subscription, by=visit.caller.name)
    return RedirectResponse(
        f"/subscriptions?done={quote(gettext('%(name)s is removed; its alerts stay', name=subscription))}", 303
    )


@router.post("/subscriptions/check")
@allow(Role.EDITOR)
def check(visit: TheVisit, turn: TheTurn, form: TheForm) -> Response:
    """A part of the editor: the query's findings, and what it would have found in the last 30 days."""
    identity = form.get("id", [""])[-1] if "new" not in form else ""
    stored = visit.desk.queries.newest(identity) if identity else None
    stored = stored if stored is not None and stored.active else None
    begun = stored or Subscription(id="new", query="")
    try:
        wanted = changed(begun, changes_of(form))
    except UsageError as error:
        return _part("_query_preview.html", visit.desk, preview=QueryPreview(problem=error.message), days=DAYS)
    if not wanted.query:
        return _part("_query_preview.html", visit.desk, preview=QueryPreview(), days=DAYS)
    desk = visit.desk
    found = preview(
        desk.index, wanted, stored, desk.follower.outlets, now_ms=desk.clock_ms(), zone=desk.zone, stopped=turn.stopped
    )
    return _part("_query_preview.html", visit.desk, preview=found, days=DAYS)


@router.post("/subscriptions/explain")
@allow(Role.EDITOR)
def explain_on(
    visit: TheVisit, _turn: TheTurn, query: QueryText, document: Annotated[str, Form(max_length=LONGEST_EXPLAINED)]
) -> Response:
    """A part of the editor: which clauses match an article (its address or id), or a pasted text."""
    problem, explanation, on = "", None, ""
    try:
        parsed = parse(query)
        on, subject = document_for(visit.desk, document.strip())
        explanation = explain(parsed, subject)
    except QueryError as error:
        problem = gettext("The query can't be read: %(problem)s", problem=said(error.finding))
    except UsageError as error:
        problem = error.message
    return _part("_explanation.html", visit.desk, explanation=explanation, problem=problem, on=on)


@router.post("/subscriptions/translate")
@allow(Role.EDITOR)
def translate(visit: TheVisit, query: QueryText, dialect: Annotated[str, Form(max_length=20)]) -> Response:
    """A part of the editor: another vendor's query in our language, and the parts with a different meaning."""
    made, problem, pointer = None, "", ""
    try:
        made = translated(query.strip(), dialect)
    except QueryError as error:
        problem, pointer = said(error.finding), error.pointer()
    except UsageError as error:
        problem = error.message
    return _part("_translated.html", visit.desk, problem=problem, pointer=pointer, made=made)


@router.get("/subscriptions/export.{kind}")
@allow(Role.READER)
def export(visit: TheVisit, kind: str) -> Response:
    """All subscriptions, for import elsewhere."""
    if kind not in FORMATS:
        raise Refused(404, gettext("no such format; there are %(names)s", names=", ".join(FORMATS)))
    several = visit.subscriptions.all()
    headers = {"Content-Disposition": f'attachment; filename="wirewatch-subscriptions.{kind}"'}
    return Response(
        to_toml(several) if kind == "toml" else to_json_lines(several), headers=headers, media_type=FORMATS[kind]
    )


@router.post("/subscriptions/import")
@allow(Role.EDITOR)
def import_file(
    visit: TheVisit, file: Annotated[UploadFile, File()], anyway: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """Store the subscriptions of a file, all or none."""
    name = (file.filename or "the file")[:100]
    try:
        saved = visit.subscriptions.import_file(
            file.file.read(), name, by=visit.caller.name, most=MOST_IMPORTED, anyway=anyway == "yes"
        )
    except Unconfirmed as error:
        error.hint = "tick “also import doubtful queries” if this is what they mean"
        raise
    count = sum(one.changed for one in saved)
    same = len(saved) - count
    done = gettext("%(name)s: %(saved)s saved, %(same)s unchanged", name=name, saved=count, same=same)
    return RedirectResponse(f"/subscriptions?done={quote(done)}", 303)


@router.get("/subscriptions/of/{subscription}/alerts.atom")
@allow(Role.READER)
def alerts(visit: TheVisit, subscription: str) -> Response:
    """The newest alerts of a subscription, as an Atom feed."""
    stored = visit.subscriptions.get(subscription)
    base = visit.base_url
    found = [row.alert for row in visit.desk.reader.alerts(limit=MOST_ALERTS, subscription=stored.id)]
    query = f"?{visit.request.url.query}" if visit.request.url.query else ""
    return Response(
        alerts_feed(stored, found, self_url=f"{base}{visit.request.url.path}{query}", desk_url=base),
        media_type=MEDIA_TYPE,
    )


def _editor(
    visit: Visit,
    wanted: Subscription,
    stored: Subscription | None,
    *,
    problem: str = "",
    pointer: str = "",
    saved: int = 0,
    findings: Sequence[LintFinding] = (),
    doubted: Unconfirmed | None = None,
) -> Response:
    versions = visit.desk.queries.history(stored.id) if stored is not None else []
    history = [
        (one, differences(one, before)) for one, before in zip(versions, [*versions[1:], None], strict=False) if before
    ]
    return visit.page(
        "subscription.html",
        status=400 if problem else 200,
        one=wanted,
        stored=stored,
        problem=problem,
        pointer=pointer,
        doubted=doubted,
        saved=saved,
        findings=findings,
        history=history,
        marks=marks_of(visit.desk, stored.id) if stored is not None else None,
        first=versions[-1] if versions else None,
        alerts=visit.desk.reader.alerts(limit=20, subscription=stored.id) if stored is not None else [],
        channels=visit.channels.all(),
        topics=[one.name for one in visit.desk.topics()],
        languages=_languages(visit.desk),
        news=NEWS,
        told=told_words(wanted),
        levels=LEVELS,
        states=STATES,
        dialects=sorted(DIALECTS),
        example='"grain corridor" AND (odesa OR odessa)',
    )


def _languages(desk: Desk) -> Mapping[str, str]:
    """The languages of the current stories, to choose from."""
    codes = {code for card in desk.board.snapshot() for code in card.languages}
    return {code: language_name(code) for code in sorted(codes)}


def _part(template: str, desk: Desk, **values: object) -> Response:
    return HTMLResponse(fragment(template, clock=clock_of(desk), **values))
