"""``wirewatch feed``: find, add, list, check and remove the feeds that are watched."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from connectors.feeds.items import one_line
from connectors.store.rows import FeedRow
from core.counted import counted
from core.errors import InputError, UsageError
from core.settings import load_settings
from core.store import open_store
from desk.feed_port import state_words
from desk.people.accounts import COMMAND_LINE
from desk.use_cases import feeds as use_case
from wirewatch import console
from wirewatch.commands.options import JsonLines, reads_store
from wirewatch.desk import desk_at
from wirewatch.feeds import ConnectorFeeds, feed_at, file_bytes, find, found_address, outlet_of

app = typer.Typer(
    name="feed", help="Find, add, list, check and remove feeds.", no_args_is_help=True, rich_markup_mode=None
)
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


@app.command("parse")
def parse(
    context: typer.Context,
    place: Annotated[str, typer.Argument(help="File or URL of a feed.")],
    *,
    as_json: JsonLines = False,
) -> None:
    """Show a feed's entries as feedparser reads them."""
    about, entries = feed_at(load_settings(context.obj), place)
    if as_json:
        for entry in entries:
            console.put(entry)
        return
    console.out.print(f"{about.title or '(no title)'}", style="bold", markup=False)
    words = f"{about.format}, {about.language or 'no language'}, {counted(len(entries), 'entry', 'entries')}"
    console.out.print(words, style="dim", markup=False)
    for remark in about.notes:
        console.note(f"note: {remark}", "yellow")
    table = console.table("published", "title")
    table.add_column("address", overflow="fold")
    for entry in entries:
        table.add_row(
            *(Text(one_line(cell) or "–") for cell in (entry.published or entry.updated, entry.title, entry.link))
        )
    console.out.print(table)


@app.command("add")
def add(
    context: typer.Context,
    url: Annotated[
        str, typer.Argument(help="Address of the feed; KIND:ADDRESS for a source of another connector.")
    ] = "",
    source: Annotated[str, typer.Option(help="Source id of its outlet (default: the host).")] = "",
    *,
    from_catalogue: Annotated[bool, typer.Option("--catalogue", help="Add the feeds of the catalogue.")] = False,
    topic: Annotated[
        list[str] | None, typer.Option(help="With --catalogue: only feeds of this topic; repeatable.")
    ] = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Do not fetch the address to check that it is a feed.")
    ] = False,
) -> None:
    """Watch a feed, or those of the catalogue. Its current articles are stored, but never raise alerts.

    The address is fetched once. If it is a page that names just one feed, that feed is added; otherwise it is an error.
    """
    settings = load_settings(context.obj)
    if from_catalogue:
        if url:
            raise UsageError("--catalogue and an address can't be combined")
        new, total = use_case.add_catalogue(desk_at(settings), COMMAND_LINE, topic or ())
        console.note(f"{counted(new, 'feed')} added, {total - new} already watched; wirewatch feed check fetches them")
        return
    if topic:
        raise UsageError("--topic needs --catalogue")
    found = found_address(settings, url, unchecked=unchecked)
    outlet = source or outlet_of(found.url, found.kind)
    added = use_case.add(desk_at(settings), COMMAND_LINE, found.url, outlet, found.kind)
    if found.remark:
        console.note(found.remark, "yellow")
    console.note(f"added {found.shown} as source {outlet}" if added else f"{found.shown} is already watched")


@app.command("discover")
def discover_feeds(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of a home page.")],
    *,
    as_json: JsonLines = False,
) -> None:
    """Find a site's feeds and news sitemaps: those named in its page and robots.txt, then those at the usual places."""
    count = 0
    for found in find(load_settings(context.obj), url, threading.Event()):
        count += 1
        if as_json:
            console.put(found)
        else:
            held = f"{found.items} {'sitemaps' if found.format == 'sitemapindex' else 'items'}"
            console.out.print(f"{found.url}  ({found.format}, {held}, {found.how})", markup=False)
    if not count:
        hint = "if you know the address of a feed, wirewatch feed add URL adds it"
        raise InputError(url, "no feed found", hint=hint)


@app.command("import")
def import_list(context: typer.Context, file: Annotated[Path, typer.Argument(help="OPML file.")]) -> None:
    """Watch the feeds of an OPML list."""
    body = file_bytes(file)
    new, listed, remarks = use_case.import_opml(desk_at(load_settings(context.obj)), COMMAND_LINE, body, str(file))
    for remark in remarks:
        console.note(f"note: {remark}", "yellow")
    console.note(f"{counted(new, 'feed')} added, {listed - new} already watched")


@app.command("export")
@reads_store
def export(context: typer.Context) -> None:
    """Print the watched feeds as OPML, in a folder for each country."""
    typer.echo(_feeds(context).export_opml(), nl=False)


@app.command("remove")
@reads_store
def remove(context: typer.Context, url: Annotated[str, typer.Argument(help="Address of the feed.")]) -> None:
    """Stop watching a feed. Its articles stay."""
    use_case.remove(desk_at(load_settings(context.obj)), COMMAND_LINE, url)
    console.note("removed")


@app.command("list")
@reads_store
def list_all(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """List the feeds with their health."""
    rows = _feeds(context).state.listing()
    if as_json:
        for row in rows:
            console.put(msgspec.to_builtins(row) | {"state": _state(row)})
        return
    table = console.table("source")
    # Addresses are shown in full, since people copy them.
    table.add_column("address", overflow="fold")
    for name in ("state", "last good poll", "problem"):
        table.add_column(name)
    for row in rows:
        last = f"{row.last_ok_at:%Y-%m-%d %H:%M} UTC" if row.last_ok_at else "never"
        table.add_row(*map(Text, (row.source, row.url, _state(row), last, row.problem or "")))
    console.out.print(table)
    if not rows:
        console.note("no feeds yet: wirewatch feed add URL")


@app.command("check")
@reads_store
def check(
    context: typer.Context,
    urls: Annotated[list[str] | None, typer.Argument(help="Addresses of feeds (default: those never read).")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Check all feeds.")] = False,
    as_json: JsonLines = False,
) -> None:
    """Fetch feeds now and record whether they can be read. Stores no items. Exit 1 if one can't be read."""
    count = bad = 0
    for one in desk_at(load_settings(context.obj)).feed_port.check(urls or (), every=every):
        count += 1
        bad += one.problem is not None
        if as_json:
            console.put(one)
        else:
            words = counted(one.items, "item") if one.problem is None else one.problem
            console.out.print(f"{'✓' if one.problem is None else '✗'} {one.url}: {words}", markup=False)
    if not count:
        console.note("all feeds have been read; --all checks them again")
    if bad:
        raise typer.Exit(1)


@app.command("again")
@reads_store
def again(context: typer.Context, url: Annotated[str, typer.Argument(help="Address of the page.")]) -> None:
    """Fetch a page again that was a wall or arrived broken. It is fetched when the feed that led to it is next polled."""
    use_case.ask_again(desk_at(load_settings(context.obj)), COMMAND_LINE, url)
    console.note("the connectors fetch it again when its feed is next polled")


@app.command("coverage")
@reads_store
def report(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """Compare each feed with its own rhythm, and show what the desk may be missing."""
    whole, feeds = _feeds(context).health()
    if as_json:
        console.put(whole)
        for feed in feeds:
            console.put(feed)
        return
    table = console.table()
    table.add_column("feed", overflow="fold")
    for name in ("state", "expected/day", "last day", "polled every"):
        table.add_column(name)
    for feed in feeds:
        asked = "–" if feed.poll_every_s is None else f"{feed.poll_every_s / 60:.0f} min"
        style, words = _STYLES.get(feed.state, ""), state_words(feed.state)
        table.add_row(
            feed.url, Text(words, style=style),
            "–" if feed.state == "early" else f"{feed.expected_per_day:g}",
            str(feed.seen_last_day), asked,
        )  # fmt: skip
    console.out.print(table)
    states = ", ".join(f"{count} {state_words(name)}" for name, count in whole.states.items()) or "none"
    console.note(f"{counted(whole.feeds, 'feed')}: {states}", "bold")
    for risk in whole.risks[:MOST_RISKS]:
        console.note(f"may be missing: {risk}", "yellow")
    if len(whole.risks) > MOST_RISKS:
        console.note(f"and {len(whole.risks) - MOST_RISKS} more: wirewatch feed coverage --json", "yellow")


def _feeds(context: typer.Context) -> ConnectorFeeds:
    settings = load_settings(context.obj)
    return ConnectorFeeds(settings, open_store(settings.store))


def _state(row: FeedRow) -> str:
    if not row.active:
        return "removed"
    return "unverified" if row.health == "new" and row.verified_at is None else row.health
