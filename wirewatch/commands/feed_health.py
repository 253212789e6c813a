"""``wirewatch feed check`` and ``coverage``: how the feeds do, and what may be missing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from connectors.feeds.parse import parse_feed
from connectors.health import FeedHealth, coverage, judge
from connectors.http.client import FEED_BYTES, Failure, Http
from connectors.http.pacing import HostPacing
from connectors.store.state import FeedRow, FeedState
from core.errors import FeedError, InputError
from core.settings import load_settings
from core.store import open_store
from desk.views.coverage import state_words
from wirewatch.terminal import console, json_lines

AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines.")]
MOST_RISKS = 20
_STYLES = {
    "ok": "green",
    "new": "cyan",
    "early": "cyan",
    "unverified": "yellow",
    "silent": "yellow",
    "failing": "red",
    "gone": "red",
}


def check(
    context: typer.Context,
    urls: Annotated[
        list[str] | None, typer.Argument(help="Addresses of feeds (default: those never read yet).")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All feeds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask feeds now whether they can be read, and note it. Stores no items. Exit 1 if one can't be read."""
    settings = load_settings(context.obj)
    state = FeedState(open_store(settings.store).engine)
    rows = [row for row in state.listing() if row.active]
    for url in urls or ():
        if url not in {row.url for row in rows}:
            raise InputError(url, "no such feed", hint="wirewatch feed list shows them")
    wanted = [row for row in rows if (row.url in urls if urls else every or row.verified_at is None)]
    if not wanted:
        console.note("all feeds were read before; --all checks them again")
    pacing, bad = HostPacing(settings.host_gap_s), 0
    with Http.of_settings(settings) as http:
        for row in _paced(wanted, pacing):
            problem, items = _asked(http, state.address(row.id)[0])
            bad += problem is not None
            if problem is None:
                state.verified(row.id, console.utc_now())
            else:
                state.unreadable(row.id, problem)
            if json_lines.wanted(as_json=as_json):
                json_lines.put({"url": row.url, "problem": problem, "items": items})
            else:
                words = f"{items} items" if problem is None else problem
                console.out.print(f"{'✓' if problem is None else '✗'} {row.url}: {words}", markup=False)
    if bad:
        raise typer.Exit(1)


def report(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Say how each feed does against its own rhythm, and what the desk may be missing."""
    feeds = _healths(FeedState(open_store(load_settings(context.obj).store).engine))
    whole = coverage(feeds)
    if json_lines.wanted(as_json=as_json):
        json_lines.put(whole)
        for feed in feeds:
            json_lines.put(feed)
        return
    table = Table(box=None, header_style="bold")
    table.add_column("feed", overflow="fold")
    for name in ("state", "expected/day", "last day", "asked every"):
        table.add_column(name)
    for feed in feeds:
        asked = "–" if feed.poll_every_s is None else f"{feed.poll_every_s / 60:.0f} min"
        style, words = _STYLES.get(feed.state, ""), state_words(feed.state)
        table.add_row(
            feed.url, f"[{style}]{words}[/]" if style else words,
            "–" if feed.state == "early" else f"{feed.expected_per_day:g}",
            str(feed.seen_last_day), asked,
        )  # fmt: skip
    console.out.print(table)
    states = ", ".join(f"{count} {state_words(name)}" for name, count in whole.states.items()) or "none"
    console.note(f"{whole.feeds} feeds: {states}", "bold")
    for risk in whole.risks[:MOST_RISKS]:
        console.note(f"may be missing: {risk}", "yellow")
    if len(whole.risks) > MOST_RISKS:
        console.note(f"and {len(whole.risks) - MOST_RISKS} more: wirewatch feed coverage --json", "yellow")


def _healths(state: FeedState) -> list[FeedHealth]:
    now = console.utc_now()
    facts, week, day = (
        state.facts(),
        state.seen_since(now - timedelta(days=7)),
        state.seen_since(now - timedelta(days=1)),
    )
    return [
        judge(row, facts[row.id], week.get(row.id, (0, 0)), day.get(row.id, (0, 0)), now)
        for row in state.listing()
        if row.id in facts
    ]


def _paced(rows: list[FeedRow], pacing: HostPacing) -> Iterator[FeedRow]:
    """Each row once its host may be asked."""
    for row in rows:
        while not pacing.take(row.url, now := console.utc_now()):
            time.sleep(max((pacing.free_at(row.url) - now).total_seconds(), 0.01))
        yield row


def _asked(http: Http, url: str) -> tuple[str | None, int]:
    answer = http.fetch(url, now=console.utc_now(), max_bytes=FEED_BYTES)
    if isinstance(answer, Failure):
        return answer.problem, 0
    try:
        feed = parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
    except FeedError as error:
        return error.problem, 0
    return None, len(feed.items) or len(feed.children)
