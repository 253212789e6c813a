"""The services that ``wirewatch up`` supervises, each also a command of its own for production."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from dataclasses import replace
from typing import Annotated

import typer
from msgspec.structs import replace as replace_settings

from connectors.budget import Budget
from connectors.canary import CanarySource
from connectors.feeds.connector import FeedConnector
from connectors.feeds.decide import FeedPolicy
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.http.robots import Robots
from connectors.runner import Broke, Event, Polled, RunnerOptions, Waiting, run
from connectors.store.polls import PollLog
from connectors.store.shared_pace import SharedPace
from connectors.store.state import FeedState
from core.errors import UsageError
from core.settings import load_settings
from core.store import Store, open_store
from core.store.canary import CanaryRepository, new_token
from core.streams.installation import raw_plan
from core.streams.open import create_planned
from pipeline.replay.runs import LIVE, QUIET, run_names
from wirewatch.commands.listen import listen
from wirewatch.monitoring.connectors import ConnectorProbes
from wirewatch.monitoring.metrics import PipelineProbes
from wirewatch.monitoring.poll_notes import note_poll
from wirewatch.terminal import console

SUPERVISED = "SUPERVISED_BY_WIREWATCH"
DAY_S = 86_400.0

connectors = typer.Typer(
    help="The connectors service: feeds to the raw stream.", no_args_is_help=True, rich_markup_mode=None
)
pipeline = typer.Typer(help="The pipeline service: raw stream to results.", no_args_is_help=True, rich_markup_mode=None)


@connectors.callback()
@pipeline.callback()
def _group() -> None:
    """Keep the sub-command's name even where there is only one."""


@connectors.command("run")
def run_connectors(
    context: typer.Context,
    proxy: Annotated[
        str, typer.Option(help="Proxy for all requests, as http://host:port (default: the setting).")
    ] = "",
    metrics_port: Annotated[
        int, typer.Option(help="Port of /metrics, /healthz and /readyz; 0: none (default: the setting).", min=-1)
    ] = -1,
) -> None:
    """Poll all feeds and append their articles to the raw stream, until stopped. Several may run on one store."""
    settings = load_settings(context.obj)
    if proxy:
        settings = replace_settings(settings, proxy=proxy)
    console.configure_service("connectors", settings)
    store = open_store(settings.store)
    owner = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
    state = FeedState(store.engine, owner=owner, lease_s=settings.feed_lease_s, linger_s=2 * settings.host_gap_s)
    http = Http.of_settings(settings)
    pace = SharedPace(store.engine)
    pace.forget(console.utc_now())
    pacing = HostPacing(settings.host_gap_s, pace)
    robots = Robots(http, pacing)
    policy = FeedPolicy(interval_s=settings.poll_interval_s, pages_per_poll=settings.pages_per_poll, ceiling_s=DAY_S)
    if settings.poll_interval_s < policy.change_gap_s:
        # Who polls every few seconds (the demo, a test feed) wants to see edits as quickly.
        policy = replace(policy, ceiling_s=None, change_gap_s=0.0, touch_gap_s=0.0, page_retries_s=(1.0, 2.0))
    budget = Budget(policy, lambda: state.facts().values(), settings.poll_average_s)
    stop = stop_on_signals()
    probes = ConnectorProbes(settings, store, console.utc_now)
    probes.serve(settings.metrics_port if metrics_port < 0 else metrics_port)
    probes.watch.start(stop)
    with create_planned(settings.stream, raw_plan(settings)) as stream:
        canary = CanarySource(
            CanaryRepository(store, settings.run),
            stream,
            interval_s=settings.canary_interval_s,
            clock=console.utc_now,
            token=new_token,
        )

        def tend() -> None:
            probes.tend()
            canary.tend()

        polls = PollLog(store)

        def tell(event: Event) -> None:
            probes.on_event(event)
            note_poll(polls, event, console.now_ms())
            _say(event)

        run(
            state,
            lambda name: FeedConnector(
                *state.address(name), http, pacing, policy=budget.policy(console.utc_now()), robots=robots
            ),
            stream,
            clock=console.utc_now,
            wait=stop.wait,
            stop=stop.is_set,
            on_event=tell,
            options=RunnerOptions(workers=settings.pollers),
            tend=tend,
        )
    http.close()
    state.release(console.utc_now())


connectors.command("listen")(listen)


@pipeline.command("run")
def run_pipeline(
    context: typer.Context,
    runner: Annotated[str, typer.Option(help="A Beam runner, such as PortableRunner (default: in slices, here).")] = "",
    beam_option: Annotated[list[str] | None, typer.Option(help="An option for the runner; may be repeated.")] = None,
    *,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End once all that is there is done (slices).")
    ] = False,
    deliver: Annotated[
        bool | None,
        typer.Option(
            "--deliver/--no-deliver",
            help="Send results to people and output streams, or only store them (default: send).",
        ),
    ] = None,
) -> None:
    """Run the pipeline until stopped: in slices, or as a stream on a runner such as Flink.

    A run of another name that begins beside a continuous one meets all that the raw stream still holds, so it must say if
    people are to be told of it: --no-deliver stores its results and tells nobody, neither people nor the output streams,
    until it is started with --deliver.
    """
    from pipeline.drivers.live import run_in_slices
    from pipeline.drivers.stream import run_as_stream

    settings = load_settings(context.obj)
    console.configure_service("pipeline", settings)
    probes = PipelineProbes(settings, console.now_ms)
    publish = _publishes(probes.metrics.store, settings.run, deliver)
    stop = stop_on_signals()
    probes.serve()
    if not until_empty:
        probes.watch.start(stop)
    if runner:
        options = [f"--runner={runner}", *(beam_option or [])]
        run_as_stream(settings, options, clock_ms=console.now_ms, wait=stop.wait, stop=stop.is_set, publish=publish)
        return
    count = run_in_slices(
        settings,
        clock_ms=console.now_ms,
        stop=stop.is_set,
        pause=stop.wait,
        until_empty=until_empty,
        timed=probes.timed,
        publish=publish,
    )
    console.note(f"{count} records handled")


def _publishes(store: Store, run: str, deliver: bool | None) -> bool:
    """Whether a pipeline's results go out. Raises UsageError where nobody said so and people may be told all over again."""
    if deliver is not None:
        return deliver
    known = run_names(store)
    hint = "--no-deliver only stores its results; --deliver sends them from now on"
    if known.get(run) == QUIET:
        raise UsageError(f"run {run!r} was begun with --no-deliver: say if people are told from now on", hint=hint)
    others = sorted(name for name, kind in known.items() if kind == LIVE)
    if others and run not in known:
        raise UsageError(
            f"run {run!r} would begin beside {others[0]!r}, and tell people again of all that the stream holds",
            hint=hint,
        )
    return True


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set: services end after what they have in hand."""
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    if os.environ.get(SUPERVISED):
        threading.Thread(target=_until_left_alone, args=(stop,), name="supervisor-watch", daemon=True).start()
    return stop


def _until_left_alone(stop: threading.Event) -> None:
    # The supervisor holds the other end: it closes when that process ends, however it ends.
    # os.read and not sys.stdin: a daemon thread inside the latter's lock breaks the interpreter's end.
    while os.read(0, 1024):
        pass
    stop.set()


def _say(event: Event) -> None:
    match event:
        case Polled(error=error) if error is not None:
            console.note(f"{error}", "yellow")
        case Broke() | Waiting():
            console.note(str(event), "red")
        case _:
            pass
