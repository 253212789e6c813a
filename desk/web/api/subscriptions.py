"""Subscriptions, topics, and queries before they are stored: linted, backtested, translated."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from msgspec import Meta

from core.durations import DAY_MS
from core.errors import Unconfirmed
from core.query import LintFinding, lint
from core.query.importing import Dialect
from core.records import Subscription
from core.records.alert import Schedule
from core.search import DayCount
from core.store.subscriptions import StoredTopic
from desk.people.roles import Role
from desk.use_cases.queries import BACKTEST_BUDGET_MS, backtested, translated
from desk.use_cases.subscriptions import PORTABLE
from desk.views.query_preview import sentence
from desk.web.api.schema import PREFIX, Shape, SubscriptionId, answer, body, given, gives, listing, partial, takes
from desk.web.guard import allow
from desk.web.requests import TheActor, TheDesk
from desk.web.turns import TheTurn

router = APIRouter(prefix=PREFIX)
SUBSCRIPTION = Shape(
    "Subscription",
    Subscription,
    "One version of a stored query. An article must match the query, and have one of ``topics``, one of ``languages`` (ISO "
    "639-1) and one of ``outlets`` (ids), ignoring case; an empty list does not filter. ``effective_from``: the event time "
    "(UTC) from which this version is in force, null if from the beginning of the run. ``active``: false if it ends the "
    "subscription. ``delivery``: names of channels. ``state``: ``paused`` raises no alerts; ``muted`` raises them, but only "
    "the desk shows them. ``news``: what raises further alerts in a story. ``level``: the urgency of its alerts; that of a "
    "retraction is always ``urgent``. ``edited_by``, ``note`` and ``saved`` (UTC) belong to this version. ``words_version``: "
    "the version of the rules for splitting words under which the query was written.",
    without={"schema"},
)
Subscriptions = listing(
    "Subscriptions", "The newest version of each subscription that has not ended.", SUBSCRIPTION.kind
)
ScheduleIn = partial("ScheduleIn", Schedule.__doc__ or "", Schedule, Schedule.__struct_fields__)
SubscriptionIn = partial(
    "SubscriptionIn",
    "A subscription to store. Fields that are left out or null stay unchanged; an empty list does not filter. Further fields "
    "of an answer, such as ``version``, are accepted and ignored.",
    Subscription,
    [name for name in PORTABLE if name != "id"],
    required={"query"},
    query=Annotated[str, Meta(min_length=1, max_length=20_000)],
    name=Annotated[str, Meta(max_length=200)],
    schedule=ScheduleIn,
)
TOPIC = Shape(
    "Topic",
    StoredTopic,
    "One version of a topic. ``definition``: its TOML file (docs/topics.md).",
    without={"effective_from_ms", "active"},
    title=str,
)
Topics = listing("Topics", "The newest version of each topic in force.", TOPIC.kind)
Findings = listing(
    "Findings", "Errors and probable mistakes in a query, by position; empty if there are none.", LintFinding
)
QueryText = Annotated[str, Query(min_length=1, max_length=20_000, description="In the query language.")]
Anyway = Annotated[
    bool, Query(description="Also store a query that is probably a mistake, such as one with Or instead of OR.")
]


class Backtest(msgspec.Struct, frozen=True):
    """What a query would have alerted. ``text``: the result as a sentence, in English, with times in UTC.

    ``articles`` and ``stories``: how many match; ``alerts``: how many would have been raised; ``days``: by day, ascending.
    ``complete`` is false if the time limit was reached; then the counts are of the newest part, and at least so many. ``won``
    and ``lost``: how many stories the query finds more and fewer than the stored subscription; null without one.
    """

    text: str
    articles: int
    stories: int
    alerts: int
    alerts_a_day: float
    complete: bool
    days: tuple[DayCount, ...]
    won: int | None
    lost: int | None


class TranslatedPart(msgspec.Struct, frozen=True):
    """A difference in meaning. ``position``: 0-based code point of the vendor's query; ``text``: what differs, in English."""

    position: int
    text: str


class Translated(msgspec.Struct, frozen=True):
    """A translated query. ``changes``: what has a different meaning, by position."""

    query: str
    changes: tuple[TranslatedPart, ...]


@router.get("/subscriptions", responses=gives(Subscriptions), tags=["subscriptions"])
@allow(Role.READER)
def subscriptions(desk: TheDesk, by: TheActor) -> Response:
    """The newest version of each subscription that has not ended."""
    return answer({"items": [SUBSCRIPTION.of(one) for one in desk.subscriptions(by).all()]})


@router.get("/subscriptions/{subscription}", responses=gives(SUBSCRIPTION.kind, 404), tags=["subscriptions"])
@allow(Role.READER)
def subscription(desk: TheDesk, by: TheActor, subscription: SubscriptionId) -> Response:
    """The newest version of a subscription."""
    return answer(SUBSCRIPTION.of(desk.subscriptions(by).get(subscription)))


@router.put(
    "/subscriptions/{subscription}",
    responses=gives(SUBSCRIPTION.kind, 400),
    openapi_extra=takes(SubscriptionIn),
    tags=["subscriptions"],
)
@allow(Role.EDITOR)
def save(
    desk: TheDesk,
    by: TheActor,
    subscription: SubscriptionId,
    wanted: Annotated[Any, body(SubscriptionIn)],
    anyway: Anyway = False,
) -> Response:
    """Create a subscription, or store a new version of it.

    It takes effect in two seconds; an unchanged one gets no new version. 400 if the query can't be read, or is probably a
    mistake (a finding with ``confirm``) and ``anyway`` is not true.
    """
    try:
        saved = desk.subscriptions(by).put(subscription, given(wanted), by=by.person.name, anyway=anyway)
    except Unconfirmed as error:
        meant = f"probably meant: {error.instead}; " if error.instead else ""
        error.hint = f"{meant}anyway=true stores it as it is"
        raise
    return answer(SUBSCRIPTION.of(saved.subscription))


@router.delete("/subscriptions/{subscription}", responses=gives(None, 404), status_code=204, tags=["subscriptions"])
@allow(Role.EDITOR)
def end(desk: TheDesk, by: TheActor, subscription: SubscriptionId) -> Response:
    """End a subscription. Its history and its alerts remain."""
    desk.subscriptions(by).remove(subscription, by=by.person.name)
    return Response(status_code=204)


@router.get("/topics", responses=gives(Topics), tags=["topics"])
@allow(Role.READER)
def topics(desk: TheDesk) -> Response:
    """The newest version of each topic in force."""
    return answer({"items": [TOPIC.of(one, _title(one.definition)) for one in desk.topics()]})


@router.get("/queries/lint", responses=gives(Findings), tags=["queries"])
@allow(Role.READER)
def lint_query(query: QueryText) -> Response:
    """Errors and probable mistakes in a query, by position. A query that can't be read has a finding of severity ``error``."""
    return answer({"items": lint(query)})


@router.get("/queries/backtest", responses=gives(Backtest, 400, 404), tags=["queries"])
@allow(Role.READER)
def backtest_query(
    desk: TheDesk,
    by: TheActor,
    turn: TheTurn,
    query: QueryText,
    days: Annotated[int, Query(ge=1, le=3_650, description="The length of the period up to now, in days.")] = 30,
    subscription: Annotated[
        str | None,
        Query(
            max_length=100,
            description="The id of a subscription: apply its filters, and compare with its stored query.",
        ),
    ] = None,
) -> Response:
    """What a query would have alerted in the past days, and how that differs from a stored subscription.

    400 if the query can't be read; 404 if there is no such subscription.
    """
    until_ms = desk.clock_ms() + 1
    report, change = backtested(
        desk.index,
        query,
        until_ms - days * DAY_MS,
        until_ms,
        stored=None if subscription is None else desk.subscriptions(by).get(subscription),
        budget_ms=BACKTEST_BUDGET_MS,
        examples=0,
        stopped=turn.stopped,
    )
    return answer(
        Backtest(
            text=sentence(report, change, days=days),
            articles=report.articles.value,
            stories=report.stories.value,
            alerts=report.alerts.value,
            alerts_a_day=report.alerts_a_day,
            complete=report.complete,
            days=report.days,
            won=change.won.value if change else None,
            lost=change.lost.value if change else None,
        )
    )


@router.get("/queries/import", responses=gives(Translated, 400), tags=["queries"])
@allow(Role.READER)
def translate(query: QueryText, dialect: Annotated[Dialect, Query(description="The vendor.")]) -> Response:
    """Translate another vendor's query. 400, naming it, if a construct has no equivalent here."""
    made = translated(query, dialect)
    return answer(Translated(made.query, tuple(TranslatedPart(one.position, one.text) for one in made.changes)))


def _title(definition: str) -> str:
    try:
        return str(tomllib.loads(definition).get("title", ""))
    except tomllib.TOMLDecodeError:
        return ""
