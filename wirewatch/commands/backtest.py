"""``wirewatch backtest``: what a query would have found, from the search index; nothing is extracted again."""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from core.errors import UsageError
from core.records import from_ms
from core.search import (
    NO_NEWS,
    BacktestReport,
    Comparison,
    Count,
    StoryHit,
)
from core.settings import load_settings
from core.store import open_store
from desk.use_cases.queries import backtested
from desk.use_cases.subscriptions import Subscriptions
from wirewatch import console
from wirewatch.commands.options import From, JsonObject, Run, To, parse_period, reads_store
from wirewatch.commands.search import hit_fields, hit_lines, note_doubts, open_index

app = typer.Typer()
_SHOWN_TERMS = 6
_BAR = 40


@app.command("backtest")
@reads_store
def backtest_query(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="The query, as one argument.")] = None,
    subscription: Annotated[
        str, typer.Option(help="Apply the filters of this subscription; QUERY is compared with its query.")
    ] = "",
    days: Annotated[float | None, typer.Option(help="Only this many past days (default: 30).", min=0.04)] = None,
    since: From = "",
    until: To = "",
    run: Run = "",
    examples: Annotated[int, typer.Option(help="Number of stories to show.", min=0, max=1000)] = 5,
    *,
    as_json: JsonObject = False,
) -> None:
    """Show what a query would have found: stories, alerts per day, examples and cost. Nothing is extracted again.

    With --subscription and a QUERY, it shows the stories that the change would gain and lose.
    """
    settings = load_settings(context.obj)
    begin, end = parse_period(since, until, days=30.0 if days is None and not since and not until else days)
    end = console.now_ms() if end is None else end
    stored = None
    if subscription:
        with contextlib.closing(open_store(settings.store)) as store:
            stored = Subscriptions(store, console.now_ms).get(subscription)
    elif query is None:
        raise UsageError("give a query, or --subscription with the id of one")
    note_doubts(query or "")
    index = open_index(settings, run or settings.run)
    report, change = backtested(index, query, begin or 0, end, stored=stored, examples=examples)
    if change is not None:
        console.put(_comparison_fields(change)) if as_json else _show_comparison(change)
    else:
        console.put(report_fields(report)) if as_json else _show_report(report)


def report_fields(report: BacktestReport) -> dict[str, Any]:
    """A report as one record. ``since`` is null if the period has no beginning."""
    fields = console.with_times(
        report, since_ms="since", until_ms="until", covered_since_ms="covered_since", store_since_ms="store_since"
    )
    return {**fields, "examples": list(map(story_fields, report.examples))}


def _comparison_fields(change: Comparison) -> dict[str, Any]:
    return {
        "before": report_fields(change.before),
        "after": report_fields(change.after),
        "won": msgspec.to_builtins(change.won),
        "lost": msgspec.to_builtins(change.lost),
        "won_examples": list(map(story_fields, change.won_examples)),
        "lost_examples": list(map(story_fields, change.lost_examples)),
    }


def story_fields(one: StoryHit) -> dict[str, Any]:
    """A story with its newest matching article, without the text."""
    fields = hit_fields(one.hit)
    del fields["text"]
    return {"story": one.story, "articles": one.articles, "article": fields}


def _show_report(report: BacktestReport) -> None:
    console.out.print(_summary(report), style="bold")
    busiest = max((day.alerts for day in report.days), default=0)
    first = next((i for i, day in enumerate(report.days) if day.articles), len(report.days))
    for day in islice(report.days, first, None):
        bar = "▇" * round(day.alerts / busiest * _BAR) if busiest else ""
        line = Text(f"  {day.day}  {day.alerts:>5,} ", style="dim")
        console.out.print(line.append(bar, style="cyan"))
    if report.hint is not None:
        console.note(str(report.hint), "yellow")
    _show_stories("newest", report.examples, "bold")
    _show_cost(report)


def alerts_over(report: BacktestReport) -> str:
    """Such as: 62 alerts (2.1 a day) over 30.0 days. Less than a day has no rate; if the store begins later, it says when.

    If the store has no articles, it says so instead.
    """
    if report.no_news:
        return NO_NEWS
    rate = f" ({report.alerts_a_day:,.1f} a day)" if report.days_covered >= 1 else ""
    if report.store_since_ms is not None:
        over = f"since the store's first article ({from_ms(report.store_since_ms):%Y-%m-%d %H:%M} UTC)"
    else:
        over = f"over {report.days_covered:,.1f} days"
    return f"{_with_noun(report.alerts, 'alert', 'alerts')}{rate} {over}"


def _with_noun(count: Count, one: str, many: str) -> str:
    return f"{count} {one if count.value == 1 else many}"


def _summary(report: BacktestReport) -> str:
    stories = _with_noun(report.stories, "story", "stories")
    found = f"{stories}, {_with_noun(report.articles, 'article', 'articles')}"
    return f"{alerts_over(report)}; {found}" if report.no_news else f"{alerts_over(report)}: {found}"


def _show_comparison(change: Comparison) -> None:
    console.out.print(f"before  {_summary(change.before)}")
    console.out.print(f"after   {_summary(change.after)}", style="bold")
    more = change.after.alerts_a_day - change.before.alerts_a_day
    console.out.print(
        f"{_with_noun(change.won, 'story', 'stories')} gained, {change.lost} lost; {more:+,.1f} alerts a day",
        style="bold",
    )
    _show_stories("gained", change.won_examples, "bold green")
    _show_stories("lost", change.lost_examples, "bold red")
    _show_cost(change.after)


def _show_stories(name: str, stories: tuple[StoryHit, ...], style: str) -> None:
    if stories:
        console.out.print(name, style=style)
    for one in stories:
        for line in hit_lines(one.hit):
            console.out.print(Text("  ").append_text(line))
        if one.articles > 1:
            console.out.print(f"      {one.articles:,} articles of this story match", style="dim")


def _show_cost(report: BacktestReport) -> None:
    cost = report.cost
    words = ", ".join(cost.required_terms[:_SHOWN_TERMS]) + (" …" if len(cost.required_terms) > _SHOWN_TERMS else "")
    tried = (
        f"tried only on articles that contain {words}"
        if cost.filterable
        else "tried on EVERY article: no word is required"
    )
    each = f", {cost.ms_per_check:.2f} ms each" if cost.ms_per_check is not None else ""
    console.note(f"cost: {tried}; {cost.candidates:,} of {cost.articles:,} articles could match{each}")
