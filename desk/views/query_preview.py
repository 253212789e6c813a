"""What a query would have found, in words and bars, for people who edit it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, tzinfo
from typing import NamedTuple

from core.durations import DAY_MS
from core.query import LintFinding
from core.records import from_ms
from core.search import BacktestReport, Comparison, Count, StoryHit
from desk.language import N_, day, gettext, hour_and_minute, ngettext, number, said
from desk.views.cards import HitView, hit_view
from desk.views.charts import Chart, bars
from desk.views.wording import COUNTED, Outlets, exactly

DAYS = 30
_NO_NEWS = N_("No data: the store has no articles that appeared after their feed was added")


class StoryView(NamedTuple):
    """A story that a query finds: the article that would raise its alert, and how many of its articles match."""

    story: str
    articles: int
    hit: HitView


class QueryPreview(NamedTuple):
    """The answer to a query being typed. With a ``problem``, which has a caret below the place, the rest is empty."""

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
    zone: tzinfo = UTC,
) -> QueryPreview:
    """Makes a preview. ``change``: the comparison with the stored query, if any; its ``after`` is then the report."""
    first = report.days[0].day if report.days else ""
    counts = [one.alerts for one in report.days]
    start_ms = (date.fromisoformat(first) - date(1970, 1, 1)).days * DAY_MS if first else 0
    return QueryPreview(
        tuple(findings),
        sentence=sentence(report, change, days=days, zone=zone),
        change=_change(change) if change is not None else "",
        hint=said(report.hint) if report.hint is not None else "",
        cost=_cost(report),
        chart=bars(counts, start_ms, DAY_MS, what=COUNTED["story"]) if counts else None,
        examples=_stories(report.examples, outlets),
        won=_stories(change.won_examples if change else (), outlets),
        lost=_stories(change.lost_examples if change else (), outlets),
    )


def sentence(report: BacktestReport, change: Comparison | None, *, days: int = DAYS, zone: tzinfo = UTC) -> str:
    """A sentence such as: 31 stories in the last 30 days, 1.0 a day; 4 more than before.

    It says if the store begins later or has no news, with times in ``zone``. A period of less than a day has no rate.
    """
    if report.no_news:
        return gettext(_NO_NEWS)
    stories = _counted(report.alerts)
    if report.store_since_ms is not None:
        text = gettext(
            "%(stories)s since the store's first article, %(time)s",
            stories=stories,
            time=_moment(report.store_since_ms, zone),
        )
    elif not report.complete:
        text = gettext(
            "%(stories)s since %(time)s, as far back as the time limit allowed",
            stories=stories,
            time=_moment(report.covered_since_ms, zone),
        )
    else:
        text = ngettext(
            "%(stories)s in the last %(num)s day", "%(stories)s in the last %(num)s days", days, stories=stories
        )
    if report.alerts.value and report.days_covered >= 1:
        # Avoids "0.0 a day" for one in a month.
        rate = report.alerts_a_day
        text = gettext("%(text)s, %(rate)s a day", text=text, rate=number(rate, 1 if rate >= 0.1 else 2))
    if change is None:
        return text
    more = change.after.alerts.value - change.before.alerts.value
    if not (change.before.complete and change.after.complete):
        # Both may have been examined over different periods, so only the compared part is reported.
        more = change.won.value - change.lost.value
    if not change.won.value and not change.lost.value:
        than = gettext("the same as before")
    elif not more:
        than = gettext("as many as before")
    elif more > 0:
        than = ngettext("%(num)s more than before", "%(num)s more than before", more)
    else:
        than = ngettext("%(num)s fewer than before", "%(num)s fewer than before", -more)
    return f"{text}; {than}"


def _moment(time_ms: int, zone: tzinfo) -> str:
    moment = from_ms(time_ms).astimezone(zone)
    return f"{day(moment)} {hour_and_minute(moment)} {moment.tzname()}"


def _counted(count: Count) -> str:
    return exactly(COUNTED["story"](count.value), count.certainty)


def _change(change: Comparison) -> str:
    if not change.won.value and not change.lost.value:
        return ""
    return gettext("Adds %(won)s, loses %(lost)s.", won=_counted(change.won), lost=_counted(change.lost))


def _cost(report: BacktestReport) -> str:
    cost = report.cost
    if not cost.filterable:
        return ngettext(
            "Costly: no word is required, so the query is tried on every article (%(num)s in this time).",
            "Costly: no word is required, so the query is tried on every article (%(num)s in this time).",
            cost.articles,
        )
    candidates = number(cost.candidates)
    if cost.ms_per_check is None:
        return ngettext(
            "Tried on %(candidates)s of %(num)s article.",
            "Tried on %(candidates)s of %(num)s articles.",
            cost.articles,
            candidates=candidates,
        )
    return ngettext(
        "Tried on %(candidates)s of %(num)s article, %(each)s ms each.",
        "Tried on %(candidates)s of %(num)s articles, %(each)s ms each.",
        cost.articles,
        candidates=candidates,
        each=number(cost.ms_per_check, 2),
    )


def _stories(found: Sequence[StoryHit], outlets: Outlets) -> tuple[StoryView, ...]:
    return tuple(StoryView(one.story, one.articles, hit_view(one.hit, outlets)) for one in found)
