"""``wirewatch doctor``: what is here, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.text import Text

from connectors.store.state import FeedState
from core.errors import WirewatchError
from core.settings import Settings, load_settings
from core.store import SubscriptionStore, open_store
from core.store.canary import CanaryHealth, canary_state
from core.streams.installation import raw_plan
from core.streams.open import create_planned
from desk.delivery.store.channels import any_active
from wirewatch.terminal import console, json_lines


class Finding(NamedTuple):
    """One thing looked at. ``state`` is ``ok``, ``missing`` (something can't be done) or ``failed`` (the main job can't)."""

    what: str
    state: str
    facts: str
    advice: str = ""


def doctor(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines (default where stdout is no terminal).")] = False,
) -> None:
    """Say which runner, broker, Java and store there are; exit 1 where the main job can't run."""
    settings = load_settings(context.obj)
    failed = False
    for finding in _findings(settings):
        failed = failed or finding.state == "failed"
        if json_lines.wanted(as_json=as_json):
            json_lines.put(finding._asdict())
            continue
        mark, style = {"ok": ("✓", "green"), "missing": ("–", "yellow"), "failed": ("✗", "red")}[finding.state]
        console.out.print(Text.assemble((f"{mark} ", style), (f"{finding.what:<14}", "bold"), finding.facts))
        if finding.advice:
            console.out.print(Text(f"  {'':<14}→ {finding.advice}", style="dim"))
    if failed:
        raise typer.Exit(1)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield _python()
    yield Finding("runner", "ok", f"slices on FnApiRunner, apache-beam {importlib.metadata.version('apache-beam')}")
    yield _guarded(
        "stream", lambda: _stream(settings), "check stream_url, or start the broker: deploy/local/kafka.sh DIR"
    )
    yield _guarded("store", lambda: _store(settings), "check store_url, and that its folder can be written")
    yield _guarded("feeds", lambda: _feeds(settings), "")
    yield _guarded("canary", lambda: _canary(settings), "")
    yield _java()
    yield _maven()
    yield _disk(settings)


def _guarded(what: str, look: Callable[[], Finding], advice: str) -> Finding:
    try:
        return look()
    except WirewatchError as error:
        return Finding(what, "failed", error.message, error.hint or advice)


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()}, wirewatch {importlib.metadata.version('wirewatch')}")


def _stream(settings: Settings) -> Finding:
    with create_planned(settings.stream, raw_plan(settings)) as stream:
        ends = stream.end_offsets(stream.partitions())
        starts = stream.start_offsets(stream.partitions())
        stored = sum(ends.values()) - sum(starts.values())
        return Finding("stream", "ok", f"{stream.url}, {stream.name}: {len(ends)} partitions, {stored} records")


def _store(settings: Settings) -> Finding:
    store = open_store(settings.store)
    queries = SubscriptionStore(store).read(now_ms=console.now_ms())
    subscriptions = {one.id for one in queries.subscriptions}
    topics = {one.name for one in queries.topics}
    advice = "" if subscriptions else "no subscriptions, so no alerts: wirewatch subscriptions add QUERY --id ID"
    return Finding("store", "ok", f"{store.url}: {len(subscriptions)} subscriptions, {len(topics)} topics used", advice)


def _feeds(settings: Settings) -> Finding:
    feeds = [feed for feed in FeedState(open_store(settings.store).engine).listing() if feed.active]
    if not feeds:
        return Finding("feeds", "missing", "none", "wirewatch feed add URL")
    ill = [feed.url for feed in feeds if feed.problem]
    return Finding(
        "feeds", "ok", f"{len(feeds)} watched, {len(ill)} with problems", "wirewatch feed list" if ill else ""
    )


def _canary(settings: Settings) -> Finding:
    store = open_store(settings.store)
    state = canary_state(
        store, settings.run, now_ms=console.now_ms(), interval_s=settings.canary_interval_s, channels=any_active(store)
    )
    if state.health is not CanaryHealth.SILENT:
        return Finding("canary", "ok", state.summary)
    # Not "failed": on a machine where nothing runs, everything may be in order.
    advice = "is it running? wirewatch up, or the services; wirewatch status says more"
    return Finding("canary", "missing", state.summary, advice)


def _java() -> Finding:
    advice = "only needed for Flink and a local Kafka: install a JDK, 17 or newer"
    path = shutil.which("java")
    if path is None:
        return Finding("java", "missing", "not found", advice)
    told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    version = (told.stderr or told.stdout).partition("\n")[0]
    return Finding("java", "ok", version) if told.returncode == 0 else Finding("java", "missing", version, advice)


def _maven() -> Finding:
    if shutil.which("mvn") is None:
        return Finding("maven", "missing", "not found", "only needed to fetch a local Kafka and Flink: install Maven")
    return Finding("maven", "ok", "found")


def _disk(settings: Settings) -> Finding:
    folder = Path(settings.data_dir).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free >> 30
    if free < 1:
        return Finding("disk", "failed", f"less than 1 GiB free for {settings.data_dir}", "free some space")
    return Finding("disk", "ok", f"{free} GiB free for {settings.data_dir}")
