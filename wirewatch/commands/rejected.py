"""``wirewatch rejected``: records that were rejected, and their retry once the fault is fixed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from core.counted import counted
from core.records import from_ms, to_ms
from core.settings import load_settings
from core.store import open_store
from core.store.retries import RejectedRecord, Wanted
from desk.people.accounts import By
from desk.use_cases import rejected as use_case
from desk.use_cases.desk import Desk
from wirewatch import console
from wirewatch.commands.options import JsonLines, JsonObject, desk_zone, me, parse_time, reads_store
from wirewatch.desk import desk_of

app = typer.Typer()
rejected = typer.Typer(
    name="rejected",
    help="List rejected records, and retry them after a fix.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(rejected)
Stage = Annotated[str, typer.Option(help="Only those of this stage.")]
Reason = Annotated[
    str, typer.Option(help="Only those with this reason, or kind of reason (the part before the colon).")
]
Since = Annotated[
    str,
    typer.Option(help="Only records since 2026-03-05, 2026-03-05T10:00Z, 07:20, yesterday, or 7d (seven days ago)."),
]


@rejected.command("list")
@reads_store
def list_rejected(
    context: typer.Context,
    stage: Stage = "",
    reason: Reason = "",
    since: Since = "",
    limit: Annotated[int, typer.Option(help="Maximum number of records, newest first; 0: all.", min=0)] = 50,
    *,
    as_json: JsonLines = False,
) -> None:
    """List rejected records, newest first, with their reasons and whether they can be retried."""
    desk = _desk(context)
    found = use_case.listing(desk, _wanted(desk, stage, reason, since), limit)
    if not found:
        console.note("no rejected records of this kind")
    if as_json:
        for one in found:
            console.put(one)
        return
    table = console.table("position", "time", "stage", "reason", "failures", "retry", "item")
    for one in found:
        it = one.outcome
        table.add_row(
            Text(_place(one)),
            _time(one),
            Text(it.stage or ""),
            Text(it.reason or ""),
            str(one.failures),
            Text(_state(one)),
            Text(it.item),
        )
    console.out.print(table)


@rejected.command("show")
@reads_store
def show(
    context: typer.Context,
    position: Annotated[str, typer.Argument(help="The record's position, as wirewatch rejected list shows it.")],
    *,
    as_json: JsonObject = False,
) -> None:
    """Show one rejected record."""
    one = use_case.find(_desk(context), position)
    if as_json:
        console.put(one)
        return
    it = one.outcome
    for name, value in (
        ("position", str(one.position)),
        ("time", _time(one)),
        ("item", it.item),
        ("stage", it.stage or ""),
        ("reason", it.reason or ""),
        ("failures", str(one.failures)),
        ("retry of", str(one.retry_of or "")),
        ("retry", _state(one)),
    ):
        if value:
            console.out.print(Text(f"{name:>9}  {value}"))


@rejected.command("retry")
@reads_store
def retry(
    context: typer.Context,
    positions: Annotated[
        list[str] | None,
        typer.Argument(metavar="POSITION", help="Only these (default: all that match the options)."),
    ] = None,
    stage: Stage = "",
    reason: Reason = "",
    since: Since = "",
    by: Annotated[str, typer.Option("--by", help="Who requests it (default: this machine's user).")] = "",
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print how many records would be retried.")] = False,
    as_json: JsonObject = False,
) -> None:
    """Retry rejected records, each once. The connectors service appends them again; the old outcomes stay.

    Records that were rejected three times are not retried, nor are those of articles that were taken down.
    """
    desk = _desk(context)
    who = By(name=by or me())
    made = use_case.retry(desk, who, _wanted(desk, stage, reason, since), positions or (), dry_run=dry_run)
    if as_json:
        console.put({"again": made.again, "left": dict(made.left), "dry_run": dry_run})
        return
    console.note(f"{counted(made.again, 'record')} {'would be retried' if dry_run else 'will be retried'}", "bold")
    for words, count in made.left.most_common():
        console.note(f"{counted(count, 'record')} not retried: {words}")


def _desk(context: typer.Context) -> Desk:
    settings = load_settings(context.obj)
    return desk_of(settings, open_store(settings.store))


def _wanted(desk: Desk, stage: str, reason: str, since: str) -> Wanted:
    since_ms = to_ms(parse_time(since, console.utc_now(), desk_zone(desk.settings))) if since else 0
    return Wanted(stage, reason, since_ms)


def _place(one: RejectedRecord) -> str:
    return f"{one.position.stream}/{one.position.partition}/{one.position.offset}"


def _time(one: RejectedRecord) -> str:
    return f"{from_ms(one.outcome.key.time_ms):%Y-%m-%d %H:%M:%S}" if one.outcome.key else ""


def _state(one: RejectedRecord) -> str:
    if one.new is not None:
        return f"appended as {one.new.partition}/{one.new.offset}"
    return f"{one.state}: {one.why}" if one.why else one.state
