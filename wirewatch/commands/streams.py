"""``wirewatch streams``: create the raw stream and the output streams, compare them with the settings, describe them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.text import Text

from core.errors import UsageError
from core.settings import Settings, load_settings
from core.streams import Stream, open_stream
from core.streams.installation import group_of, planned_streams
from core.streams.keeping import find_stream, mend_stream
from core.streams.open import create_planned
from core.streams.plans import DAY_MS, Difference, StreamFacts, StreamPlan, differences
from core.streams.rules import check_partitions
from wirewatch import console
from wirewatch.commands.options import JsonLines

app = typer.Typer(
    name="streams", help="Create, compare and describe the streams.", no_args_is_help=True, rich_markup_mode=None
)
Partitions = Annotated[
    int, typer.Option(help="Partitions of each (default: setting partitions).", min=0, show_default=False)
]
Copies = Annotated[
    int,
    typer.Option(
        help="Replication factor (default: the URL's, else 3 or the number of brokers).",
        min=0,
        show_default=False,
    ),
]
MADE, PLANNED, DIFFERS, CHANGED, MISSING = "made", "as planned", "differs", "changed", "missing"
_STYLES = {MADE: "green", PLANNED: "green", CHANGED: "green", DIFFERS: "yellow", MISSING: "red"}


@app.command("create")
def create(
    context: typer.Context,
    partitions: Partitions = 0,
    copies: Copies = 0,
    *,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Change what differs: settings, and the number of partitions if it is too low."),
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Create missing streams, and show how the others differ from the plan. Idempotent.

    Exit 1 if --apply could not change all that differs.
    """
    settings = load_settings(context.obj)
    left, different = False, False
    for plan in _plans(settings, partitions, copies).values():
        before = find_stream(settings.stream, plan.name)
        if before is None:
            create_planned(settings.stream, plan).close()
        facts = before or _facts(settings, plan.name)
        found = differences(plan, facts)
        state = MADE if before is None else DIFFERS if found else PLANNED
        if found and apply:
            remaining = mend_stream(settings.stream, plan, found)
            left = left or bool(remaining)
            state = DIFFERS if remaining else CHANGED
        different = different or (state == DIFFERS and not apply)
        _say(settings, plan, facts, state, found, as_json=as_json)
    if different and not as_json:
        console.note("--apply changes what differs", "yellow")
    if left:
        console.note(
            "copies are moved by kafka-reassign-partitions.sh; an embedded stream keeps its partitions", "yellow"
        )
        raise typer.Exit(1)


@app.command("list")
def list_streams(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """List the streams with their size. Changes nothing."""
    settings = load_settings(context.obj)
    table = console.table("stream", "partitions", "copies", "records", "kept", "state")
    for plan in planned_streams(settings).values():
        facts = find_stream(settings.stream, plan.name)
        found = differences(plan, facts) if facts else ()
        state = MISSING if facts is None else DIFFERS if found else PLANNED
        records = _records(settings, plan.name) if facts else 0
        if console.wants_json(as_json):
            console.put(_record(plan, facts, state, found) | {"records": records})
            continue
        table.add_row(
            plan.name,
            str(facts.partitions) if facts else "–",
            str(facts.copies or "–") if facts else "–",
            str(records),
            _kept(settings, plan),
            Text(state, style=_STYLES[state]),
        )
    if not console.wants_json(as_json):
        console.out.print(table)
        console.note(f"at {_place(settings)}; wirewatch streams create creates the missing ones")


@app.command("describe")
def describe(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A stream (default: the raw stream).", show_default=False)] = "",
    *,
    as_json: JsonLines = False,
) -> None:
    """Show a stream's settings and partitions, compared with the plan, and the pipeline's lag."""
    settings = load_settings(context.obj)
    plans = planned_streams(settings)
    plan = plans.get(name or settings.raw_stream)
    if plan is None:
        raise UsageError(f"there is no stream {name!r}", hint=f"the streams are {', '.join(plans)}")
    with open_stream(settings.stream, plan.name) as stream:
        facts = _facts(settings, plan.name)
        found = differences(plan, facts)
        group = group_of(settings.run) if plan.name == settings.raw_stream else ""
        rows = list(_partitions(stream, group))
        record = _record(plan, facts, DIFFERS if found else PLANNED, found)
        if console.wants_json(as_json):
            console.put(record | {"uuid": stream.uuid, "group": group or None, "partitions_at": rows})
            return
        console.out.print(Text.assemble((plan.name, "bold"), f"  {stream.url}  {stream.uuid}"))
    wanted = plan.configs(facts.copies)
    for setting in sorted(wanted.keys() & facts.configs.keys()):
        differs = next((one for one in found if one.what == setting), None)
        note = f"   planned: {differs.wanted}" if differs else ""
        console.out.print(Text(f"  {setting:<24}{facts.configs[setting]}{note}", style="yellow" if differs else ""))
    if not facts.configs:
        console.out.print(Text(f"  kept: {_kept(settings, plan)}, by the pipeline service"))
    table = console.table("partition", "start", "end", "records")
    if group:
        table.add_column(f"{group}: next")
        table.add_column("lag")
    for row in rows:
        cells = [row["partition"], row["start"], row["end"], row["end"] - row["start"]]
        table.add_row(*(str(cell) for cell in cells), *(_text(row[key]) for key in ("next", "lag") if group))
    console.out.print(table)


def _plans(settings: Settings, partitions: int, copies: int) -> Mapping[str, StreamPlan]:
    plans = planned_streams(settings)
    if partitions:
        check_partitions(partitions)
    changes: dict[str, Any] = {"copies": copies} | ({"partitions": partitions} if partitions else {})
    return {name: replace(plan, **changes) for name, plan in plans.items()}


def _facts(settings: Settings, name: str) -> StreamFacts:
    return find_stream(settings.stream, name) or StreamFacts(name, 0)


def _records(settings: Settings, name: str) -> int:
    with open_stream(settings.stream, name) as stream:
        partitions = stream.partitions()
        return sum(stream.end_offsets(partitions).values()) - sum(stream.start_offsets(partitions).values())


def _partitions(stream: Stream, group: str) -> Iterator[dict[str, Any]]:
    partitions = stream.partitions()
    starts, ends = stream.start_offsets(partitions), stream.end_offsets(partitions)
    committed = stream.committed(group) if group else {}
    for partition in partitions:
        at = committed.get(partition)
        lag = None if at is None else max(0, ends[partition] - max(at, starts[partition]))
        yield {
            "partition": partition,
            "start": starts[partition],
            "end": ends[partition],
            "next": at,
            "lag": lag,
        }


def _say(
    settings: Settings, plan: StreamPlan, facts: StreamFacts, state: str, found: Sequence[Difference], *, as_json: bool
) -> None:
    if console.wants_json(as_json):
        console.put(_record(plan, facts, state, found))
        return
    count = f"{facts.partitions} partitions" + (f", copies: {facts.copies}" if facts.copies else "")
    console.out.print(
        Text.assemble(
            (f"{plan.name:<20}", "bold"), (f"{state:<12}", _STYLES[state]), f"{count}, kept: {_kept(settings, plan)}"
        )
    )
    for one in found:
        verb = "was" if state == CHANGED else "is"
        console.out.print(
            Text(f"{'':<20}{one.what} {verb} {one.found or 'unset'}, planned {one.wanted}", style="yellow")
        )


def _record(plan: StreamPlan, facts: StreamFacts | None, state: str, found: Sequence[Difference]) -> dict[str, object]:
    return {
        "stream": plan.name,
        "state": state,
        "partitions": facts.partitions if facts else 0,
        "copies": (facts.copies or None) if facts else None,
        "differences": [one._asdict() for one in found],
    }


def _kept(settings: Settings, plan: StreamPlan) -> str:
    count = plan.retention_ms / DAY_MS
    days = "1 day" if count == 1 else f"{count:g} days"
    size = f", {plan.retention_bytes} bytes at most" if plan.retention_bytes else ""
    compacted = plan.compacted and settings.stream.startswith("kafka")
    return f"{days}{size}" + (", after 7 days the newest of each key" if compacted else "")


def _text(value: object) -> str:
    return "–" if value is None else str(value)


def _place(settings: Settings) -> str:
    # Without credentials: the part before the host and the query.
    scheme, _, rest = settings.stream.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
