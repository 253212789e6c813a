"""``wirewatch backtest``: what a query would have found and alerted, and what changing a subscription's query would change."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from core.errors import UsageError
from core.records import Subscription
from core.search import BacktestReport, Comparison, Filters, StoryHit, backtest, compare, filters_of
from core.settings import Settings, load_settings
from core.store import SubscriptionStore, open_store
from wirewatch.commands.search import From, Run, To, hit_fields, hit_lines, open_index, period
from wirewatch.terminal import console, json_lines

_BAR = 40
_TERMS_SHOWN = 6


def backtest_query(
    context: typer.Context,
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="The query, in one argument.")] = None,
    subscription: Annotated[
        str, typer.Option(help="Id of a subscription: its filters hold, and QUERY is compared with its own.")
    ] = "",
    days: Annotated[float | None, typer.Option(help="Over the last so many days (default: 30).", min=0.04)] = None,
    since: From = "",
    until: To = "",
    run: Run = "",
    examples: Annotated[int, typer.Option(help="Stories to show.", min=0, max=1000)] = 5,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object (default where stdout is no terminal).")
    ] = False,
) -> None:
    """Say what a query would have found: stories, alerts a day, examples, and what it costs. Nothing is extracted again.

    With --subscription and a QUERY: the stories that the change would win and lose.
    """
    settings = load_settings(context.obj)
    stored = _stored(settings, subscription) if subscription else None
    if query is None and stored is None:
        raise UsageError("give a query, or --subscription with the id of one")
    begin, end = period(30.0 if days is None and not since and not until else days, since, until)
    end = console.now_ms() if end is None else end
    filters = filters_of(stored) if stored is not None else Filters()
    machine = json_lines.wanted(as_json=as_json)
    index = open_index(settings, run or settings.run)
    if stored is not None and query is not None:
        change = compare(index, stored.query, query, begin or 0, end, filters=filters, examples=examples)
        json_lines.put(_comparison_fields(change)) if machine else _show_comparison(change)
        return
    text = query if query is not None else stored.query if stored is not None else ""
    report = backtest(index, text, begin or 0, end, filters=filters, examples=examples)
    json_lines.put(report_fields(report)) if machine else _show_report(report)


def _stored(settings: Settings, identity: str) -> Subscription:
    store = open_store(settings.store)
    found = [one for one in SubscriptionStore(store).read(now_ms=console.now_ms()).subscriptions if one.id == identity]
    store.close()
    if not found:
        raise UsageError(f"no subscription {identity!r}", hint="wirewatch subscriptions list shows them")
    return found[-1]


def report_fields(report: BacktestReport) -> dict[str, Any]:
    """A report for a program. ``since`` is null where it goes back to the beginning."""
    fields = json_lines.timed(report, since_ms="since", until_ms="until", covered_since_ms="covered_since")
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
    """A story with its newest article that matches, without its text."""
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
    if report.hint:
        console.note(report.hint, "yellow")
    _show_stories("newest", report.examples, "bold")
    _show_cost(report)


def _summary(report: BacktestReport) -> str:
    days = (report.until_ms - report.covered_since_ms) / 86_400_000
    return (
        f"{report.alerts} alerts ({report.alerts_a_day:,.1f} a day) over {days:,.1f} days: "
        f"{report.stories} stories, {report.articles} articles"
    )


def _show_comparison(change: Comparison) -> None:
    console.out.print(f"before  {_summary(change.before)}")
    console.out.print(f"after   {_summary(change.after)}", style="bold")
    more = change.after.alerts_a_day - change.before.alerts_a_day
    console.out.print(f"{change.won} stories won, {change.lost} lost; {more:+,.1f} alerts a day", style="bold")
    _show_stories("won", change.won_examples, "bold green")
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
    words = ", ".join(cost.required_terms[:_TERMS_SHOWN]) + (" …" if len(cost.required_terms) > _TERMS_SHOWN else "")
    tried = f"tried only on articles with {words}" if cost.filterable else "tried on EVERY article: no word must occur"
    each = f", {cost.ms_per_check:.2f} ms each" if cost.ms_per_check is not None else ""
    console.note(f"cost: {tried}; {cost.candidates:,} of {cost.articles:,} articles could match{each}")
