"""Alerts: the list, one of them, and what to do about one that is not relevant: a narrower query, or a mute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Form, Response
from starlette.responses import RedirectResponse

from core.errors import UsageError
from core.records import Alert
from desk.delivery.store.channels import MuteKind
from desk.people.roles import Role
from desk.use_cases import alerts as use_case
from desk.use_cases.alerts import NarrowerQuery, alert_with, alerts_page, deliveries_of, not_relevant
from desk.use_cases.desk import Desk
from desk.views.article_text import Segment, Span, marked
from desk.views.cards import hit_view
from desk.web.guard import allow
from desk.web.requests import TheVisit, Visit
from desk.web.turns import TheTurn

router = APIRouter(include_in_schema=False)
PAGE = 50


@router.get("/alerts")
@allow(Role.READER)
def listing(visit: TheVisit, subscription: str = "", before: str = "", done: str = "") -> Response:
    """Alerts, newest first, with what became of each; ``subscription``: only of that one."""
    alerts, more = alerts_page(visit.desk, limit=PAGE, subscription=subscription or None, before=before or None)
    return visit.page(
        "alerts.html",
        alerts=alerts,
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
    """One alert: what messages link to."""
    one = alert_with(visit.desk.store, visit.desk.settings.run, alert)
    return _page(visit, one)


@router.get("/alerts/{alert}/narrower")
@allow(Role.EDITOR)
def narrower(visit: TheVisit, turn: TheTurn, alert: str) -> Response:
    """It is not relevant: small changes to the query that would have spared it, with what each would have cost."""
    one, run = alert_with(visit.desk.store, visit.desk.settings.run, alert), visit.desk.settings.run
    try:
        _, _, found = not_relevant(
            visit.desk.store, run, visit.desk.index, one.id, now_ms=visit.desk.clock_ms(), stopped=turn.stopped
        )
    except UsageError as error:
        problem = str(error)
        return _page(visit, one, proposals=(), problem=f"{problem[0].upper()}{problem[1:]}.")
    return _page(visit, one, proposals=found)


@router.post("/alerts/mute")
@allow(Role.EDITOR)
def mute(
    visit: TheVisit,
    alert: Annotated[str, Form(max_length=200)],
    kind: Annotated[MuteKind, Form()],
    hours: Annotated[int | None, Form(ge=1, le=10_000)] = None,
) -> Response:
    """Send nothing more of the alert's story, or outlet, to the channels of its subscription."""
    made = use_case.mute(visit.desk, visit.by, alert, kind, hours)
    what = "story" if kind == "story" else f"outlet {made.value}"
    return RedirectResponse(f"/alerts?done={quote(f'the {what} is muted for {made.subscription}')}", 303)


@router.post("/alerts/unmute")
@allow(Role.EDITOR)
def unmute(visit: TheVisit, mute: Annotated[str, Form(max_length=64)]) -> Response:
    """Take a mute back."""
    use_case.unmute(visit.desk, visit.by, mute)
    return RedirectResponse(f"/alerts?done={quote('the mute is taken back')}", 303)


def _page(visit: Visit, one: Alert, *, proposals: Sequence[NarrowerQuery] | None = None, problem: str = "") -> Response:
    outlets = visit.desk.follower.outlets
    return visit.page(
        "alert.html",
        one=one,
        shown=_shown(one),
        deliveries=deliveries_of(visit.desk, [one]).get(one.id, []),
        names=_names(visit.desk),
        proposals=proposals,
        problem=problem,
        stored=visit.desk.queries.newest(one.subscription),
        others={
            narrower.query: [hit_view(story.hit, outlets) for story in narrower.examples]
            for narrower in proposals or ()
        },
    )


def _names(desk: Desk) -> dict[str, str]:
    """Subscriptions' names by id, those that were just saved too; the board's are some seconds old."""
    several = desk.queries.read(now_ms=desk.clock_ms()).subscriptions
    return {one.id: one.name or one.id for one in several}


class _Shown(NamedTuple):
    """The headline and a stretch of the text, what matched in them marked; ``why`` is empty if the headline says it all."""

    title: tuple[Segment, ...]
    why: tuple[Segment, ...] = ()


def _shown(one: Alert) -> _Shown:
    """What to show of an alert. Those of older versions have no snippets."""
    title, why = marked(one.title, ()), tuple[Segment, ...]()
    for snippet in one.snippets:
        segments = marked(snippet.text, [Span(start, end) for start, end in snippet.spans])
        if snippet.text == one.title:
            title = segments
        elif not why:
            why = segments
    return _Shown(title, why)
