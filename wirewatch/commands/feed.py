"""``wirewatch feed``: the feeds that are watched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from connectors.archives.items import source_of
from connectors.feeds.items import ParsedFeed, describe_feed, describe_item
from connectors.feeds.parse import parse_feed
from connectors.http import Failure, Http
from connectors.state import FeedState
from pipeline.errors import InputError, UsageError
from pipeline.settings import Settings, load_settings
from pipeline.store import open_store
from wirewatch import console

app = typer.Typer(help="Feeds: look at one, add, list and remove them.", no_args_is_help=True, rich_markup_mode=None)
FEED_BYTES = 10 << 20
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines.")]


@app.command("parse")
def parse(
    context: typer.Context,
    place: Annotated[str, typer.Argument(help="File or URL of a feed.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a feed holds: RSS, Atom, RDF or JSON Feed."""
    feed = _fetched(place, load_settings(context.obj)) if "://" in place else _read(Path(place))
    if as_json:
        typer.echo(msgspec.json.encode(describe_feed(feed)).decode())
        for item in feed.items:
            typer.echo(msgspec.json.encode(describe_item(item)).decode())
        return
    console.out.print(f"{feed.title or '(no title)'}", style="bold", markup=False)
    console.out.print(
        f"{feed.format}, {feed.language or 'no language'}, {len(feed.items)} items", style="dim", markup=False
    )
    for remark in feed.notes:
        console.note(f"note: {remark}", "yellow")
    table = Table("published", "title", "address", box=None, header_style="bold")
    for item in feed.items:
        table.add_row(item.published or item.updated or "–", item.title or "–", item.url if item.fetchable else "–")
    console.out.print(table)


@app.command("add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of the feed.")],
    source: Annotated[str, typer.Option(help="Id of the outlet (default: the host).")] = "",
) -> None:
    """Watch a feed. What it holds at first is stored, never alerted."""
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url}: not an address", hint="give one that begins with http:// or https://")
    state = FeedState(open_store(load_settings(context.obj).store).engine)
    new = state.add(url, source or source_of(url), console.utc_now())
    console.note("added" if new else "it is watched already")


@app.command("remove")
def remove(context: typer.Context, url: Annotated[str, typer.Argument(help="Address of the feed.")]) -> None:
    """Stop watching a feed. What was stored stays."""
    if not FeedState(open_store(load_settings(context.obj).store).engine).remove(url):
        raise InputError(url, "no such feed", hint="wirewatch feed list shows them")
    console.note("removed")


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the feeds with their health."""
    rows = FeedState(open_store(load_settings(context.obj).store).engine).listing()
    if as_json:
        for row in rows:
            typer.echo(msgspec.json.encode(row).decode())
        return
    table = Table("source", "address", "health", "last good poll", "problem", box=None, header_style="bold")
    for row in rows:
        last = row.last_ok_at.isoformat(timespec="seconds") if row.last_ok_at else "never"
        table.add_row(row.source, row.url, row.health if row.active else "removed", last, row.problem or "")
    console.out.print(table)
    if not rows:
        console.note("no feeds yet: wirewatch feed add URL")


def _read(path: Path) -> ParsedFeed:
    try:
        with path.open("rb") as file:
            body = file.read(FEED_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(body) > FEED_BYTES:
        raise InputError(str(path), f"more than {FEED_BYTES >> 20} MiB")
    return parse_feed(body, url=path.name)


def _fetched(url: str, settings: Settings) -> ParsedFeed:
    http = Http(contact=settings.contact or None, allow_private=settings.allow_private)
    try:
        found = http.fetch(url, now=console.utc_now(), max_bytes=FEED_BYTES)
    finally:
        http.close()
    if isinstance(found, Failure):
        raise found.error()
    return parse_feed(found.body, url=found.url, content_type=found.content_type)
