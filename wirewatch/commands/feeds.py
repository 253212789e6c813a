"""``wirewatch feed``: the feeds that are watched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from connectors.archives.items import source_of
from connectors.catalogue import load_catalogue
from connectors.discovery import FeedFinder
from connectors.feeds.entries import feed_entries
from connectors.feeds.items import describe_feed, one_line
from connectors.feeds.opml import Outline, parse_opml, write_opml
from connectors.feeds.parse import parse_feed
from connectors.http.client import FEED_BYTES, Failure, Fetched, Http
from connectors.http.pacing import HostPacing
from connectors.store.state import FeedAbout, FeedRow, FeedState
from core.errors import InputError, UsageError
from core.settings import Settings, load_settings
from core.store import open_store
from wirewatch.commands import feed_add, feed_health
from wirewatch.terminal import console, json_lines

app = typer.Typer(help="Feeds: find, add, list, check and remove them.", no_args_is_help=True, rich_markup_mode=None)
app.command("check")(feed_health.check)
app.command("coverage")(feed_health.report)
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines.")]


@app.command("parse")
def parse(
    context: typer.Context,
    place: Annotated[str, typer.Argument(help="File or URL of a feed.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a feed's entries as feedparser reads them; a JSON line each with --json, or into a pipe."""
    body = (
        _fetched(place, load_settings(context.obj))
        if "://" in place
        else Fetched(Path(place).name, 200, _bytes(Path(place)))
    )
    about = parse_feed(body.body, url=body.url, content_type=body.content_type)
    base = body.url if "://" in body.url else ""
    entries = feed_entries(body.body, url=body.url, base=base, content_type=body.content_type)
    if json_lines.wanted(as_json=as_json):
        for entry in entries:
            json_lines.put(entry)
        return
    console.out.print(f"{about.title or '(no title)'}", style="bold", markup=False)
    words = f"{about.format}, {about.language or 'no language'}, {len(entries)} entries"
    console.out.print(words, style="dim", markup=False)
    for remark in about.notes:
        console.note(f"note: {remark}", "yellow")
    table = Table("published", "title", box=None, header_style="bold")
    table.add_column("address", overflow="fold")
    for entry in entries:
        table.add_row(
            *(Text(one_line(cell) or "–") for cell in (entry.published or entry.updated, entry.title, entry.link))
        )
    console.out.print(table)


@app.command("add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of the feed.")] = "",
    source: Annotated[str, typer.Option(help="Id of the outlet (default: the host).")] = "",
    *,
    from_catalogue: Annotated[bool, typer.Option("--catalogue", help="The feeds of the catalogue.")] = False,
    topic: Annotated[list[str] | None, typer.Option(help="With --catalogue: only feeds of this topic.")] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Don't look first whether it is a feed.")] = False,
) -> None:
    """Watch a feed, or those of the catalogue. What a feed holds at first is stored, never alerted.

    The address is looked at once. A page that names one feed adds that; one that names several, or none, adds nothing.
    """
    if from_catalogue:
        if url:
            raise UsageError("--catalogue and an address exclude each other")
        chosen = load_catalogue().chosen(topic or ())
        state = FeedState(open_store(load_settings(context.obj).store).engine)
        count = sum(state.add(feed.url, feed.source, console.utc_now(), feed.about()) for feed in chosen)
        console.note(f"{count} feeds added, {len(chosen) - count} were there; wirewatch feed check asks them")
        return
    if topic:
        raise UsageError("--topic goes with --catalogue")
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url or 'no address'}: not an address", hint="give one that begins with http:// or https://")
    settings = load_settings(context.obj)
    feed_add.add_one(settings, url, source, unchecked=unchecked)


@app.command("discover")
def discover(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of a home page.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Find a site's feeds and news sitemaps: what its page and robots.txt name, then the usual places."""
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url}: not an address", hint="give one that begins with http:// or https://")
    settings = load_settings(context.obj)
    count = 0
    with Http.of_settings(settings) as http:
        finder = FeedFinder(http, HostPacing(settings.host_gap_s), clock=console.utc_now, wait=time.sleep)
        for found in finder.find(url):
            count += 1
            if json_lines.wanted(as_json=as_json):
                line = {"url": found.url, "how": found.how, **describe_feed(found.feed)}
                json_lines.put(line)
            else:
                held = f"{len(found.feed.items)} items" if found.feed.items else f"{len(found.feed.children)} sitemaps"
                words = f"{found.url}  ({found.feed.format}, {held}, {found.how})"
                console.out.print(words, markup=False)
    if not count:
        raise InputError(url, "no feed found")


@app.command("import")
def import_list(context: typer.Context, file: Annotated[Path, typer.Argument(help="OPML file.")]) -> None:
    """Watch the feeds of an OPML list."""
    listed = parse_opml(_bytes(file), str(file))
    for remark in listed.notes:
        console.note(f"note: {remark}", "yellow")
    state = FeedState(open_store(load_settings(context.obj).store).engine)
    now = console.utc_now()
    count = sum(
        state.add(one.url, one.source or source_of(one.url), now, FeedAbout(outlet=one.title, language=one.language))
        for one in listed.outlines
    )
    console.note(f"{count} feeds added, {len(listed.outlines) - count} were there")


@app.command("export")
def export(context: typer.Context) -> None:
    """Write the watched feeds as OPML to stdout, in a folder for each country."""
    rows = FeedState(open_store(load_settings(context.obj).store).engine).listing()
    typer.echo(
        write_opml(
            (
                Outline(
                    url=row.url,
                    title=row.about.outlet or row.title,
                    folders=(row.about.country,) if row.about.country else (),
                    language=row.about.language,
                    source=row.source,
                )
                for row in rows
                if row.active
            ),
            "Wirewatch feeds",
        ),
        nl=False,
    )


@app.command("remove")
def remove(context: typer.Context, url: Annotated[str, typer.Argument(help="Address of the feed.")]) -> None:
    """Stop watching a feed. What was stored stays."""
    if not FeedState(open_store(load_settings(context.obj).store).engine).remove(url):
        raise UsageError(f"{url}: no such feed", hint="wirewatch feed list shows them")
    console.note("removed")


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the feeds with their health."""
    rows = FeedState(open_store(load_settings(context.obj).store).engine).listing()
    if json_lines.wanted(as_json=as_json):
        for row in rows:
            json_lines.put(msgspec.to_builtins(row) | {"state": _state(row)})
        return
    table = Table("source", box=None, header_style="bold")
    # Whole addresses: they are what one copies.
    table.add_column("address", overflow="fold")
    for name in ("state", "last good poll", "problem"):
        table.add_column(name)
    for row in rows:
        last = f"{row.last_ok_at:%Y-%m-%d %H:%M} UTC" if row.last_ok_at else "never"
        table.add_row(*map(Text, (row.source, row.url, _state(row), last, row.problem or "")))
    console.out.print(table)
    if not rows:
        console.note("no feeds yet: wirewatch feed add URL")


def _state(row: FeedRow) -> str:
    if not row.active:
        return "removed"
    return "unverified" if row.health == "new" and row.verified_at is None else row.health


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(FEED_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(body) > FEED_BYTES:
        raise InputError(str(path), f"more than {FEED_BYTES >> 20} MiB")
    return body


def _fetched(url: str, settings: Settings) -> Fetched:
    with Http.of_settings(settings) as http:
        found = http.fetch(url, now=console.utc_now(), max_bytes=FEED_BYTES)
    if isinstance(found, Failure):
        raise found.error()
    return found
