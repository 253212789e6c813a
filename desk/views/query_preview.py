"""What a query would have brought, in words and bars, for people who are changing it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from core.durations import DAY_MS
from core.query import LintFinding
from core.records import from_ms
from core.search import NO_NEWS, BacktestReport, Comparison, Count, StoryHit
from desk.views.cards import HitView, hit_view
from desk.views.charts import Chart, bars
from desk.views.wording import Outlets

DAYS = 30


class StoryView(NamedTuple):
    """A story that a query finds: the article that would raise its alert, and how many of it match."""

    story: str
    articles: int
    hit: HitView


class QueryPreview(NamedTuple):
    """The answer to a query being typed. ``problem`` with a caret below the place: nothing else is known then."""

    findings: tuple[LintFinding, ...] = ()
    problem: str = ""
    sentence: str = ""
    change: str = ""
    hint: str = ""
    cost: str = ""
    chart: Chart | None = None
    examples: tuple[StoryView, ...] = ()
    won: tuple[StoryView, ...] = ()
    lost: tuple[StoryView, ...] = ()


def preview_of(
    findings: Sequence[LintFinding],
    report: BacktestReport,
    change: Comparison | None,
    outlets: Outlets,
    *,
    days: int = DAYS,
) -> QueryPreview:
    """``change``: beside the query as it is stored, if it is, whose part ``after`` is then the report."""
    first = report.days[0].day if report.days else ""
    counts = [one.alerts for one in report.days]
    start_ms = (date.fromisoformat(first) - date(1970, 1, 1)).days * DAY_MS if first else 0
    return QueryPreview(
        tuple(findings),
        sentence=sentence(report, change, days=days),
        change=_change(change) if change is not None else "",
        hint=report.hint,
        cost=_cost(report),
        chart=bars(counts, start_ms, DAY_MS, what="stories") if counts else None,
        examples=_stories(report.examples, outlets),
        won=_stories(change.won_examples if change else (), outlets),
        lost=_stories(change.lost_examples if change else (), outlets),
    )


def sentence(report: BacktestReport, change: Comparison | None, *, days: int = DAYS) -> str:
    """As in: 31 stories in the last 30 days, 1.0 a day; 4 more than before.

    A store that begins later says so, and less than a day has no rate; one without news says that.
    """
    if report.no_news:
        return f"{NO_NEWS[0].upper()}{NO_NEWS[1:]}"
    period = f"in the last {days} days"
    if report.store_since_ms is not None:
        period = f"since the store's first article, {_moment(report.store_since_ms)}"
    elif not report.complete:
        period = f"since {_moment(report.covered_since_ms)}, as far back as the time limit allowed"
    text = f"{_number(report.alerts)} {period}"
    if report.alerts.value and report.days_covered >= 1:
        # One in a month is not "0.0 a day".
        rate = report.alerts_a_day
        text += f", {rate:,.1f} a day" if rate >= 0.1 else f", {rate:.2f} a day"
    if change is None:
        return text
    more = change.after.alerts.value - change.before.alerts.value
    if not (change.before.complete and change.after.complete):
        # The two may have been looked at over different times: only what was compared can be said.
        more = change.won.value - change.lost.value
    if not change.won.value and not change.lost.value:
        than = "the same as before"
    elif not more:
        than = "as many as before"
    else:
        than = f"{abs(more):,} {'more' if more > 0 else 'fewer'} than before"
    return f"{text}; {than}"


def _moment(time_ms: int) -> str:
    moment = from_ms(time_ms)
    return f"{moment.day} {moment:%b %H:%M} UTC"


def _number(count: Count) -> str:
    return f"{count} {'story' if count.value == 1 else 'stories'}"


def _change(change: Comparison) -> str:
    if not change.won.value and not change.lost.value:
        return ""
    return f"Adds {_number(change.won)}, loses {_number(change.lost)}."


def _cost(report: BacktestReport) -> str:
    cost = report.cost
    if not cost.filterable:
        return f"Costly: no word must occur, so it is tried on every article ({cost.articles:,} in this time)."
    each = f", {cost.ms_per_check:.2f} ms each" if cost.ms_per_check is not None else ""
    return f"Tried on {cost.candidates:,} of {cost.articles:,} articles{each}."


def _stories(found: Sequence[StoryHit], outlets: Outlets) -> tuple[StoryView, ...]:
    return tuple(StoryView(one.story, one.articles, hit_view(one.hit, outlets)) for one in found)
