"""``wirewatch runs``: the continuous run and the replays beside it: list, compare, drop."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from core.errors import UsageError
from core.records import from_ms
from core.settings import load_settings
from core.store import open_store
from pipeline.replay.diff import Change, differences, span_of
from pipeline.replay.runs import RunSummary, drop_run, list_runs, run_names
from pipeline.text.difference import difference
from wirewatch.replay.spec import index_path
from wirewatch.schema import metadata
from wirewatch.terminal import console, json_lines

app = typer.Typer(help="Runs: list, compare, drop.", no_args_is_help=True, rich_markup_mode=None)
AsJson = Annotated[bool, typer.Option("--json", help="JSON Lines.")]
_STYLES = {"lost": ("-", "red"), "gained": ("+", "green"), "changed": ("~", "yellow")}
_TEXT_CHARS = 240


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all runs: what each holds, and how far each replay is."""
    store = open_store(load_settings(context.obj).store)
    runs = list_runs(store)
    if json_lines.wanted(as_json=as_json):
        for run in runs:
            json_lines.put(json_lines.timed(run, created_ms="created_at", first_ms="first_at", last_ms="last_at"))
        return
    table = Table(
        "run",
        "kind",
        "state",
        "news from",
        "to",
        "records",
        "articles",
        "stories",
        "alerts",
        box=None,
        header_style="bold",
    )
    for run in runs:
        figures = (sum(run.outcomes.values()), run.articles, run.stories, run.alerts)
        table.add_row(
            Text(run.name), run.kind, _state(run), _when(run.first_ms), _when(run.last_ms), *map(str, figures)
        )
    console.out.print(table)


@app.command("diff")
def diff(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help="The run before.")],
    second: Annotated[str, typer.Argument(help="The run after.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say which articles, topics, stories and alerts are lost, gained or changed from one run to another; exit 1 if any."""
    store = open_store(load_settings(context.obj).store)
    known = run_names(store)
    for name in (first, second):
        if name not in known:
            raise UsageError(f"there is no run {name!r}", hint="wirewatch runs list shows them")
    span = span_of(store, first, second)
    counts: Counter[tuple[str, str]] = Counter()
    machine = json_lines.wanted(as_json=as_json)
    for change in differences(store, first, second, span):
        counts[change.what, change.how] += 1
        if machine:
            json_lines.put(change)
        else:
            _show(change)
    figures = {what: {how: counts[what, how] for how in _STYLES} for what in ("article", "topic", "story", "alert")}
    if machine:
        json_lines.put({"from": first, "to": second, "equal": not counts, **figures})
    elif counts:
        words = [f"{how} {what}: {count}" for (what, how), count in sorted(counts.items())]
        console.note(f"{first} → {second}: {', '.join(words)}", "bold")
    else:
        console.note(f"{first} and {second} are the same in that time", "bold green")
    if counts:
        raise typer.Exit(1)


@app.command("drop")
def drop(context: typer.Context, name: Annotated[str, typer.Argument(help="The run to delete.")]) -> None:
    """Delete a replay with all that it holds. The continuous run can't be dropped."""
    settings = load_settings(context.obj)
    store = open_store(settings.store)
    kind = run_names(store).get(name)
    if kind is None and not index_path(settings, name).exists():
        raise UsageError(f"there is no run {name!r}", hint="wirewatch runs list shows them")
    if name == settings.run or kind == "live":
        raise UsageError(f"{name!r} is the continuous run: it can't be dropped")
    rows = sum(drop_run(store, name, metadata))
    for path in (index_path(settings, name), index_path(settings, name).with_suffix(".db.part")):
        path.unlink(missing_ok=True)
    console.note(f"{name} is gone ({rows} rows)", "bold")


def _show(change: Change) -> None:
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
    return (
        replay.state
        if replay.total is None or replay.state == "finished"
        else f"{replay.state}, {done} of {replay.total}"
    )


def _when(ms: int | None) -> str:
    return "–" if ms is None else f"{from_ms(ms):%Y-%m-%d %H:%M}"
