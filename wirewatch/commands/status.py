"""``wirewatch status``: whether anything comes through, how far behind it is, what came lately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import sqlalchemy as sa
import typer
from rich.table import Table
from rich.text import Text

from core.errors import WirewatchError
from core.records import from_ms
from core.settings import Settings, load_settings
from core.store import Store, open_store
from core.store import tables as t
from core.store.canary import CanaryHealth, CanaryState, canary_state
from core.store.counts import Activity, read_activity
from desk.delivery.store.channels import any_active
from desk.terminal import harmless
from wirewatch.monitoring.metrics import RunMetrics
from wirewatch.terminal import console, json_lines

HOUR_MS = 3_600_000


class Lag(msgspec.Struct, frozen=True):
    """``records`` without an outcome by partition; ``oldest_s``: the age of the oldest. ``problem``: why none is known."""

    records: Mapping[int, int] = {}
    oldest_s: float = 0.0
    problem: str | None = None


class Status(msgspec.Struct, frozen=True):
    """The whole of it. With ``--json`` times are ISO instead of ms. ``outcomes``: of raw records of the last hour, by kind."""

    run: str
    canary: CanaryState
    lag: Lag
    outcomes: Mapping[str, int]
    sources: tuple[Activity, ...]


def status(
    context: typer.Context,
    sources: Annotated[int, typer.Option(help="So many sources, those silent for longest first; 0: all.", min=0)] = 10,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with all sources.")] = False,
) -> None:
    """Say whether a quiet desk is quiet or broken; exit 1 where no canary comes through, or the lag can't be known."""
    settings = load_settings(context.obj)
    found = look(settings, open_store(settings.store), console.now_ms())
    if json_lines.wanted(as_json=as_json):
        active = [json_lines.timed(one, last_ms="last_at") for one in found.sources]
        json_lines.put(msgspec.to_builtins(found) | {"sources": active})
    else:
        for part in _lines(found, console.utc_now()):
            console.out.print(part)
        if found.sources:
            console.out.print(_table(found.sources, sources, console.utc_now()))
    if found.canary.health is CanaryHealth.SILENT or found.lag.problem is not None:
        raise typer.Exit(1)


def look(settings: Settings, store: Store, now_ms: int) -> Status:
    """All of it from store and stream. Raises StoreError; a stream that is away is the lag's problem."""
    with store.reading() as connection:
        outcomes = recent_outcomes(connection, settings.run, now_ms - HOUR_MS)
        sources = tuple(read_activity(connection, settings.run))
    canary = canary_state(
        store, settings.run, now_ms=now_ms, interval_s=settings.canary_interval_s, channels=any_active(store)
    )
    metrics = RunMetrics(settings, lambda: now_ms)
    try:
        behind, oldest_ms = metrics.lag()
        lag = Lag(behind, max(0, oldest_ms) / 1000)
    except WirewatchError as error:
        lag = Lag(problem=error.message)
    finally:
        metrics.close()
    return Status(settings.run, canary, lag, outcomes, sources)


def recent_outcomes(connection: sa.Connection, run: str, since_ms: int) -> dict[str, int]:
    """How many raw records of event times from ``since_ms`` on ended how. It reads those alone, by the index on places."""
    c = t.outcomes.c
    query = sa.select(c.kind, sa.func.count()).where(c.run == run, c.place >= f"{max(0, since_ms):015d}")
    return {kind: int(count) for kind, count in connection.execute(query.group_by(c.kind).order_by(c.kind))}


def _lines(found: Status, now: datetime) -> Iterator[Text]:
    canary = found.canary
    style = {"ok": "green", "silent": "bold red"}.get(canary.health, "yellow")
    age = f", {_since(canary.age_s)} ago" if canary.last_out is not None and canary.age_s is not None else ""
    yield Text.assemble(("canary    ", "bold"), (canary.health, style), f"  {canary.summary}{age}")
    waiting = sum(found.lag.records.values())
    words = f"{waiting} records, the oldest {_since(found.lag.oldest_s)} old" if waiting else "nothing waits"
    yield Text.assemble(("lag       ", "bold"), found.lag.problem or words)
    counts = ", ".join(f"{count} {kind}" for kind, count in found.outcomes.items())
    yield Text.assemble(("last hour ", "bold"), counts or "no raw records")
    if not found.sources:
        yield Text.assemble(
            ("sources   ", "bold"), f"none gave an article to run {found.run!r} yet, as of {now:%H:%M} UTC"
        )


def _table(activity: Sequence[Activity], most: int, now: datetime) -> Table:
    table = Table("source", "last article", "articles", box=None, header_style="bold")
    quiet_first = sorted(activity, key=lambda one: one.last_ms)
    for one in quiet_first[: most or None]:
        last = from_ms(one.last_ms)
        ago = _since((now - last).total_seconds())
        table.add_row(harmless(one.source), f"{last:%Y-%m-%d %H:%M} UTC, {ago} ago", f"{one.articles:,}")
    return table


def _since(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, seconds):.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
