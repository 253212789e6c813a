"""``wirewatch connectors`` and ``pipeline``: the services that ``up`` supervises, as separate commands for production."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated

import structlog
import typer

from connectors.base import Tools
from connectors.canary import CanarySource
from connectors.http.client import Http
from connectors.http.pacing import HostPacing
from connectors.http.robots import Robots
from connectors.push import articles, websub
from connectors.push.server import NOT_FOUND, PushServer, Request, Response
from connectors.push.websub import HubRepository
from connectors.retries import RetriedRecords
from connectors.runner import Event, RunnerOptions, run, to_records
from connectors.store.asked_pages import AskedPages
from connectors.store.feeds import FeedRepository
from connectors.store.polls import PollRepository
from connectors.store.shared_pace import SharedPace
from core.away import Away
from core.counted import counted
from core.errors import StoreError, UsageError
from core.processes import process_name
from core.records import RawArticle
from core.settings import Settings, load_settings
from core.store import Store
from core.store.canary import CanaryRepository, new_token
from core.store.leases import Heartbeat
from core.streams import open_stream
from core.streams.open import create_planned
from core.streams.plans import raw_plan
from core.streams.traced import traced
from core.tracing import spans_of
from pipeline.replay.runs import LIVE, QUIET, run_names
from pipeline.text.dates import parse_date
from pipeline.text.written_days import DateContext
from wirewatch import console
from wirewatch.commands.options import MetricsPort
from wirewatch.monitoring.connectors import ConnectorProbes, log_event, log_poll
from wirewatch.monitoring.metrics import PipelineProbes
from wirewatch.monitoring.probes import Probes
from wirewatch.starting import await_pipeline, store_of, stream_of
from wirewatch.supervisor import stop_on_signals

log = structlog.get_logger()
HUB_POLL_S = 30.0

app = typer.Typer()
connectors = typer.Typer(
    name="connectors", help="Run the connectors: feeds to the raw stream.", no_args_is_help=True, rich_markup_mode=None
)
pipeline = typer.Typer(
    name="pipeline", help="Run the pipeline: raw stream to results.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(connectors)
app.add_typer(pipeline)


@pipeline.callback()
def _group() -> None:
    """Make a group, so that the only sub-command keeps its name."""


@connectors.command("run")
def run_connectors(
    context: typer.Context,
    proxy: Annotated[
        str, typer.Option(help="Proxy for all requests, as http://host:port (default: setting proxy).")
    ] = "",
    metrics_port: MetricsPort = -1,
) -> None:
    """Poll all feeds and append their articles to the raw stream, until stopped. Several can share one store."""
    settings = load_settings(context.obj)
    if proxy:
        settings = replace(settings, proxy=proxy)
    console.configure_service("connectors", settings)
    stop = stop_on_signals()
    serving = Probes("connectors", settings.metrics_host, settings.metrics_port if metrics_port < 0 else metrics_port)
    store = store_of(settings, stop, serving.waits)
    state = FeedRepository(
        store, owner=process_name(), lease_ms=int(settings.lease_s * 1000), linger_s=2 * settings.host_gap_s
    )
    http = Http.of_settings(settings)
    pace = SharedPace(store)
    pace.forget(console.utc_now())
    pacing = HostPacing(settings.host_gap_s, pace)
    for problem in state.kinds.problems.values():
        log.error("a connector can't be used", problem=problem)
    tools = Tools(
        settings=settings,
        http=http,
        pacing=pacing,
        robots=Robots(http, pacing),
        clock=console.utc_now,
        cursors=state.cursors,
        read_date=_moment,
    )
    probes = ConnectorProbes(settings, store, console.utc_now)
    probes.serve(serving)
    probes.watch.start(stop)
    with (
        spans_of(settings, "connectors") as spans,
        stream_of(settings, raw_plan(settings), stop, serving.waits, role="connectors") as stream,
        Heartbeat([state.leases], console.now_ms),
    ):
        canary = CanarySource(
            CanaryRepository(store, settings.run),
            stream,
            interval_s=settings.canary_interval_s,
            clock=console.utc_now,
            token=new_token,
        )

        asked = AskedPages(store, settings.run, console.utc_now)
        retried = RetriedRecords(
            store,
            settings.run,
            lambda: open_stream(settings.stream, settings.raw_stream, role="retries"),
            console.utc_now,
        )

        def tend() -> None:
            probes.tend()
            canary.tend()
            asked.tend()
            retried.tend()

        polls = PollRepository(store)
        away = Away("the raw stream or the store")

        def on_event(event: Event) -> None:
            probes.on_event(event)
            log_poll(polls, event, console.now_ms())
            log_event(event, away, state.address)

        run(
            state,
            state.kinds.opener(state.source, tools),
            traced(stream, spans, console.now_ms),
            clock=console.utc_now,
            wait=stop.wait,
            stop=stop.is_set,
            on_event=on_event,
            options=RunnerOptions(workers=settings.pollers),
            tend=tend,
        )
    http.close()
    state.release(console.utc_now())


@connectors.command("listen")
def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.", min=0, max=65_535)] = 8410,
    public_url: Annotated[str, typer.Option(help="URL at which hubs reach this server; empty: no hubs are used.")] = "",
    token: Annotated[
        str, typer.Option(envvar="PUSH_TOKEN", help="Token that clients must send to push articles.")
    ] = "",
    metrics_port: MetricsPort = -1,
) -> None:
    """Accept pushes until stopped: WebSub notifications (the feed is polled at once) and articles (POST /articles)."""
    if public_url and not public_url.startswith(("https://", "http://")):
        raise UsageError(f"{public_url}: not an address", hint="give one that begins with https://")
    if token and len(token) < 16:
        raise UsageError("the token is too short", hint="use 16 characters or more")
    settings = load_settings(context.obj)
    console.configure_service("listen", settings)
    stop = stop_on_signals()
    serving = Probes("listen", settings.metrics_host, settings.metrics_port if metrics_port < 0 else metrics_port)
    store = store_of(settings, stop, serving.waits)
    probes = ConnectorProbes(settings, store, console.utc_now, "listen")
    probes.serve(serving)
    hubs, away = HubRepository(store), Away("the store")
    with Http.of_settings(settings) as http:
        public = public_url.rstrip("/")
        subscriber = websub.WebSub(hubs, FeedRepository(store), http, public, clock=console.utc_now)
        hook = articles.ArticlePush(token, _appending(settings, probes), clock=console.utc_now) if token else None

        def handle(request: Request) -> Response:
            if request.path.startswith(websub.PREFIX):
                return subscriber.handle(request)
            if request.path == articles.PATH and hook:
                return hook.handle(request)
            return NOT_FOUND

        def proves(request: Request) -> bool | None:
            if request.path.startswith(websub.PREFIX):
                return subscriber.proves(request)
            return hook.proves(request) if request.path == articles.PATH and hook else False

        try:
            server = PushServer(
                host, port, handle, proves=proves, on_error=lambda words: log.error("a push failed", problem=words)
            )
        except OSError as error:
            raise UsageError(f"{host}:{port}: {error.strerror}") from error
        with server:
            console.note(f"listening on http://{host}:{server.port}", "bold")
            while True:
                probes.tend()
                if public_url:
                    _ask_hubs(subscriber, away)
                if stop.wait(HUB_POLL_S):
                    break
    store.close()


@pipeline.command("run")
def run_pipeline(
    context: typer.Context,
    runner: Annotated[
        str, typer.Option(help="A Beam runner: PortableRunner or FlinkRunner (default: slices in this process).")
    ] = "",
    beam_option: Annotated[list[str] | None, typer.Option(help="An option for the runner; repeatable.")] = None,
    *,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="Exit once the raw stream is processed (slices only).")
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

    A new run beside a continuous one processes everything that the raw stream still holds. So you must choose whether
    its results are sent: with --no-deliver they are only stored, until you start the run with --deliver.
    """
    settings = load_settings(context.obj)
    console.configure_service("pipeline", settings)
    stop = stop_on_signals()
    serving = Probes("pipeline", settings.metrics_host, settings.metrics_port)
    # Imported here: they load Beam, which takes seconds.
    from pipeline.drivers.live import run_in_slices
    from pipeline.drivers.stream import job_name, run_as_stream

    if not until_empty:
        endpoint = _job_endpoint(beam_option or []) if runner else ""
        await_pipeline(settings, stop, serving.waits, job_endpoint=endpoint)
    options = [f"--runner={runner}", *(beam_option or [])]
    probes = PipelineProbes(settings, console.now_ms, job=job_name(settings, options) if runner else "")
    publish = _publishes(probes.metrics.store, settings.run, deliver)
    probes.serve(serving)
    if not until_empty:
        probes.watch.start(stop)
    if runner:
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
    console.note(f"{counted(count, 'record')} handled")


def _moment(claim: str, language: str | None) -> datetime | None:
    """The moment that the pipeline reads from a claimed date alone."""
    return parse_date(claim, DateContext(language=language))


def _job_endpoint(options: Sequence[str]) -> str:
    """The address of Beam's job server among a runner's options; empty: none."""
    given = [one.partition("=")[2] for one in options if one.startswith("--job_endpoint=")]
    return given[-1] if given and ":" in given[-1] else ""


def _publishes(store: Store, run: str, deliver: bool | None) -> bool:
    """Whether a run's results are sent. Raises UsageError if no option says so and people might get the same alerts
    again.
    """
    if deliver is not None:
        return deliver
    known = run_names(store)
    hint = "--no-deliver only stores its results; --deliver sends them from now on"
    if known.get(run) == QUIET:
        raise UsageError(
            f"run {run!r} was started with --no-deliver: choose whether its results are sent from now on", hint=hint
        )
    others = sorted(name for name, kind in known.items() if kind == LIVE)
    if others and run not in known:
        raise UsageError(
            f"run {run!r} would start beside {others[0]!r} and send alerts again for everything in the stream",
            hint=hint,
        )
    return True


def _ask_hubs(subscriber: websub.WebSub, away: Away) -> None:
    try:
        for one, problem in subscriber.subscribe():
            if problem:
                log.warning("a hub could not be subscribed to", hub=one.hub, topic=one.topic, problem=problem)
            else:
                log.info("a hub was subscribed to", hub=one.hub, topic=one.topic)
        away.back()
    except StoreError as error:
        away.failed(error.message)


def _appending(settings: Settings, probes: ConnectorProbes) -> articles.Append:
    """An append function for any thread. A stream belongs to one thread, so each call opens it; calls take turns."""
    lock = threading.Lock()

    def append(pushed: Sequence[RawArticle]) -> None:
        with lock, create_planned(settings.stream, raw_plan(settings), role="connectors") as stream:
            records, stubs = to_records(tuple(pushed), stream.max_value_bytes)
            stream.append(records)
            probes.appended(len(records), sum(len(record.value) for record in records), stubs)

    return append
