"""``wirewatch archive``: the raw stream to daily WARC files, so that the past outlives the stream's retention."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from core.errors import WirewatchError
from core.settings import load_settings
from core.store import open_store
from core.streams import open_stream
from wirewatch.commands.services import stop_on_signals
from wirewatch.replay.spec import archive_dir
from wirewatch.terminal import console, json_lines

LOOK_S = 600.0


def archive(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Option("--dir", help="Folder of the archive (default: the setting).")] = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on: look for days that are over, until stopped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
) -> None:
    """Write each day that is over to a WARC.gz, from where the archive stands; stopped anywhere, it goes on from there."""
    from wirewatch.replay.archiving import archive_days  # it loads Beam, which takes seconds

    settings = load_settings(context.obj)
    where = folder or archive_dir(settings)
    stop = stop_on_signals()
    store = open_store(settings.store)
    machine = json_lines.wanted(as_json=as_json)
    count = 0
    with open_stream(settings.stream, settings.raw_stream) as stream:
        while True:
            software = f"wirewatch {metadata.version('wirewatch')}"
            try:
                for day in archive_days(
                    stream, store, where, clock_ms=console.now_ms, stop=stop.is_set, software=software
                ):
                    count += 1
                    if machine:
                        json_lines.put(day)
                    else:
                        console.out.print(
                            f"{day.day}  {day.records:>8} records  {day.bytes:>12} bytes  {day.file or '–'}"
                        )
                    if day.lost:
                        console.note(f"{day.day}: {day.lost} records were deleted before they were archived", "red")
            except OSError as error:
                raise WirewatchError(
                    f"{where}: {error.strerror or error}", hint="choose a folder that can be written"
                ) from error
            if not follow or stop.wait(LOOK_S):
                break
    store.close()
    if not count:
        console.note("nothing to archive: each day is written once it is over (UTC)")
