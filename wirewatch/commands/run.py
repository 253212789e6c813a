"""``wirewatch run``: a bounded input through the whole graph, results as JSON Lines."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from connectors.archives import read_path
from core.errors import UsageError, WirewatchError
from core.records import Outcome, OutcomeKind
from core.settings import load_settings
from wirewatch import console
from wirewatch.commands.subscriptions import read_subscriptions

app = typer.Typer()
# Rejections shown; outcomes.jsonl has all of them.
SHOWN = 20


@app.command("run")
def run(
    context: typer.Context,
    path: Annotated[
        Path, typer.Option("--input", help="A .jsonl, .warc, feed, .html or .txt file (also as .gz), or a folder.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for enriched.jsonl, alerts.jsonl and outcomes.jsonl.")],
    subscriptions: Annotated[Path | None, typer.Option(help='JSON Lines: {"id", "query", "name"?}.')] = None,
    topics: Annotated[
        Path | None, typer.Option(help="A folder of topic files, used beside the built-in topics.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as a JSON line.")] = False,
) -> None:
    """Process articles from files, and write the results as JSON Lines."""
    settings = load_settings(context.obj)
    queries = read_subscriptions(subscriptions) if subscriptions else []
    items = read_path(path)
    from pipeline.drivers.bounded import BoundedRun, write_results

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}", hint="choose a folder that can be written") from error
    folder = Path(topics) if topics else Path(settings.topics_dir) if settings.topics_dir else None
    with tempfile.TemporaryDirectory(prefix="wirewatch-") as scratch, console.progress_bar() as progress:
        reading = progress.add_task("reading", total=None)
        with BoundedRun(
            Path(scratch),
            subscriptions=queries,
            topics_folder=folder,
            extraction_processes=settings.extraction_processes,
            now_ms=console.now_ms(),
        ) as bounded:
            for item in items:
                if item.raw is not None:
                    bounded.add(item.raw, item.name)
                else:
                    bounded.add_problem(item.name, item.problem or "unreadable")
                progress.update(reading, completed=bounded.count)
            progress.update(reading, total=bounded.count, visible=False)
            if not bounded.count:
                raise WirewatchError(
                    f"{path}: there is nothing in it to read", hint="wirewatch run --help lists the kinds"
                )
            working = progress.add_task("articles", total=bounded.count)
            bounded.run(lambda done: progress.update(working, completed=done))
            try:
                write_results(bounded.reader, out)
            except OSError as error:
                raise WirewatchError(f"{out}: {error.strerror}", hint="the results could not be written") from error
            counts, rejected, alerts = bounded.counts(), bounded.rejected(), sum(1 for _ in bounded.reader.alerts())
    if as_json:
        console.put({"items": sum(counts.values()), **counts, "alerts": alerts})
    _report(counts, rejected, alerts, out)


def _report(counts: Counter[str], rejected: list[Outcome], alerts: int, out: Path) -> None:
    for outcome in rejected[:SHOWN]:
        console.note(f"{outcome.item}: rejected by {outcome.stage}: {outcome.reason}", "yellow")
    if len(rejected) > SHOWN:
        console.note(f"… and {len(rejected) - SHOWN} more rejected, all in outcomes.jsonl", "yellow")
    ends = ", ".join(f"{counts[kind]} {kind}" for kind in OutcomeKind if counts[kind])
    console.note(f"{sum(counts.values())} items: {ends}; {alerts} alerts → {out}", "green")
