"""Queries before they are stored: linted, backtested, translated from another vendor's language."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from core.query import lint, parse
from core.query.importing import import_query
from core.search import BacktestReport, Filters, backtest, compare, filters_of
from desk.people.roles import Role
from desk.views.trials import sentence
from desk.web.api.common import PREFIX, problems
from desk.web.deps import TheDesk
from desk.web.guard import allow
from desk.web.pages.search import index_of
from desk.web.problems import Refused

router = APIRouter(prefix=PREFIX, tags=["queries"])
QueryText = Annotated[str, Query(min_length=1, max_length=20_000, description="In the query language.")]
Dialect = Literal["brandwatch", "cision", "factiva", "google", "meltwater"]
DAY_MS = 86_400_000
BUDGET_MS = 2_000.0


class FindingOut(BaseModel):
    """``position`` is a code point of the query; ``suggestion`` a whole query to use instead."""

    position: int
    severity: str
    message: str
    suggestion: str | None


class Findings(BaseModel):
    """What is wrong, or probably not meant; empty where there is nothing to say."""

    items: list[FindingOut]


class DayOut(BaseModel):
    """A day of UTC: articles that match, and alerts that they would raise."""

    day: str
    articles: int
    alerts: int


class BacktestOut(BaseModel):
    """What a query would have alerted. ``complete`` False: counts are of the newest part, and are at least so many.

    ``won`` and ``lost``: stories more and fewer than the stored subscription; null without one.
    """

    text: str
    articles: int
    stories: int
    alerts: int
    alerts_a_day: float
    complete: bool
    days: list[DayOut]
    won: int | None
    lost: int | None


class ChangeOut(BaseModel):
    """What reads differently, at a code point of the vendor's query."""

    position: int
    text: str


class Translated(BaseModel):
    """The query in our language."""

    query: str
    changes: list[ChangeOut]


@router.get("/queries/lint", responses=problems())
@allow(Role.READER)
def lint_query(query: QueryText) -> Findings:
    """Findings on a query, by position. A query that can't be read has a finding of severity ``error``."""
    return Findings(
        items=[
            FindingOut(position=one.position, severity=one.severity, message=one.message, suggestion=one.suggestion)
            for one in lint(query)
        ]
    )


@router.get("/queries/backtest", responses=problems(400, 404))
@allow(Role.READER)
def backtest_query(
    desk: TheDesk,
    query: QueryText,
    days: Annotated[int, Query(ge=1, le=3_650)] = 30,
    subscription: Annotated[str | None, Query(max_length=100, description="Compare with how it is stored.")] = None,
) -> BacktestOut:
    """What a query would have alerted in the past days; with a subscription, its filters hold, and what would change."""
    until_ms = desk.clock_ms() + 1
    since_ms = until_ms - days * DAY_MS
    index = index_of(desk)
    if subscription is None:
        report = backtest(index, query, since_ms, until_ms, filters=Filters(), budget_ms=BUDGET_MS, examples=0)
        return _out(report, sentence(report, None, days=days), None, None)
    stored = desk.queries.newest(subscription)
    if stored is None or not stored.active:
        raise Refused(404, "there is no such subscription")
    change = compare(
        index,
        stored.query,
        query,
        since_ms,
        until_ms,
        filters=filters_of(stored),
        budget_ms=BUDGET_MS,
        examples=0,
    )
    text = sentence(change.after, change, days=days)
    return _out(change.after, text, change.won.value, change.lost.value)


@router.get("/queries/import", responses=problems(400))
@allow(Role.READER)
def translate(query: QueryText, dialect: Dialect) -> Translated:
    """Another vendor's query in our language. What has no equivalent here is refused, by name."""
    made = import_query(query, dialect)
    parse(made.query)
    return Translated(
        query=made.query, changes=[ChangeOut(position=one.position, text=one.text) for one in made.changes]
    )


def _out(report: BacktestReport, text: str, won: int | None, lost: int | None) -> BacktestOut:
    return BacktestOut(
        text=text,
        articles=report.articles.value,
        stories=report.stories.value,
        alerts=report.alerts.value,
        alerts_a_day=report.alerts_a_day,
        complete=report.complete,
        days=[DayOut(day=one.day, articles=one.articles, alerts=one.alerts) for one in report.days],
        won=won,
        lost=lost,
    )
