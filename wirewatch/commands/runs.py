"""``wirewatch runs``, ``show`` and ``takedown``: the contents of runs, now and at a past moment, and removal of an
article.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from connectors.archives.folder import DayFile, day_files, take_out
from core.counted import counted
from core.errors import StoreError, UsageError, WirewatchError
from core.records import from_ms
from core.records.article import Story
from core.settings import load_settings
from core.store import open_store
from core.store.pruning_marks import ARTICLES, pruned_of
from core.store.takedowns import Takedowns
from pipeline.ledger.takedown import Removed, take_down
from pipeline.replay.diff import RecordChange, differences, span_of
from pipeline.replay.runs import RunSummary, drop_run, list_runs, run_names
from pipeline.text.difference import difference
from wirewatch import console
from wirewatch.commands.options import JsonLines, Run, desk_zone, known_run, parse_time, reads_store
from wirewatch.replay.as_of import AsOf, SeenAlert, SeenArticle
from wirewatch.replay.spec import archive_dir, index_path, remove_index, remove_indexes
from wirewatch.schema import metadata

app = typer.Typer()
runs = typer.Typer(name="runs", help="List, compare and drop runs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(runs)
_STYLES = {"lost": ("-", "red"), "gained": ("+", "green"), "changed": ("~", "yellow")}
_TEXT_CHARS = 240


class What(StrEnum):
    """What can be shown."""

    ARTICLES = "articles"
    STORIES = "stories"
    ALERTS = "alerts"


@runs.command("list")
@reads_store
def list_all(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """List all runs with their contents, and the progress of replays."""
    store = open_store(load_settings(context.obj).store)
    found = list_runs(store)
    if as_json:
        for run in found:
            console.put(console.with_times(run, created_ms="created_at", first_ms="first_at", last_ms="last_at"))
        return
    table = console.table("run", "kind", "state", "news from", "to", "records", "articles", "stories", "alerts")
    for run in found:
        figures = (sum(run.outcomes.values()), run.articles, run.stories, run.alerts)
        table.add_row(
            Text(run.name), run.kind, _state(run), _minute(run.first_ms), _minute(run.last_ms), *map(str, figures)
        )
    console.out.print(table)


@runs.command("diff")
@reads_store
def diff(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help="The earlier run.")],
    second: Annotated[str, typer.Argument(help="The later run.")],
    *,
    as_json: JsonLines = False,
) -> None:
    """Compare two runs: articles, topics, stories and alerts lost, gained or changed. Exit 1 if there are any."""
    store = open_store(load_settings(context.obj).store)
    for name in (first, second):
        known_run(store, name)
    span = span_of(store, first, second)
    counts: Counter[tuple[str, str]] = Counter()
    for name in (first, second):
        for gone in pruned_of(store, name).words(ARTICLES):
            console.note(f"{name}: {gone}; earlier ones are not compared", "yellow")
    for change in differences(store, first, second, span):
        counts[change.what, change.how] += 1
        if as_json:
            console.put(change)
        else:
            _show_change(change)
    figures = {what: {how: counts[what, how] for how in _STYLES} for what in ("article", "topic", "story", "alert")}
    if as_json:
        console.put({"from": first, "to": second, "equal": not counts, **figures})
    elif counts:
        words = [f"{how} {what}: {count}" for (what, how), count in sorted(counts.items())]
        console.note(f"{first} → {second}: {', '.join(words)}", "bold")
    else:
        console.note(f"{first} and {second} are equal in that period", "bold green")
    if counts:
        raise typer.Exit(1)


@runs.command("drop")
@reads_store
def drop(context: typer.Context, name: Annotated[str, typer.Argument(help="The run to delete.")]) -> None:
    """Delete a replay and its results. The continuous run can't be dropped."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    kind = run_names(store).get(name)
    if kind is None and not index_path(settings, name).exists():
        raise UsageError(f"there is no run {name!r}", hint="wirewatch runs list shows them")
    if name == settings.run or kind == "live":
        raise UsageError(f"{name!r} is the continuous run: it can't be dropped")
    rows = sum(drop_run(store, name, metadata))
    remove_index(settings, name)
    console.note(f"{name} is deleted ({counted(rows, 'row')})", "bold")


@app.command("show")
@reads_store
def show(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="{articles|stories|alerts}", help="articles, stories or alerts.")],
    as_of: Annotated[
        str,
        typer.Option(
            "--as-of",
            help="What was known then: 2026-03-05T10:00Z, 3h (ago), 07:20 or yesterday 07:20 (in desk_zone), yesterday (at "
            "this time).",
        ),
    ] = "now",
    run: Run = "",
    limit: Annotated[int, typer.Option(help="Maximum number of records, newest first; 0: all.", min=0)] = 50,
    *,
    as_json: JsonLines = False,
) -> None:
    """Show what the desk knew at a moment: what was stored by then, and which alerts had been sent."""
    kind = _kind(what)
    settings = load_settings(context.obj)
    zone, now = desk_zone(settings), console.utc_now()
    moment = parse_time(as_of, now, zone)
    if moment > now:
        console.note(f"--as-of {as_of} is in the future: this is what is known now", "yellow")
    store = open_store(settings.store)
    past = AsOf(store, known_run(store, run or settings.run), moment)
    for words in past.pruned.words(ARTICLES):
        console.note(f"{words}; they are not shown", "yellow")
    found = _found(past, kind)
    count = 0
    for one in islice(found, limit or None):
        count += 1
        if as_json:
            console.put(one)
        else:
            console.out.print(_line(one, zone))
    if not as_json:
        console.note(
            f"{count} {kind.value} as of {_when(moment, zone)} {moment.astimezone(zone):%Z}"
            + (" (more with --limit)" if count == limit else "")
        )
    store.close()


@app.command("takedown")
@reads_store
def takedown(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The article's address.")] = "",
    reason: Annotated[str, typer.Option(help="The reason, stated in the outcomes of later fetches and replays.")] = "",
    by: Annotated[str, typer.Option(help="Who requested it.")] = "",
    *,
    everywhere: Annotated[
        bool, typer.Option("--all-days", help="Search the whole archive, not only the days that the store knows.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the takedowns.")] = False,
    as_json: JsonLines = False,
) -> None:
    """Remove an article from the store and the archive, in all runs, and reject it from now on, also in replays."""
    from pipeline.drafts.kept import keeping_of
    from pipeline.drafts.tending import forget_articles

    settings = load_settings(context.obj)
    store = open_store(settings.store)
    if listing:
        _list_takedowns(Takedowns(store), as_json=as_json)
        return
    if "://" not in url:
        raise UsageError("give the article's full address", hint="wirewatch takedown https://… --reason …")
    if not reason.strip():
        raise UsageError("a takedown needs a reason", hint="--reason 'court order of …'")
    removed = take_down(store, url, reason.strip(), by=by, now_ms=console.now_ms())
    clean = False
    # All articles ever taken down: an earlier command may have failed at this point.
    kept = forget_articles(keeping_of(settings), (one.article for one in Takedowns(store).listing()))
    files = 0
    try:
        for file in _files(archive_dir(settings), removed, everywhere=everywhere):
            files += take_out(file, removed.article, reason.strip()) > 0
        remove_indexes(settings)
    except OSError as error:
        raise WirewatchError(
            f"{error.filename}: {error.strerror}",
            hint="the article is removed from the store; repeat the command for the archive",
        ) from error
    with suppress(StoreError):
        clean = store.vacuum()
    if not clean:
        console.note(
            "parts of its text may remain in the store's file until VACUUM (docs/operations.md, Start, stop)", "yellow"
        )
    if not (removed.articles or removed.versions or removed.outcomes or files):
        console.note("nothing was stored under this address: check its spelling (it is rejected from now on)", "yellow")
    if as_json:
        fields = {**msgspec.structs.asdict(removed), "archive_files": files, "kept_drafts": kept}
        console.put(fields)
        return
    console.out.print(
        f"removed: {counted(removed.articles, 'article')}, {counted(removed.versions, 'version')}, "
        f"{counted(removed.alerts, 'alert')} in all runs; {counted(files, 'archive file')} rewritten, "
        f"{counted(kept, 'kept draft')} deleted; {counted(removed.outcomes, 'outcome')} with the reason"
    )
    if removed.copies:
        others = counted(removed.copies, "other article")
        console.note(f"its stories contain {others}; copies of its text have other URLs", "yellow")
    console.note("the raw stream keeps it until its retention ends, but it is rejected there")


def _show_change(change: RecordChange) -> None:
    sign, style = _STYLES[change.how]
    line = Text.assemble((f"{sign} {change.what:<8}", style), change.title)
    if change.fields:
        line.append(f"  ({', '.join(change.fields)})", "dim")
    console.out.print(line)
    if change.what != "article":
        return
    if change.before and change.after:
        found = difference(*((each["title"], each["text"]) for each in (change.before, change.after)), keep=3)
        for one in found.changes:
            console.out.print(
                Text.assemble("    ", (one.before[:_TEXT_CHARS], "red"), " → ", (one.after[:_TEXT_CHARS], "green"))
            )
        return
    text = " ".join(str((change.before or change.after or {}).get("text", "")).split())
    console.out.print(Text(f"    {text[:_TEXT_CHARS]}{'…' if len(text) > _TEXT_CHARS else ''}", style="dim"))


def _state(run: RunSummary) -> str:
    replay = run.replay
    if replay is None:
        return "–"
    done = sum(run.outcomes.values())
    known = replay.total is not None and replay.state != "finished"
    return f"{replay.state}, {done} of {replay.total}" if known else replay.state


def _minute(ms: int | None) -> str:
    return "–" if ms is None else f"{from_ms(ms):%Y-%m-%d %H:%M}"


def _kind(what: str) -> What:
    try:
        return What(what)
    except ValueError as error:
        near = difflib.get_close_matches(what, list(What), n=1)
        hint = f"did you mean wirewatch show {near[0]}?" if near else "wirewatch show articles, stories or alerts"
        raise UsageError(f"{what!r} can't be shown", hint=hint) from error


def _found(past: AsOf, what: What) -> Iterator[SeenArticle | SeenAlert | Story]:
    match what:
        case What.ARTICLES:
            return past.articles()
        case What.STORIES:
            return past.stories()
        case What.ALERTS:
            return past.alerts()


def _line(one: SeenArticle | SeenAlert | Story, zone: tzinfo) -> Text:
    if isinstance(one, Story):
        facts = f"{counted(one.articles, 'article')}, {counted(len(one.sources), 'source')}"
        return Text.assemble(
            (f"{_when(from_ms(one.last_ms), zone)}  ", "dim"), (one.headline, "bold"), (f"  {facts}", "dim")
        )
    if isinstance(one, SeenAlert):
        sent = f"  sent {_when(one.delivered_at, zone)}" if one.delivered_at else "  not sent"
        head = f"{_when(one.seen_at, zone)}  "
        return Text.assemble((head, "dim"), (f"{one.alert.subscription}  ", "yellow"), one.alert.title, (sent, "dim"))
    facts = "  ".join([f"version {one.version}"] * (one.version > 1) + list(one.topics))
    head = f"{_when(one.event_at, zone)}  seen {one.seen_at.astimezone(zone):%H:%M:%S}  "
    return Text.assemble((head, "dim"), (f"{one.source}  ", "cyan"), one.title, (f"  {facts}", "dim"))


def _when(moment: datetime | None, zone: tzinfo) -> str:
    return "–" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _files(folder: Path, removed: Removed, *, everywhere: bool) -> list[DayFile]:
    # A record appended near midnight may be in the next day's file.
    days = {from_ms(ms).date() + timedelta(days=shift) for ms in removed.event_ms for shift in (-1, 0, 1)}
    return [file for file in day_files(folder) if everywhere or not days or file.day in days]


def _list_takedowns(takedowns: Takedowns, *, as_json: bool) -> None:
    found = takedowns.listing()
    if as_json:
        for one in found:
            console.put(one)
        return
    table = console.table("taken down", "address", "reason", "by")
    for one in found:
        table.add_row(f"{one.taken_at:%Y-%m-%d %H:%M}", Text(one.url), Text(one.reason), Text(one.by))
    console.out.print(table)
