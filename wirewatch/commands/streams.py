"""``wirewatch streams``: create the raw stream and the output streams as planned; list them and their differences from
the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

import core
from core.counted import counted
from core.durations import DAY_MS
from core.errors import WirewatchError
from core.records import RawArticle
from core.records.contracts import CONTRACTS, documents, refused, schema_of
from core.settings import Settings, load_settings
from core.streams import open_stream
from core.streams.base import check_partitions
from core.streams.open import create_planned, find_stream
from core.streams.plans import StreamFacts, StreamPlan, differences, planned_streams
from wirewatch import console
from wirewatch.commands.options import JsonLines

app = typer.Typer(name="streams", help="Create and list the streams.", no_args_is_help=True, rich_markup_mode=None)
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
MADE, PLANNED, DIFFERS, MISSING = "made", "as planned", "differs", "missing"
_STYLES = {MADE: "green", PLANNED: "green", DIFFERS: "yellow", MISSING: "red"}


@app.command("create")
def create(
    context: typer.Context, partitions: Partitions = 0, copies: Copies = 0, *, as_json: JsonLines = False
) -> None:
    """Create missing streams as planned, and show how existing ones differ from the plan. Idempotent.

    With the setting schema_registry_url, it also registers the streams' JSON Schemas there.
    """
    settings = load_settings(context.obj)
    changes: dict[str, Any] = {"copies": copies}
    if partitions:
        changes["partitions"] = check_partitions(partitions)
    plans = [replace(plan, **changes) for plan in planned_streams(settings).values()]
    missing = {plan.name for plan in plans if find_stream(settings.stream, plan.name) is None}
    for plan in plans:
        if plan.name in missing:
            create_planned(settings.stream, plan, role="streams").close()
    _show(settings, plans, made=missing, as_json=as_json)
    if settings.schema_registry_url:
        _register(settings)


@app.command("list")
def list_streams(context: typer.Context, *, as_json: JsonLines = False) -> None:
    """List the streams with their size, and how they differ from the plan. Changes nothing.

    Positions are counted from a log's start to its end. On Kafka not every position holds a record: transactions leave
    markers, and compaction removes records.
    """
    settings = load_settings(context.obj)
    _show(settings, planned_streams(settings).values(), as_json=as_json)
    if not as_json:
        console.note(f"at {_place(settings)}; wirewatch streams create creates the missing ones")


@app.command("contracts")
def contracts(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to.")]) -> None:
    """Write the contracts of the streams: a JSON Schema for each, and an AsyncAPI document.

    An existing document is replaced only if all its readers can also read the new one, or if the new schema has a
    higher number. Otherwise nothing is written (exit 1).
    """
    made = documents(core.version())
    before = {name: msgspec.json.decode((folder / name).read_bytes()) for name in made if (folder / name).is_file()}
    broken = refused(before, made)
    if broken:
        for line in broken:
            console.note(line, "red")
        raise WirewatchError(
            "these changes would break readers; nothing was written",
            hint="raise the record's schema number, or revert the changes",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in made.items():
        (folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    console.note(f"{counted(len(made), 'document')} in {folder}")


@app.command("adopt")
def adopt(context: typer.Context) -> None:
    """Begin the run in a raw stream mirrored from another cluster, at the mirrored offsets of its consumer group.

    Use it when another cluster takes over, before the pipeline is started on it. Without it, the run begins at the
    first record: the results are right, but all old records are processed again before any new one.
    """
    from pipeline.drivers.takeover import adopt as take_over

    settings = load_settings(context.obj)
    console.configure_service("streams", settings)
    for partition, (begin, end) in take_over(settings, console.now_ms).items():
        console.note(f"partition {partition}: begins at offset {begin}, {end - begin} positions from the end")


def _register(settings: Settings) -> None:
    # Brings httpx, which no other command here needs.
    from core.streams.registry import SchemaRegistry

    with SchemaRegistry(settings.schema_registry_url) as registry:
        for one in CONTRACTS:
            # The contracts have the default names; only the raw stream can have another.
            stream = settings.raw_stream if one.kind is RawArticle else one.name
            done = registry.register(stream, schema_of(one))
            console.note(
                f"{done.subject} at {registry.place}: schema {done.id}{'' if done.new else ', already registered'}"
            )


def _show(settings: Settings, plans: Iterable[StreamPlan], *, made: Iterable[str] = (), as_json: bool) -> None:
    table = console.table("stream", "partitions", "copies", "positions", "kept", "state")
    notes = []
    for plan in plans:
        facts = find_stream(settings.stream, plan.name)
        found = differences(plan, facts) if facts else ()
        state = MISSING if facts is None else MADE if plan.name in made else DIFFERS if found else PLANNED
        facts = facts or StreamFacts(plan.name, 0)
        positions = _positions(settings, plan.name) if state != MISSING else 0
        if as_json:
            console.put(
                {
                    "stream": plan.name,
                    "state": state,
                    "partitions": facts.partitions,
                    "copies": facts.copies or None,
                    "positions": positions,
                    "differences": [one._asdict() for one in found],
                }
            )
            continue
        counts = (str(facts.partitions or "–"), str(facts.copies or "–"), str(positions))
        table.add_row(plan.name, *counts, _kept(settings, plan), Text(state, style=_STYLES[state]))
        notes += [f"{plan.name}: {one.what} is {one.found or 'unset'}, planned {one.wanted}" for one in found]
    if not as_json:
        console.out.print(table)
        for note in notes:
            console.note(note, "yellow")


def _positions(settings: Settings, name: str) -> int:
    with open_stream(settings.stream, name, role="streams") as stream:
        partitions = stream.partitions()
        return sum(stream.end_offsets(partitions).values()) - sum(stream.start_offsets(partitions).values())


def _kept(settings: Settings, plan: StreamPlan) -> str:
    count = plan.retention_ms / DAY_MS
    days = "1 day" if count == 1 else f"{count:g} days"
    size = f", {plan.retention_bytes} bytes at most" if plan.retention_bytes else ""
    compacted = plan.compacted and settings.stream.startswith("kafka")
    return f"{days}{size}" + (", after 7 days only the newest of each key" if compacted else "")


def _place(settings: Settings) -> str:
    # Without credentials: the part before the host and the query.
    scheme, _, rest = settings.stream.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
