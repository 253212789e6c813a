"""``wirewatch takedown``: remove an article for good; a tombstone keeps later fetches and replays from bringing it back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from connectors.archives.folder import DayFile, day_files, take_out
from core.errors import UsageError, WirewatchError
from core.records import from_ms
from core.settings import load_settings
from core.store import open_store
from core.store.takedowns import Takedowns
from pipeline.ledger.takedown import Removed, take_down
from wirewatch import console
from wirewatch.commands.options import JsonLines, reads_store
from wirewatch.replay.spec import archive_dir

app = typer.Typer()


@app.command("takedown")
@reads_store
def takedown(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The article's address.")] = "",
    reason: Annotated[str, typer.Option(help="The reason; outcomes of later fetches and replays state it.")] = "",
    by: Annotated[str, typer.Option(help="Who asked for it.")] = "",
    *,
    everywhere: Annotated[
        bool, typer.Option("--all-days", help="Search the whole archive, not only the days that the store knows.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the takedowns.")] = False,
    as_json: JsonLines = False,
) -> None:
    """Remove an article from the store and the archive, in all runs, and reject it from now on, also in replays."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    if listing:
        _list(Takedowns(store), as_json=as_json)
        return
    if "://" not in url:
        raise UsageError("give the article's full address", hint="wirewatch takedown https://… --reason …")
    if not reason.strip():
        raise UsageError("a takedown needs a reason", hint="--reason 'court order of …'")
    removed = take_down(store, url, reason.strip(), by=by, now_ms=console.now_ms())
    files = 0
    try:
        for file in _files(archive_dir(settings), removed, everywhere=everywhere):
            files += take_out(file, removed.article, reason.strip()) > 0
    except OSError as error:
        raise WirewatchError(
            f"{error.filename}: {error.strerror}", hint="the store is done; repeat the command for the archive"
        ) from error
    if not (removed.articles or removed.versions or removed.outcomes or files):
        console.note("nothing stored had this address: check its spelling (it is rejected from now on)", "yellow")
    if as_json:
        fields = {**msgspec.structs.asdict(removed), "archive_files": files}
        console.put(fields)
        return
    console.out.print(
        f"removed: {removed.articles} articles, {removed.versions} versions, {removed.alerts} alerts in all runs; "
        f"{files} archive files rewritten; {removed.outcomes} outcomes now state the reason"
    )
    if removed.copies:
        console.note(f"its stories hold {removed.copies} other articles; copies of its text have other URLs", "yellow")
    console.note("the raw stream keeps it until its retention ends, but it is rejected there")


def _files(folder: Path, removed: Removed, *, everywhere: bool) -> list[DayFile]:
    # A time of appending near midnight may be in the file of the next day.
    days = {from_ms(ms).date() + timedelta(days=shift) for ms in removed.event_ms for shift in (-1, 0, 1)}
    return [file for file in day_files(folder) if everywhere or not days or file.day in days]


def _list(takedowns: Takedowns, *, as_json: bool) -> None:
    found = takedowns.listing()
    if console.wants_json(as_json):
        for one in found:
            console.put(one)
        return
    table = console.table("taken down", "address", "reason", "by")
    for one in found:
        table.add_row(f"{one.taken_at:%Y-%m-%d %H:%M}", Text(one.url), Text(one.reason), Text(one.by))
    console.out.print(table)
