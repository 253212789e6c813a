"""``wirewatch subscriptions test`` and ``not-relevant``: what a query would alert, and how to have less of it."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import structs
from rich.text import Text

from core.errors import UsageError
from core.records import Alert, Article, from_ms
from core.search import SearchIndex, backtest, filters_of, search_folder
from core.settings import Settings, load_settings
from core.store import Store, StoreReader, open_store
from core.store.lookup import find_alert, find_article
from desk.terminal import harmless
from desk.use_cases.alerts import DAY_MS, choices
from desk.use_cases.subscriptions import Subscriptions
from wirewatch.commands.backtest import report_fields, story_fields
from wirewatch.terminal import console, json_lines

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Days = Annotated[int, typer.Option(help="How many past days to look at.", min=1, max=3_650)]


def trial(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help="The subscription's id.")],
    days: Days = 7,
    query: Annotated[str | None, typer.Option(help="Another query in place of its own.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what a subscription would have alerted in the past days, from the articles that are stored."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    one = Subscriptions(store, console.now_ms).get(identity)
    now_ms = console.now_ms()
    report = backtest(
        _index(settings, store),
        query or one.query,
        now_ms - days * DAY_MS,
        now_ms + 1,
        filters=filters_of(one),
        examples=10,
    )
    if json_lines.wanted(as_json=as_json):
        json_lines.put(report_fields(report))
        return
    console.out.print(
        f"{report.alerts} alerts in {days} days ({report.alerts_a_day:,.1f} a day), from {report.articles} articles",
        style="bold",
    )
    if report.hint:
        console.note(report.hint, "yellow")
    for story in report.examples:
        article = story.hit.article
        line = Text(f"{from_ms(article.time_ms):%Y-%m-%d %H:%M}  ", style="dim")
        console.out.print(line.append(harmless(f"{article.source}: {article.title}"), style="default"))


def not_relevant(
    context: typer.Context,
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="The alert's id, or its first characters.")],
    days: Days = 30,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines, one a choice.")] = False,
) -> None:
    """Propose small changes to the query that would have spared this alert, with what each would have cost."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    found, article = _alert(store, settings, alert)
    subscription = Subscriptions(store, console.now_ms).get(found.subscription)
    several = choices(_index(settings, store), subscription, found, article, now_ms=console.now_ms(), days=days)
    if json_lines.wanted(as_json=as_json):
        for one in several:
            json_lines.put(structs.asdict(one) | {"examples": list(map(story_fields, one.examples))})
        return
    console.out.print(Text(f"{harmless(found.title)} ({harmless(found.source)})", style="bold"))
    if not several:
        console.note("no small change excludes it: edit the query, or mute the story", "yellow")
    for number, one in enumerate(several, start=1):
        more = "at least " if one.lost_at_least else ""
        cost = f"loses nothing else in {days} days" if not one.lost else f"also loses {more}{one.lost} alerts"
        line = Text(f"{number}. {harmless(one.change)}: ").append(f"{cost}, keeps {one.kept}", style="dim")
        console.out.print(line)
        console.out.print(Text(f"   {harmless(one.query)}", style="green"))
        for story in one.examples[:3]:
            console.out.print(Text(f"     - {harmless(story.hit.article.title)}", style="dim"))
    if several:
        console.note(f"take one: wirewatch subscriptions edit {subscription.id} --query '…'")


def _index(settings: Settings, store: Store) -> SearchIndex:
    index = SearchIndex.open(search_folder(settings), run=settings.run)
    index.refresh(StoreReader(store, settings.run))
    return index


def _alert(store: Store, settings: Settings, identity: str) -> tuple[Alert, Article]:
    found = find_alert(store, settings.run, identity)
    if found is None:
        raise UsageError(f"there is no alert {identity!r}", hint="wirewatch tail --json shows their ids")
    article = find_article(store, settings.run, found.article)
    if article is None:
        raise UsageError(f"the article of alert {identity!r} is not stored any more")
    return found, article
