"""Alerts: the list, one of them, and what to do about one that is not relevant: a narrower query, or a mute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from core.errors import UsageError
from core.records import Alert, Subscription
from core.store.lookup import find_alert, find_article
from desk.delivery.store.channels import DeliveryBook, Mute, MuteKind
from desk.live.reading import alert_cursor
from desk.people.roles import Role
from desk.use_cases.alerts import Choice, choices
from desk.views.hits import hit_view
from desk.views.marks import Segment, Span, marked
from desk.web.deps import Desk, TheActor, TheCaller, TheDesk
from desk.web.guard import allow
from desk.web.pages.search import index_of
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
PAGE = 50
HOUR_MS = 3_600_000


@router.get("/alerts")
@allow(Role.READER)
def listing(request: Request, desk: TheDesk, subscription: str = "", before: str = "", done: str = "") -> Response:
    """Alerts, newest first, with what became of each; ``subscription``: only of that one."""
    rows = desk.reader.alerts(limit=PAGE + 1, subscription=subscription or None, before=before or None)
    shown = rows[:PAGE]
    alerts = [row.alert for row in shown]
    book = DeliveryBook(desk.store)
    return page(
        request,
        "alerts.html",
        alerts=alerts,
        shown={one.id: _shown(one) for one in alerts},
        deliveries=book.deliveries_of(one.id for one in alerts),
        mutes=book.mutes(now_ms=desk.clock_ms()),
        names=_names(desk),
        subscription=subscription,
        more=alert_cursor(shown[-1]) if len(rows) > PAGE else "",
        done=done[:300],
    )


@router.get("/alerts/{alert}")
@allow(Role.READER)
def show(request: Request, desk: TheDesk, alert: str) -> Response:
    """One alert: what messages link to."""
    one = _known(desk, alert)
    return _page(request, desk, one, desk.queries.newest(one.subscription))


@router.get("/alerts/{alert}/narrower")
@allow(Role.EDITOR)
def narrower(request: Request, desk: TheDesk, alert: str) -> Response:
    """It is not relevant: small changes to the query that would have spared it, with what each would have cost."""
    one = _known(desk, alert)
    stored = desk.queries.newest(one.subscription)
    article = find_article(desk.store, desk.settings.run, one.article)
    problem, found = "", list[Choice]()
    if stored is None or not stored.active:
        problem = "The subscription was removed."
    elif article is None:
        problem = "The article is not stored any more."
    else:
        try:
            found = choices(index_of(desk), stored, one, article, now_ms=desk.clock_ms())
        except UsageError as error:
            problem = str(error)
    return _page(request, desk, one, stored, proposals=found, problem=problem)


@router.post("/alerts/mute")
@allow(Role.EDITOR)
def mute(
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    alert: Annotated[str, Form(max_length=200)],
    kind: Annotated[MuteKind, Form()],
    hours: Annotated[int | None, Form(ge=1, le=10_000)] = None,
) -> Response:
    """Send nothing more of the alert's story, or outlet, to those whom its subscription tells; the desk goes on to see it."""
    one = _known(desk, alert)
    stored, now_ms = desk.queries.newest(one.subscription), desk.clock_ms()
    value = one.story if kind == "story" else one.source
    DeliveryBook(desk.store).mute(
        Mute(
            kind=kind,
            value=value,
            owner=stored.owner if stored is not None else caller.name,
            subscription=one.subscription,
            until_ms=None if hours is None else now_ms + hours * HOUR_MS,
            muted_by=caller.name,
            muted_ms=now_ms,
        )
    )
    desk.directory.note(by, f"{kind} muted", one.subscription, value)
    what = "story" if kind == "story" else f"outlet {one.source}"
    return RedirectResponse(f"/alerts?done={quote(f'the {what} is muted for {one.subscription}')}", 303)


@router.post("/alerts/unmute")
@allow(Role.EDITOR)
def unmute(desk: TheDesk, by: TheActor, mute: Annotated[str, Form(max_length=64)]) -> Response:
    """Take a mute back."""
    if not DeliveryBook(desk.store).unmute(mute):
        raise Refused(404, "there is no such mute")
    desk.directory.note(by, "mute taken back", mute)
    return RedirectResponse(f"/alerts?done={quote('the mute is taken back')}", 303)


def _known(desk: Desk, identity: str) -> Alert:
    found = find_alert(desk.store, desk.settings.run, identity)
    if found is None:
        raise Refused(404, "there is no such alert")
    return found


def _page(
    request: Request,
    desk: Desk,
    one: Alert,
    stored: Subscription | None,
    *,
    proposals: Sequence[Choice] | None = None,
    problem: str = "",
) -> Response:
    outlets = desk.follower.outlets
    return page(
        request,
        "alert.html",
        one=one,
        shown=_shown(one),
        deliveries=DeliveryBook(desk.store).deliveries_of([one.id]).get(one.id, []),
        names=_names(desk),
        proposals=proposals,
        problem=problem,
        stored=stored,
        others={
            choice.query: [hit_view(story.hit, outlets) for story in choice.examples] for choice in proposals or ()
        },
    )


def _names(desk: Desk) -> dict[str, str]:
    """Subscriptions' names by id, those that were just saved too; the board's are some seconds old."""
    several = desk.queries.read(now_ms=desk.clock_ms()).subscriptions
    return {one.id: one.name or one.id for one in several}


class _Shown(NamedTuple):
    """The headline and a stretch of the text, what matched in them marked; ``why`` is empty where the headline says it all."""

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
