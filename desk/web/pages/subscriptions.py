"""Subscriptions: the list, and one of them with editor, history and latest alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from msgspec.structs import replace
from starlette.responses import RedirectResponse

from core.errors import QueryError, UsageError
from core.query import LintFinding, lint
from core.query.importing import DIALECTS
from core.records import Subscription
from core.records.alert import LEVELS, Schedule
from desk.delivery.store.channels import DeliveryBook
from desk.people.roles import Role
from desk.shifts.store import alert_counts
from desk.use_cases.subscriptions import Subscriptions, changed, named
from desk.views.languages import language_name
from desk.views.subscription_forms import NEWS, changes_of, differences
from desk.web.deps import Desk, TheActor, TheCaller, TheDesk
from desk.web.forms import TheForm
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
Identity = Annotated[str, Form(max_length=100)]
Prefilled = Annotated[list[str], Query(max_length=50)]
WEEK_MS = 7 * 86_400_000
STATES = ("active", "paused", "muted")


@router.get("/subscriptions")
@allow(Role.READER)
def listing(request: Request, desk: TheDesk, done: str = "", *, ended: bool = False) -> Response:
    """All subscriptions; ``ended``: also those that were removed."""
    several = subscriptions_of(desk).all(ended=ended)
    counts = alert_counts(desk.store, desk.settings.run, since_ms=desk.clock_ms() - WEEK_MS)
    return page(
        request,
        "subscriptions.html",
        several=sorted(several, key=lambda one: (not one.active, (one.name or one.id).casefold())),
        counts=counts,
        ended=ended,
        done=done[:300],
    )


@router.get("/subscriptions/new")
@allow(Role.EDITOR)
def new(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    query: str = "",
    topics: Prefilled = [],  # noqa: B006 - FastAPI's way
    outlets: Prefilled = [],  # noqa: B006
    languages: Prefilled = [],  # noqa: B006
) -> Response:
    """The editor of a new one; the address may bring a query and filters along, as Search does."""
    blank = Subscription(
        id="",
        query=query[:20_000],
        owner=caller.name,
        topics=tuple(topics),
        outlets=tuple(outlets),
        languages=tuple(languages),
        schedule=Schedule(zone=str(desk.zone)),
    )
    return _editor(request, desk, blank, None)


@router.get("/subscriptions/of/{subscription}")
@allow(Role.READER)
def show(request: Request, desk: TheDesk, subscription: str, query: str | None = None, saved: int = 0) -> Response:
    """One subscription. ``query``: another to begin with, as a proposal brings it; it is stored only by saving."""
    stored = known(desk, subscription)
    wanted = stored if query is None else replace(stored, query=query[:20_000])
    findings = [one for one in lint(stored.query) if one.severity != "note"] if saved else []
    return _editor(request, desk, wanted, stored, saved=saved, findings=findings)


@router.post("/subscriptions/save")
@allow(Role.EDITOR)
def save(request: Request, desk: TheDesk, by: TheActor, caller: TheCaller, form: TheForm) -> Response:
    """Store a new subscription, or a new version of one. It holds for what comes from two seconds later on."""
    queries = subscriptions_of(desk)
    identity, fresh = form.get("id", [""])[-1].strip(), "new" in form
    stored = None if fresh else known(desk, identity)
    wanted = stored or Subscription(id=identity, query="", owner=caller.name)
    taken = {one.id: one for one in queries.all(ended=True)}
    try:
        wanted = changed(wanted, changes_of(form))
        if fresh and not wanted.id:
            wanted = replace(wanted, id=named(wanted.name, wanted.query, taken))
        elif fresh and wanted.id in taken:
            raise UsageError(
                f"there is a subscription {wanted.id!r} already", hint="choose another id, or leave it empty"
            )
        if form.get("based_on") not in (None, [str(stored.version if stored else 0)]):
            raise UsageError("somebody else saved it meanwhile", hint="open it again, and repeat what you changed")
        result = queries.save(wanted, by=caller.name)
    except UsageError as error:
        shown = error.pointer() if isinstance(error, QueryError) else ""
        return _editor(request, desk, wanted, stored, problem=str(error).splitlines()[0], pointer=shown)
    if result.changed:
        desk.directory.note(by, "subscription saved", result.subscription.id, result.subscription.query[:2_000])
    address = f"/subscriptions/of/{quote(result.subscription.id, safe='')}"
    return RedirectResponse(f"{address}?saved={result.subscription.version if result.changed else -1}", 303)


@router.post("/subscriptions/state")
@allow(Role.EDITOR)
def change_state(
    desk: TheDesk, by: TheActor, caller: TheCaller, subscription: Identity, state: Annotated[str, Form(max_length=20)]
) -> Response:
    """Pause it, mute it, or let it go on."""
    known(desk, subscription)
    saved = subscriptions_of(desk).edit(subscription, {"state": state}, by=caller.name)
    if saved.changed:
        desk.directory.note(by, f"subscription {state}"[:60], subscription)
    return RedirectResponse("/subscriptions", 303)


@router.post("/subscriptions/remove")
@allow(Role.EDITOR)
def remove(desk: TheDesk, by: TheActor, caller: TheCaller, subscription: Identity) -> Response:
    """End it; its history and its alerts stay."""
    known(desk, subscription)
    subscriptions_of(desk).remove(subscription, by=caller.name)
    desk.directory.note(by, "subscription ended", subscription)
    return RedirectResponse(f"/subscriptions?done={quote(subscription)} is removed; its alerts stay", 303)


def subscriptions_of(desk: Desk) -> Subscriptions:
    """The subscriptions of the desk's store."""
    return Subscriptions(desk.store, desk.clock_ms)


def known(desk: Desk, identity: str) -> Subscription:
    """The newest version. Raises Refused where there is none."""
    found = desk.queries.newest(identity)
    if found is None or not found.active:
        raise Refused(404, "there is no such subscription")
    return found


def _editor(
    request: Request,
    desk: Desk,
    wanted: Subscription,
    stored: Subscription | None,
    *,
    problem: str = "",
    pointer: str = "",
    saved: int = 0,
    findings: Sequence[LintFinding] = (),
) -> Response:
    versions = desk.queries.history(stored.id) if stored is not None else []
    history = [
        (one, differences(one, before)) for one, before in zip(versions, [*versions[1:], None], strict=False) if before
    ]
    return page(
        request,
        "subscription.html",
        status=400 if problem else 200,
        one=wanted,
        stored=stored,
        problem=problem,
        pointer=pointer,
        saved=saved,
        findings=findings,
        history=history,
        first=versions[-1] if versions else None,
        alerts=desk.reader.alerts(limit=20, subscription=stored.id) if stored is not None else [],
        channels=DeliveryBook(desk.store).channels(),
        topics=_topics(desk),
        languages=_languages(desk),
        news=NEWS,
        levels=LEVELS,
        states=STATES,
        dialects=sorted(DIALECTS),
        example='"grain corridor" AND (odesa OR odessa)',
    )


def _topics(desk: Desk) -> list[str]:
    newest = {one.name: one for one in desk.queries.read(now_ms=desk.clock_ms()).topics}
    return sorted(name for name, one in newest.items() if one.active)


def _languages(desk: Desk) -> Mapping[str, str]:
    """Those of what is there now, to choose from."""
    codes = {code for card in desk.board.snapshot() for code in card.languages}
    return {code: language_name(code) for code in sorted(codes)}
