"""Alerts as a work list, a single alert, and what to do about an irrelevant one: a mark, a narrower query, a mute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Response
from pydantic import Field
from starlette.responses import RedirectResponse

from core.errors import UsageError
from core.records import Alert
from desk.delivery.store.channels import MuteKind
from desk.language import gettext
from desk.people.roles import Role
from desk.use_cases import alert_work
from desk.use_cases import alerts as use_case
from desk.use_cases.alerts import AlertsShown, NarrowerQuery, alert_with, alerts_page, deliveries_of, not_relevant
from desk.use_cases.desk import Desk
from desk.use_cases.shifts import people_of
from desk.views.article_text import Segment, Span, marked
from desk.views.cards import hit_view
from desk.web.guard import allow
from desk.web.requests import TheVisit, Visit
from desk.web.turns import TheTurn

router = APIRouter(include_in_schema=False)
PAGE = 50
Act = Literal["acknowledge", "reopen", "claim"]
Several = Annotated[list[Annotated[str, Field(max_length=200)]], Form(min_length=1, max_length=PAGE)]
Back = Annotated[str, Form(max_length=500)]


@router.get("/alerts")
@allow(Role.READER)
def listing(
    visit: TheVisit, subscription: str = "", before: str = "", done: str = "", show: AlertsShown = "open"
) -> Response:
    """Alerts by story, newest first, with their deliveries; ``subscription``: only that subscription's."""
    alerts, more = alerts_page(
        visit.desk,
        limit=PAGE,
        subscription=subscription or None,
        before=before or None,
        show=show,
        person=visit.caller.id,
    )
    here = {"subscription": subscription, "show": "" if show == "open" else show, "before": before}
    return visit.page(
        "alerts.html",
        alerts=alerts,
        stories=alert_work.by_story(alerts),
        work=alert_work.alert_desk(visit.desk).of(one.id for one in alerts),
        show=show,
        me=visit.caller.id,
        back=f"/alerts?{urlencode({name: value for name, value in here.items() if value})}".rstrip("?"),
        shown={one.id: _shown(one) for one in alerts},
        deliveries=deliveries_of(visit.desk, alerts),
        mutes=use_case.mutes(visit.desk),
        names=_names(visit.desk),
        subscription=subscription,
        more=more or "",
        done=done[:300],
    )


@router.get("/alerts/{alert}")
@allow(Role.READER)
def show(visit: TheVisit, alert: str) -> Response:
    """One alert, to which messages link."""
    one = alert_with(visit.desk.store, visit.desk.settings.run, alert)
    return _page(visit, one)


@router.get("/alerts/{alert}/narrower")
@allow(Role.EDITOR)
def narrower(visit: TheVisit, turn: TheTurn, alert: str) -> Response:
    """For an irrelevant alert: small changes to the query that would have avoided it, with the alerts each would have lost."""
    one, run = alert_with(visit.desk.store, visit.desk.settings.run, alert), visit.desk.settings.run
    try:
        _, _, found = not_relevant(
            visit.desk.store, run, visit.desk.index, one.id, now_ms=visit.desk.clock_ms(), stopped=turn.stopped
        )
    except UsageError as error:
        problem = str(error)
        return _page(visit, one, proposals=(), problem=f"{problem[0].upper()}{problem[1:]}.")
    return _page(visit, one, proposals=found)


@router.post("/alerts/work")
@allow(Role.EDITOR)
def work(visit: TheVisit, alert: Several, act: Annotated[Act, Form()], back: Back = "/alerts") -> Response:
    """Acknowledge alerts, claim them, or open them again."""
    if act == "acknowledge":
        alert_work.acknowledge(visit.desk, visit.by, alert)
    elif act == "reopen":
        alert_work.reopen(visit.desk, visit.by, alert)
    else:
        alert_work.assign(visit.desk, visit.by, alert, visit.caller.id)
    return visit.done(back)


@router.post("/alerts/assign")
@allow(Role.EDITOR)
def assign(
    visit: TheVisit, alert: Several, person: Annotated[str, Form(max_length=32)], back: Back = "/alerts"
) -> Response:
    """Assign alerts to a person."""
    alert_work.assign(visit.desk, visit.by, alert, person)
    return visit.done(back)


@router.post("/alerts/mark")
@allow(Role.EDITOR)
def mark(
    visit: TheVisit,
    alert: Annotated[str, Form(max_length=200)],
    relevant: Annotated[Literal["yes", "no", "unmarked"], Form()],
    back: Back = "/alerts",
) -> Response:
    """Mark an alert as relevant or not; its subscription does not change."""
    alert_work.mark(visit.desk, visit.by, alert, relevant=alert_work.RELEVANT[relevant])
    return visit.done(back)


@router.post("/alerts/mute")
@allow(Role.EDITOR)
def mute(
    visit: TheVisit,
    alert: Annotated[str, Form(max_length=200)],
    kind: Annotated[MuteKind, Form()],
    hours: Annotated[int | None, Form(ge=1, le=10_000)] = None,
) -> Response:
    """Stop sending the alert's story, or outlet, to its subscription's channels."""
    made = use_case.mute(visit.desk, visit.by, alert, kind, hours)
    if kind == "story":
        done = gettext("The story is muted for %(subscription)s", subscription=made.subscription)
    else:
        done = gettext(
            "The outlet %(outlet)s is muted for %(subscription)s", outlet=made.value, subscription=made.subscription
        )
    return RedirectResponse(f"/alerts?done={quote(done)}", 303)


@router.post("/alerts/unmute")
@allow(Role.EDITOR)
def unmute(visit: TheVisit, mute: Annotated[str, Form(max_length=64)]) -> Response:
    """Remove a mute."""
    use_case.unmute(visit.desk, visit.by, mute)
    done = gettext("The mute is removed")
    return RedirectResponse(f"/alerts?done={quote(done)}", 303)


def _page(visit: Visit, one: Alert, *, proposals: Sequence[NarrowerQuery] | None = None, problem: str = "") -> Response:
    outlets = visit.desk.follower.outlets
    return visit.page(
        "alert.html",
        one=one,
        shown=_shown(one),
        deliveries=deliveries_of(visit.desk, [one]).get(one.id, []),
        names=_names(visit.desk),
        work=alert_work.alert_desk(visit.desk).of([one.id]).get(one.id),
        people=people_of(visit.desk, visit.caller),
        proposals=proposals,
        problem=problem,
        stored=visit.desk.queries.newest(one.subscription),
        others={
            narrower.query: [hit_view(story.hit, outlets) for story in narrower.examples]
            for narrower in proposals or ()
        },
    )


def _names(desk: Desk) -> dict[str, str]:
    """Subscriptions' names by id, including those just saved; the board's names are some seconds old."""
    several = desk.queries.read(now_ms=desk.clock_ms()).subscriptions
    return {one.id: one.name or one.id for one in several}


class _Shown(NamedTuple):
    """The headline and a part of the text, with matches marked; ``why`` is empty if all matches are in the headline."""

    title: tuple[Segment, ...]
    why: tuple[Segment, ...] = ()


def _shown(one: Alert) -> _Shown:
    """What to show of an alert. Alerts from older versions of Wirewatch have no snippets."""
    title, why = marked(one.title, ()), tuple[Segment, ...]()
    for snippet in one.snippets:
        segments = marked(snippet.text, [Span(start, end) for start, end in snippet.spans])
        if snippet.text == one.title:
            title = segments
        elif not why:
            why = segments
    return _Shown(title, why)
