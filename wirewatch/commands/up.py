"""``wirewatch up``: runs all services on one machine, supervised, and shows what comes through on the terminal."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from connectors.store.feeds import FeedRepository
from core.counted import counted
from core.errors import UsageError
from core.net.serving import listening_socket
from core.settings import NAMES, PREFIX, Settings, load_settings
from core.store import Store, StoreReader, SubscriptionStore, open_store
from desk.terminal import TerminalView
from wirewatch import console
from wirewatch.commands.desk import address, free_port
from wirewatch.commands.subscriptions import read_subscriptions
from wirewatch.folder_lock import only_one
from wirewatch.supervisor import Supervisor, stop_on_signals

app = typer.Typer()
POLL_S = 0.3
# After the demo's last item: a poll (2 s), its pages, a slice.
QUIET_S = 8.0
PORT_PATIENCE_S = 5.0


@app.command("up")
def up(
    context: typer.Context,
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve sample outlets and watch them, in a temporary folder.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="With --demo: exit once all of it is processed.")] = False,
    speed: Annotated[float, typer.Option(help="With --demo: speed-up factor.", min=0.1, max=60)] = 1.0,
    archive: Annotated[
        bool,
        typer.Option(
            "--archive", help="Also archive each completed day as WARC files, for replays beyond the retention."
        ),
    ] = False,
    desk_port: Annotated[
        int | None,
        typer.Option(help="Port of the desk; 0: any free one (default: setting desk_port).", min=0, max=65_535),
    ] = None,
) -> None:
    """Run all services on this machine; articles and alerts appear on the terminal. Ctrl-C ends it.

    Only one can run per data folder.
    """
    settings = load_settings(context.obj)
    if desk_port is not None:
        settings = replace(settings, desk_port=desk_port)
    if once and not demo:
        raise UsageError("--once needs --demo")
    if archive and demo:
        raise UsageError("--archive and --demo can't be combined", hint="the demo's folder is deleted at its end")
    stop = stop_on_signals()
    if demo:
        with _demo_settings(settings, speed) as (changed, demo_over):
            _supervise(changed, stop, demo_over=demo_over, once=once)
    else:
        with only_one(Path(settings.data_dir)):
            _supervise(settings, stop, archive=archive)


def _supervise(
    settings: Settings,
    stop: threading.Event,
    *,
    demo_over: Callable[[], bool] | None = None,
    once: bool = False,
    archive: bool = False,
) -> None:
    settings = _with_free_ports(settings, stop)
    store = open_store(settings.store)
    feeds = [feed for feed in FeedRepository(store).listing() if feed.active]
    queries = SubscriptionStore(store).read(now_ms=console.now_ms())
    names = {one.id: one.name or one.id for one in queries.subscriptions if one.active}
    console.note(
        f"watching {counted(len(feeds), 'feed')}, {counted(len(names), 'subscription')}; Ctrl-C ends it", "bold"
    )
    if not feeds:
        console.note("no feeds yet: wirewatch feed add URL (it takes effect while this runs)", "yellow")
    reader = StoreReader(store, settings.run)
    view = TerminalView(reader, console.out, names=names, zone=datetime.now().astimezone().tzinfo or UTC)
    supervisor = Supervisor(
        _environment(settings), monotonic=time.monotonic, say=lambda text: console.note(text, "red")
    )
    ports = _metrics_ports(settings)
    supervisor.add("connectors", "connectors", "run", "--metrics-port", str(ports["connectors"]))
    supervisor.add("pipeline", "pipeline", "run")
    supervisor.add("delivery", "deliver", "--metrics-port", str(ports["delivery"]))
    if archive:
        supervisor.add("archive", "archive", "--follow")
    demo = demo_over is not None
    supervisor.add("desk", "desk", *(["--demo"] if demo else []))
    console.note(f"the desk: {address(settings)}{' (no sign-in: it is the demo)' if demo else ''}", "bold")
    finished = False
    last_new_s: float | None = None
    try:
        while not stop.wait(POLL_S):
            supervisor.restart_ended()
            now_s = time.monotonic()
            if view.show_new():
                last_new_s = now_s
            if last_new_s is None or demo_over is None or finished:
                continue  # nothing has come through yet: on a slow machine, services take seconds to start
            if demo_over() and now_s - last_new_s > QUIET_S:
                finished = True
                _summary(reader)
                if once:
                    break
                console.note(
                    "the sample outlets have published everything; all services keep running, Ctrl-C ends them", "bold"
                )
    finally:
        supervisor.stop()
        view.show_new()
        store.close()


def _metrics_ports(settings: Settings) -> dict[str, int]:
    """Each service needs a port of its own; 0: none."""
    first = settings.metrics_port
    return {name: first + number if first else 0 for number, name in enumerate(("pipeline", "connectors", "delivery"))}


def _with_free_ports(settings: Settings, stop: threading.Event) -> Settings:
    """The settings with the desk's port chosen, once all ports that the services want are free.

    Raises UsageError for one that stays taken: an address that is printed must be ours. The services of an ``up`` that
    was killed end within seconds, so this waits that long for a port.
    """
    settings = replace(settings, desk_port=settings.desk_port or free_port(0))
    wanted = [("the desk", settings.desk_host, settings.desk_port, "choose another with --desk-port, or desk_port")]
    wanted += [
        (f"the metrics of {name}", settings.metrics_host, port, "choose another metrics_port")
        for name, port in _metrics_ports(settings).items()
        if port
    ]
    until_s = time.monotonic() + PORT_PATIENCE_S
    for what, host, port, hint in wanted:
        while True:
            try:
                listening_socket(host, port).close()
                break
            except (OSError, OverflowError) as error:
                taken = getattr(error, "errno", None) == errno.EADDRINUSE
                if not taken or time.monotonic() > until_s or stop.wait(POLL_S):
                    why = getattr(error, "strerror", None) or str(error)
                    raise UsageError(f"{what} can't listen on {host}:{port}: {why.lower()}", hint=hint) from error
    return settings


def _summary(reader: StoreReader) -> None:
    counts = reader.count_outcomes()
    ends = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    alerts = sum(1 for _ in reader.alerts())
    console.note(f"{counted(sum(counts.values()), 'raw article')}: {ends}; {counted(alerts, 'alert')}", "bold green")


@contextmanager
def _demo_settings(settings: Settings, speed: float) -> Iterator[tuple[Settings, Callable[[], bool]]]:
    """Settings for the demo, and whether the outlets have published everything."""
    from wirewatch.demo import DemoOutlets, feed_urls, load_samples, serve

    samples = load_samples()
    outlets = DemoOutlets(samples, console.utc_now(), speed=speed)
    with (
        demo_folder(settings) as folder,
        only_one(folder),
        serve(outlets, time.monotonic, waits=True) as server,
    ):
        address = server.base_url.partition("://")[2]
        changed = replace(
            settings,
            data_dir=str(folder),
            stream_url="",
            store_url="",
            search_dir="",
            archive_dir="",
            poll_interval_s=max(0.5, 2.0 / speed),
            host_gap_s=0.0,
            desk_host="127.0.0.1",
            desk_port=free_port(settings.desk_port),
            desk_public_url="",
            desk_proxy_header="",
            allow_private=(address,),
            pages_per_poll=50,
            canary_interval_s=0.0,
        )
        store = open_store(changed.store)
        _prepare(store, samples.subscriptions_path, feed_urls(server.base_url, samples))
        store.close()
        server.start()
        console.note(f"sample outlets at {server.base_url}, publishing for {outlets.finished_after_s():.0f} s", "bold")
        yield changed, lambda: server.elapsed_s() > outlets.finished_after_s()


@contextmanager
def demo_folder(settings: Settings) -> Iterator[Path]:
    """The demo's data folder: data_dir if it was set, else a temporary one.

    A folder that already holds a store is not used, since the demo's desk has no sign-in and its articles are invented.
    """
    chosen = Path(settings.data_dir)
    if f"{PREFIX}DATA_DIR" in os.environ or settings.data_dir != Settings().data_dir:
        if not (chosen / "store.db").exists():
            _show_folder(chosen.absolute(), "kept")
            yield chosen
            return
        console.note(f"{chosen.absolute()} already holds a store, which the demo does not use", "yellow")
    with tempfile.TemporaryDirectory(prefix="wirewatch-demo-") as folder:
        _show_folder(Path(folder), "deleted at the end")
        yield Path(folder)


def _show_folder(folder: Path, end: str) -> None:
    # As this command was started: "make run" leaves wirewatch outside of PATH.
    started = (
        sys.argv[0] if Path(sys.argv[0]).name == "wirewatch" and shutil.which("wirewatch") is None else "wirewatch"
    )
    ask = f"WIREWATCH_DATA_DIR={shlex.quote(str(folder))} {shlex.quote(started)} search syria"
    console.note(f"its data is in {folder} ({end}); query it from a second terminal: {ask}", "bold")


def _prepare(store: Store, subscriptions: Path, feeds: list[tuple[str, str]]) -> None:
    now_ms = console.now_ms()
    SubscriptionStore(store).save_subscriptions(
        read_subscriptions(subscriptions), now_ms=now_ms, from_the_beginning=True
    )
    state = FeedRepository(store)
    for source, url in feeds:
        state.add(url, source, console.utc_now())


def _environment(settings: Settings) -> dict[str, str]:
    """All settings as environment variables, so that services use those in force here, whatever file they find."""
    values = {name: getattr(settings, name) for name in NAMES}
    values["allow_private"] = ",".join(settings.allow_private)
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}
