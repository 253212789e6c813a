"""``wirewatch takedown``: a URL that must go leaves a tombstone; nothing brings its text back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from connectors.archives.folder import DayFile, day_files, take_out
from core.errors import UsageError, WirewatchError
from core.records import from_ms
from core.settings import load_settings
from core.store import open_store
from core.store.takedowns import Takedowns
from pipeline.ledger.takedown import Removed, take_down
from wirewatch.replay.spec import archive_dir
from wirewatch.terminal import console, json_lines


def takedown(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The article's address.")] = "",
    reason: Annotated[str, typer.Option(help="Why it must go; outcomes of later fetches and replays say it.")] = "",
    by: Annotated[str, typer.Option(help="Who asked for it.")] = "",
    *,
    everywhere: Annotated[
        bool, typer.Option("--all-days", help="Look through the whole archive, not only the days that the store knows.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="List what was taken down.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
) -> None:
    """Remove an article from store and archive, in every run, and reject it from now on, also in replays."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    if listing:
        _list(Takedowns(store), as_json=as_json)
        return
    if "://" not in url:
        raise UsageError("give the article's whole address", hint="wirewatch takedown https://… --reason …")
    if not reason.strip():
        raise UsageError("a takedown needs a reason", hint="--reason 'court order of …'")
    removed = take_down(store, url, reason.strip(), by=by, now_ms=console.now_ms())
    files = 0
    try:
        for file in _files(archive_dir(settings), removed, everywhere=everywhere):
            files += take_out(file, removed.article, reason.strip()) > 0
    except OSError as error:
        raise WirewatchError(
            f"{error.filename}: {error.strerror}", hint="the store is done; give the same again for the archive"
        ) from error
    if not (removed.articles or removed.versions or removed.outcomes or files):
        console.note("nothing stored had this address: check its spelling (it is rejected from now on)", "yellow")
    if as_json:
        fields = {**msgspec.structs.asdict(removed), "archive_files": files}
        json_lines.put(fields)
        return
    console.out.print(
        f"gone: {removed.articles} articles, {removed.versions} versions, {removed.alerts} alerts over all runs; "
        f"{files} archive files written anew; {removed.outcomes} outcomes now say why"
    )
    if removed.copies:
        console.note(
            f"{removed.copies} other articles are in its stories; copies of its text have URLs of their own", "yellow"
        )
    console.note("the raw stream holds it until its retention; nothing comes of it any more")


def _files(folder: Path, removed: Removed, *, everywhere: bool) -> list[DayFile]:
    # An append time near midnight may lie in the next day's file of another stream.
    days = {from_ms(ms).date() + timedelta(days=shift) for ms in removed.event_ms for shift in (-1, 0, 1)}
    return [file for file in day_files(folder) if everywhere or not days or file.day in days]


def _list(takedowns: Takedowns, *, as_json: bool) -> None:
    found = takedowns.listing()
    if json_lines.wanted(as_json=as_json):
        for one in found:
            json_lines.put(one)
        return
    table = Table("taken down", "address", "reason", "by", box=None, header_style="bold")
    for one in found:
        table.add_row(f"{one.taken_at:%Y-%m-%d %H:%M}", Text(one.url), Text(one.reason), Text(one.by))
    console.out.print(table)
