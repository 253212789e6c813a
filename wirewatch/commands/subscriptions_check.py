"""``wirewatch subscriptions check``: stored queries that a new version of the rules for words reads differently."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from core.counted import counted
from desk.terminal import harmless
from wirewatch import console
from wirewatch.commands.options import JsonLines, me, reads_store
from wirewatch.commands.subscriptions import By, app, opened_store


@app.command("check")
@reads_store
def check(
    context: typer.Context,
    by: By = "",
    *,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept the new reading of all of them, and stop listing them.")
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """List the subscriptions whose queries this version of Wirewatch reads differently than when they were saved.

    Run it before you start a new version. Exit 0: none, or accepted; 1: some.
    """
    service = opened_store(context).service
    found = service.read_otherwise()
    for one, several in found:
        if as_json:
            console.put({"id": one.id, "query": one.query, "changes": [change._asdict() for change in several]})
            continue
        console.out.print(Text(harmless(one.id), style="bold").append(f"  {harmless(one.query)}", style="default"))
        for change in several:
            console.out.print(
                Text(f"  at position {change.position + 1}: {harmless(change.part)} {harmless(change.change)}")
            )
    if accept:
        console.note(f"{service.accept_readings(by=by or me())} accepted")
        return
    console.note(f"{counted(len(found), 'subscription')} read differently than when saved")
    if found:
        console.note("change their queries, or accept the new reading: wirewatch subscriptions check --accept")
        raise typer.Exit(1)
