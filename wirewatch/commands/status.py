"""``wirewatch status`` and ``doctor``: whether articles come through, and whether this machine has what that needs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import sqlalchemy as sa
import typer
from rich.table import Table
from rich.text import Text

from connectors.store.feeds import FeedRepository
from core import version
from core.counted import counted
from core.durations import HOUR_MS
from core.errors import WirewatchError
from core.private import open_to_others
from core.records import from_ms
from core.settings import Settings, load_settings
from core.store import Store, SubscriptionStore, open_store
from core.store import tables as t
from core.store.canary import CanaryHealth, CanaryState
from core.store.counts import Activity, read_activity
from core.store.engine import store_file
from core.streams.embedded.file import Location
from core.streams.open import create_planned
from core.streams.plans import raw_plan
from desk.delivery.store.channels import canary_of
from desk.terminal import harmless
from desk.use_cases.channels import Channels
from pipeline.drivers.flink_rest import FlinkJobs
from wirewatch import console
from wirewatch.commands.options import JsonLines, JsonObject, reads_store
from wirewatch.monitoring.metrics import ASK_S, RunMetrics

app = typer.Typer()


class Lag(msgspec.Struct, frozen=True):
    """``records``: those without an outcome, by partition; ``oldest_s``: the age of the oldest. ``problem``: why the
    lag is unknown.
    """

    records: Mapping[int, int] = {}
    oldest_s: float = 0.0
    problem: str | None = None


class RunStatus(msgspec.Struct, frozen=True):
    """``outcomes``: numbers of the last hour's raw records by kind of outcome."""

    run: str
    canary: CanaryState
    lag: Lag
    outcomes: Mapping[str, int]
    sources: tuple[Activity, ...]


class Diagnosis(NamedTuple):
    """One check. ``state``: ``ok``, ``missing`` (something optional does not work) or ``failed`` (the main job does not)."""

    what: str
    state: str
    facts: str
    advice: str = ""


@app.command("status")
@reads_store
def status(
    context: typer.Context,
    sources: Annotated[int, typer.Option(help="Number of sources to list, longest silent first; 0: all.", min=0)] = 10,
    *,
    as_json: JsonObject = False,
) -> None:
    """Show whether articles come through: canary, lag, sources. Exit 1 if no canary comes through or the lag is unknown."""
    settings = load_settings(context.obj)
    found = look(settings, open_store(settings.store), console.now_ms())
    if as_json:
        active = [console.with_times(one, last_ms="last_at") for one in found.sources]
        console.put(msgspec.to_builtins(found) | {"sources": active})
    else:
        for part in _lines(found, console.utc_now()):
            console.out.print(part)
        if found.sources:
            console.out.print(_table(found.sources, sources, console.utc_now()))
    if found.canary.health is CanaryHealth.SILENT or found.lag.problem is not None:
        raise typer.Exit(1)


@app.command("doctor")
def doctor(
    context: typer.Context,
    *,
    as_json: JsonLines = False,
) -> None:
    """Check runner, broker, store, Java and disk. Exit 1 if the main job can't run."""
    settings = load_settings(context.obj)
    failed = False
    for finding in _findings(settings):
        failed = failed or finding.state == "failed"
        if as_json:
            console.put(finding._asdict())
            continue
        mark, style = {"ok": ("✓", "green"), "missing": ("–", "yellow"), "failed": ("✗", "red")}[finding.state]
        console.out.print(Text.assemble((f"{mark} ", style), (f"{finding.what:<14}", "bold"), finding.facts))
        if finding.advice:
            console.out.print(Text(f"  {'':<14}→ {finding.advice}", style="dim"))
    if failed:
        raise typer.Exit(1)


def look(settings: Settings, store: Store, now_ms: int) -> RunStatus:
    """The status, read from store and stream. Raises StoreError; an unreachable stream becomes the lag's ``problem``."""
    with store.reading() as connection:
        outcomes = recent_outcomes(connection, settings.run, now_ms - HOUR_MS)
        sources = tuple(read_activity(connection, settings.run))
    canary = canary_of(settings, store, now_ms)
    metrics = RunMetrics(settings, lambda: now_ms)
    try:
        behind, oldest_ms = metrics.lag()
        lag = Lag(behind, max(0, oldest_ms) / 1000)
    except WirewatchError as error:
        lag = Lag(problem=error.message)
    finally:
        metrics.close()
    return RunStatus(settings.run, canary, lag, outcomes, sources)


def recent_outcomes(connection: sa.Connection, run: str, since_ms: int) -> dict[str, int]:
    """Outcomes by kind, of raw records with event times from ``since_ms`` on. The index on places gives exactly these."""
    c = t.outcomes.c
    query = sa.select(c.kind, sa.func.count()).where(c.run == run, c.place >= f"{max(0, since_ms):015d}")
    return {kind: int(count) for kind, count in connection.execute(query.group_by(c.kind).order_by(c.kind))}


def _lines(found: RunStatus, now: datetime) -> Iterator[Text]:
    canary = found.canary
    style = {"ok": "green", "silent": "bold red"}.get(canary.health, "yellow")
    age = f", {_since(canary.age_s)} ago" if canary.last_out is not None and canary.age_s is not None else ""
    yield Text.assemble(("canary    ", "bold"), (canary.health, style), f"  {canary.summary}{age}")
    waiting = sum(found.lag.records.values())
    words = f"{counted(waiting, 'record')}, the oldest {_since(found.lag.oldest_s)} old" if waiting else "none"
    yield Text.assemble(("lag       ", "bold"), found.lag.problem or words)
    counts = ", ".join(f"{count} {kind}" for kind, count in found.outcomes.items())
    yield Text.assemble(("last hour ", "bold"), counts or "no raw records")
    if not found.sources:
        yield Text.assemble(("sources   ", "bold"), f"no articles in run {found.run!r} yet, as of {now:%H:%M} UTC")


def _table(activity: Sequence[Activity], most: int, now: datetime) -> Table:
    table = console.table("source", "last article", "articles")
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


def _findings(settings: Settings) -> Iterator[Diagnosis]:
    yield _python()
    yield _guarded("runner", lambda: _runner(settings), "")
    yield _guarded(
        "stream", lambda: _stream(settings), "check stream_url, or start the broker: deploy/local/kafka.sh DIR"
    )
    yield _guarded("store", lambda: _store(settings), "check store_url, and that its folder is writable")
    yield _guarded("feeds", lambda: _feeds(settings), "")
    yield _guarded("channels", lambda: _channels(settings), "")
    yield _guarded("canary", lambda: _canary(settings), "")
    if not settings.flink_rest_url:
        # Otherwise Flink and its job server run elsewhere, and these are not needed here.
        yield _java()
        yield _maven()
    yield _disk(settings)
    yield _guarded("private", lambda: _private(settings), "")


def _guarded(what: str, look: Callable[[], Diagnosis], advice: str) -> Diagnosis:
    try:
        return look()
    except WirewatchError as error:
        return Diagnosis(what, "failed", error.message, error.hint or advice)


def _python() -> Diagnosis:
    return Diagnosis("python", "ok", f"{platform.python_version()}, wirewatch {version()}")


def _runner(settings: Settings) -> Diagnosis:
    beam = f"apache-beam {metadata.version('apache-beam')}"
    if not settings.flink_rest_url:
        return Diagnosis("runner", "ok", f"slices on FnApiRunner, {beam}")
    jobs = [job for job in FlinkJobs(settings.flink_rest_url, answer_s=ASK_S).listing() if not job.over]
    where = f"Flink at {settings.flink_rest_url}, {beam}"
    if not jobs:
        return Diagnosis(
            "runner", "missing", f"{where}: no job", "start the pipeline service; its log says what it waits for"
        )
    return Diagnosis("runner", "ok", f"{where}: {', '.join(f'{job.name} {job.state.lower()}' for job in jobs)}")


def _stream(settings: Settings) -> Diagnosis:
    with create_planned(settings.stream, raw_plan(settings), role="status") as stream:
        ends = stream.end_offsets(stream.partitions())
        starts = stream.start_offsets(stream.partitions())
        stored = sum(ends.values()) - sum(starts.values())
        held = f"{counted(len(ends), 'partition')}, {counted(stored, 'record')}"
        return Diagnosis("stream", "ok", f"{stream.url}, {stream.name}: {held}")


def _store(settings: Settings) -> Diagnosis:
    store = open_store(settings.store)
    stored = SubscriptionStore(store).read(now_ms=console.now_ms())
    subscriptions = {one.id for one in stored.subscriptions}
    topics = {one.name for one in stored.topics}
    advice = "" if subscriptions else "no subscriptions, so no alerts: wirewatch subscriptions add QUERY --id ID"
    held = f"{counted(len(subscriptions), 'subscription')}, {counted(len(topics), 'topic')}"
    return Diagnosis("store", "ok", f"{store.url}: {held}", advice)


def _feeds(settings: Settings) -> Diagnosis:
    feeds = [feed for feed in FeedRepository(open_store(settings.store)).listing() if feed.active]
    if not feeds:
        return Diagnosis("feeds", "missing", "none", "wirewatch feed add URL")
    failing = [feed.url for feed in feeds if feed.problem]
    return Diagnosis(
        "feeds", "ok", f"{len(feeds)} watched, {len(failing)} with problems", "wirewatch feed list" if failing else ""
    )


def _channels(settings: Settings) -> Diagnosis:
    channels = Channels(open_store(settings.store), settings, console.now_ms, time.monotonic)
    number = len(channels.all())
    unusable = channels.unusable()
    if not unusable:
        return Diagnosis("channels", "ok", counted(number, "channel"))
    facts = "; ".join(f"{name}: {why}" for name, why in unusable.items())
    return Diagnosis("channels", "missing", facts, "they send nothing: wirewatch channels remove NAME, or add it again")


def _canary(settings: Settings) -> Diagnosis:
    state = canary_of(settings, open_store(settings.store), console.now_ms())
    if state.health is not CanaryHealth.SILENT:
        return Diagnosis("canary", "ok", state.summary)
    # Not "failed": nothing may be meant to run on this machine.
    advice = "start wirewatch up or the services; wirewatch status says more"
    return Diagnosis("canary", "missing", state.summary, advice)


def _java() -> Diagnosis:
    advice = "only needed for Flink and a local Kafka: install a JDK, 17 or newer"
    path = shutil.which("java")
    if path is None:
        return Diagnosis("java", "missing", "not found", advice)
    done = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    version = (done.stderr or done.stdout).partition("\n")[0]
    return Diagnosis("java", "ok", version) if done.returncode == 0 else Diagnosis("java", "missing", version, advice)


def _maven() -> Diagnosis:
    if shutil.which("mvn") is None:
        return Diagnosis("maven", "missing", "not found", "only needed to fetch a local Kafka and Flink: install Maven")
    return Diagnosis("maven", "ok", "found")


def _disk(settings: Settings) -> Diagnosis:
    folder = Path(settings.data_dir).absolute()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    if not usage.total or not os.access(folder, os.W_OK):
        advice = "set data_dir to a folder that this user can write to"
        return Diagnosis("disk", "failed", f"{folder} is not writable (data_dir {settings.data_dir})", advice)
    free = usage.free >> 30
    if free < 1:
        return Diagnosis("disk", "failed", f"less than 1 GiB free for {settings.data_dir}", "free some space")
    return Diagnosis("disk", "ok", f"{free} GiB free for {settings.data_dir}")


def _private(settings: Settings) -> Diagnosis:
    """Whether other users of this machine can read channels' secrets and password hashes."""
    files = [Path(settings.data_dir), store_file(settings.store)]
    if settings.stream.startswith("sqlite:"):
        files.append(Location.parse(settings.stream).path)
    found = [str(path) for path in files if path is not None and open_to_others(path)]
    if found:
        advice = f"chmod 700 {settings.data_dir}, chmod 600 its files: the store holds secrets of channels"
        return Diagnosis("private", "missing", f"other users can read {', '.join(found)}", advice)
    return Diagnosis("private", "ok", f"only you can read {settings.data_dir}")
