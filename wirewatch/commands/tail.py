"""``wirewatch tail``: alerts on the terminal as they come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from core.errors import UsageError
from core.records import Alert
from core.settings import load_settings
from core.store import StoreReader, SubscriptionStore, open_store
from desk.delivery.render import pieces
from desk.terminal import harmless
from wirewatch.commands.services import stop_on_signals
from wirewatch.replay.spec import scope_of
from wirewatch.terminal import console, json_lines

LOOK_S = 0.3


def tail(
    context: typer.Context,
    subscription: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Only these (default: all).")
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", help="First the latest so many that there are.", min=0)] = 10,
    *,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on until stopped.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
) -> None:
    """Show alerts as they come: what is new, the words in context, and why. Ctrl-C ends it.

    An id that no subscription ever had is refused: nothing would ever come.
    """
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    known = _names(SubscriptionStore(store, scope_of(store, settings.run)))
    if unknown := [one for one in subscription or () if one not in known]:
        raise UsageError(f"there is no subscription {unknown[0]!r}", hint="wirewatch subscriptions list shows them")
    reader = StoreReader(store, settings.run)
    wanted = set(subscription or ())
    as_json = json_lines.wanted(as_json=as_json)
    stop = stop_on_signals()
    seq, _, alerts, _ = reader.since(0)
    shown = [one for one in alerts if not wanted or one.subscription in wanted]
    names = _names(SubscriptionStore(store))
    for one in shown[-last:] if last else ():
        _show(one, names, as_json=as_json)
    while follow and not stop.wait(LOOK_S):
        seq, _, alerts, _ = reader.since(seq)
        if alerts:
            names = _names(SubscriptionStore(store))
        for one in alerts:
            if not wanted or one.subscription in wanted:
                _show(one, names, as_json=as_json)
    store.close()


def alert_lines(alert: Alert, name: str) -> Text:
    """An alert for a terminal: who, what is new, the words in context, why, where."""
    moment = alert.raised_at.astimezone(datetime.now().astimezone().tzinfo or UTC)
    line = Text(f"{moment:%H:%M:%S} ", style="dim")
    style = {"urgent": "bold white on red", "high": "bold red"}.get(alert.level, "bold yellow")
    line.append(f"▲ {harmless(name)}", style=style)
    line.append(f"  {harmless(alert.title)}", style="bold")
    line.append(f"  {harmless(alert.source)}", style="dim")
    if alert.sources > 1:
        line.append(f"  {alert.sources} sources", style="dim")
    if alert.previous is not None or alert.reason != "story":
        for news in alert.news:
            line.append(f"\n         {news.kind}: ", style="green").append(harmless(news.text))
    for snippet in alert.snippets[:2]:
        line.append("\n         ")
        for text, marked in pieces({"text": snippet.text, "spans": snippet.spans}):
            line.append(text, style="bold yellow" if marked else "")
    if alert.clause:
        line.append(f"\n         why: {harmless(alert.clause)}", style="dim")
    return line.append(f"\n         {harmless(alert.url)}  {alert.id[:12]}", style="dim")


def _names(queries: SubscriptionStore) -> dict[str, str]:
    return {one.id: one.name or one.id for one in queries.read(now_ms=console.now_ms()).subscriptions}


def _show(alert: Alert, names: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        json_lines.put(alert)
    else:
        console.out.print(alert_lines(alert, names.get(alert.subscription, alert.subscription)))
