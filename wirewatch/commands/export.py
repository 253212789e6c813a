"""``wirewatch export``: the enriched archive as Parquet files by day."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core.errors import UsageError
from core.settings import load_settings
from core.store import StoreReader, open_store
from wirewatch.commands.search import From, Run, To, period
from wirewatch.terminal import console, json_lines


def export(
    context: typer.Context,
    parquet: Annotated[Path, typer.Option(help="Folder of the files: articles/day=2026-03-05/… and so on.")],
    since: From = "",
    until: To = "",
    run: Run = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines: one for each file that changed.")] = False,
) -> None:
    """Write articles, stories and alerts as Parquet by day (docs/data.md explains the columns).

    Again and again: only days in which something was stored since are written anew, each whole.
    """
    # pyarrow takes half a second to load, and every command loads this module.
    from core.search.parquet import export as export_days

    settings = load_settings(context.obj)
    if parquet.exists() and not parquet.is_dir():
        raise UsageError(f"{parquet} is no folder")
    begin, end = period(None, since, until)
    store = open_store(settings.store)
    machine = json_lines.wanted(as_json=as_json)
    files, rows = Counter[str](), Counter[str]()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal) as progress:
        task = progress.add_task("exporting")
        for one in export_days(StoreReader(store, run or settings.run), parquet, begin, end):
            kind, day = one.path.parent.parent.name, one.path.parent.name.removeprefix("day=")
            progress.update(task, description=f"{kind} of {day}")
            what = "removed" if one.removed else "written" if one.written else "unchanged"
            files[what] += 1
            rows[kind] += one.rows
            if machine and what != "unchanged":
                fields = {"file": str(one.path), "kind": kind, "day": day, "rows": one.rows, "what": what}
                json_lines.put(fields)
    store.close()
    counted = ", ".join(f"{rows[kind]:,} {kind}" for kind in ("articles", "stories", "alerts"))
    done = ", ".join(f"{files[what]:,} {what}" for what in ("written", "unchanged", "removed") if files[what])
    console.note(f"{counted}; files: {done or 'none'}")
