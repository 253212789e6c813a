"""``wirewatch feed``: find, add, list, check and remove the feeds that are watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from connectors.archives.items import source_of
from connectors.base import Source, Tools
from connectors.catalogue import load_catalogue
from connectors.feeds.items import describe_feed, one_line
from connectors.feeds.parse import parse_feed
from connectors.feeds.verbatim import feed_entries
from connectors.http.answers import without_credentials
from connectors.http.client import FEED_BYTES, Failure, Fetched, Http
from connectors.http.pacing import HostPacing
from connectors.kinds import FEED, installed_kinds
from connectors.store.feeds import FeedRepository
from connectors.store.rows import FeedRow
from core.errors import FailureKind, FeedError, InputError, UsageError
from core.settings import Settings, load_settings
from core.store import open_store
from desk.feed_port import state_words
from wirewatch import console
from wirewatch.commands.options import JsonLines, reads_store
from wirewatch.feeds import ConnectorFeeds, FoundAddress, discover, look_up

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
    body = (
        _fetched(place, load_settings(context.obj))
        if "://" in place
        else Fetched(Path(place).name, 200, _bytes(Path(place)))
    )
    about = parse_feed(body.body, url=body.url, content_type=body.content_type)
    base = body.url if "://" in body.url else ""
    entries = feed_entries(body.body, url=body.url, base=base, content_type=body.content_type)
    if console.wants_json(as_json):
        for entry in entries:
            console.put(entry)
        return
    console.out.print(f"{about.title or '(no title)'}", style="bold", markup=False)
    words = f"{about.format}, {about.language or 'no language'}, {len(entries)} entries"
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
    url: Annotated[str, typer.Argument(help="Address of the feed; KIND:ADDRESS for another connector's.")] = "",
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
    """Watch a feed, or those of the catalogue. Its present articles are stored and never alerted.

    The address is fetched once. If it is a page that names just one feed, that feed is added; otherwise it is an error.
    """
    settings = load_settings(context.obj)
    if from_catalogue:
        if url:
            raise UsageError("--catalogue and an address exclude each other")
        chosen = load_catalogue().chosen(topic or ())
        state = FeedRepository(open_store(settings.store))
        count = sum(state.add(feed.url, feed.source, console.utc_now(), feed.about()) for feed in chosen)
        console.note(f"{count} feeds added, {len(chosen) - count} were there; wirewatch feed check fetches them")
        return
    if topic:
        raise UsageError("--topic needs --catalogue")
    kind, address = installed_kinds().choose(url)
    found = FoundAddress(url=address)
    if kind == FEED and not unchecked:
        with Http.of_settings(settings) as http:
            found = look_up(http, address)
    outlet = source or (source_of(found.url) if "://" in found.url else kind)
    state = FeedRepository(open_store(settings.store))
    new = state.add(found.url, outlet, console.utc_now(), kind=kind)
    if found.remark:
        console.note(found.remark, "yellow")
    shown = without_credentials(found.url)
    console.note(f"added {shown} as source {outlet}" if new else f"{shown} is watched already")


@app.command("discover")
def discover_feeds(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Address of a home page.")],
    *,
    as_json: JsonLines = False,
) -> None:
    """Find a site's feeds and news sitemaps: those that its page and robots.txt name, then the usual places."""
    count = 0
    for found in discover(load_settings(context.obj), url, threading.Event()):
        count += 1
        if console.wants_json(as_json):
            console.put({"url": found.url, "how": found.how, **describe_feed(found.feed)})
        else:
            held = f"{len(found.feed.items)} items" if found.feed.items else f"{len(found.feed.children)} sitemaps"
            console.out.print(f"{found.url}  ({found.feed.format}, {held}, {found.how})", markup=False)
    if not count:
        raise InputError(url, "no feed found")


@app.command("import")
def import_list(context: typer.Context, file: Annotated[Path, typer.Argument(help="OPML file.")]) -> None:
    """Watch the feeds of an OPML list."""
    body = _bytes(file)
    new, listed, remarks = _feeds(context).import_opml(body, str(file))
    for remark in remarks:
        console.note(f"note: {remark}", "yellow")
    console.note(f"{new} feeds added, {listed - new} were there")


@app.command("export")
@reads_store
def export(context: typer.Context) -> None:
    """Print the watched feeds as OPML, in a folder for each country."""
    typer.echo(_feeds(context).export_opml(), nl=False)


@app.command("remove")
@reads_store
def remove(context: typer.Context, url: Annotated[str, typer.Argument(help="Address of the feed.")]) -> None:
    """Stop watching a feed. Its articles stay."""
    if not _feeds(context).remove(url):
        raise UsageError(f"{url}: no such feed", hint="wirewatch feed list shows them")
    console.note("removed")


@app.command("list")
@reads_store
def list_all(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """List the feeds with their health."""
    rows = _feeds(context).state.listing()
    if console.wants_json(as_json):
        for row in rows:
            console.put(msgspec.to_builtins(row) | {"state": _state(row)})
        return
    table = console.table("source")
    # Addresses in full: people copy them.
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
    settings = load_settings(context.obj)
    state = FeedRepository(open_store(settings.store))
    rows = [row for row in state.listing() if row.active]
    for url in urls or ():
        if url not in {row.url for row in rows}:
            raise InputError(url, "no such feed", hint="wirewatch feed list shows them")
    wanted = [row for row in rows if (row.url in urls if urls else every or row.verified_at is None)]
    if not wanted:
        console.note("all feeds have been read; --all checks them again")
    pacing, bad = HostPacing(settings.host_gap_s), 0
    with Http.of_settings(settings) as http:
        for row in _paced(wanted, pacing):
            source = state.source(row.id)
            error, items = _asked(http, source.url) if source.kind == FEED else _polled(state, source, http, settings)
            problem = error.problem if error else None
            bad += error is not None
            if error is None:
                state.verified(row.id, console.utc_now())
            else:
                state.unreadable(row.id, error.problem, error.kind)
            if console.wants_json(as_json):
                console.put({"url": row.url, "problem": problem, "items": items})
            else:
                words = f"{items} items" if problem is None else problem
                console.out.print(f"{'✓' if problem is None else '✗'} {row.url}: {words}", markup=False)
    if bad:
        raise typer.Exit(1)


@app.command("coverage")
@reads_store
def report(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """Compare each feed with its own rhythm, and show what the desk may be missing."""
    whole, feeds = _feeds(context).health()
    if console.wants_json(as_json):
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


def _feeds(context: typer.Context) -> ConnectorFeeds:
    settings = load_settings(context.obj)
    return ConnectorFeeds(settings, open_store(settings.store))


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


def _paced(rows: list[FeedRow], pacing: HostPacing) -> Iterator[FeedRow]:
    """Each row once its host may be asked again."""
    for row in rows:
        while not pacing.take(row.url, now := console.utc_now()):
            time.sleep(max((pacing.free_at(row.url) - now).total_seconds(), 0.01))
        yield row


def _polled(state: FeedRepository, source: Source, http: Http, settings: Settings) -> tuple[FeedError | None, int]:
    """Poll a source that is not a feed as if for the first time, and keep nothing of it."""
    now = console.utc_now()
    tools = Tools(settings=settings, http=http, pacing=HostPacing(0.0), robots=None, clock=console.utc_now)
    try:
        result = state.kinds.of(source.kind).open(source, tools).poll(None, now)
    except Exception as error:
        # Another package's code: whatever it raises is about this source.
        return FeedError(source.url, f"internal error: {error}", kind=FailureKind.INTERNAL), 0
    return result.error, result.report.new or len(result.items)


def _asked(http: Http, url: str) -> tuple[FeedError | None, int]:
    answer = http.fetch(url, now=console.utc_now(), max_bytes=FEED_BYTES)
    if isinstance(answer, Failure):
        return answer.error(), 0
    try:
        feed = parse_feed(answer.body, url=answer.url, content_type=answer.content_type)
    except FeedError as error:
        return error, 0
    return None, len(feed.items) or len(feed.children)
