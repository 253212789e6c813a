"""The stream driver: the same graph on a continuous runner, for desks that outgrow one machine.

See docs/architecture.md, "Two drivers of one graph".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import apache_beam as beam
import grpc  # type: ignore[import-untyped]
import structlog
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult, PipelineState

from core.errors import Fenced, StoreError, StreamUnavailable, UsageError, WirewatchError
from core.settings import Settings
from pipeline.drivers.flink_rest import FlinkJob, FlinkJobs
from pipeline.drivers.live import LiveRun
from pipeline.drivers.source import ReadInOrder, StreamSource
from pipeline.flow import build
from pipeline.ledger.ledger import UNOWNED
from pipeline.transforms.order import InOrder

log = structlog.get_logger()
# Small bundles: with Flink's defaults (1,000 elements, 1 s) the delay was 4.2 s at the median instead of 0.7 s. Bundles end
# before a checkpoint: else a bundle's output waits in a buffer until the next element comes, which may be hours.
FLINK = (
    "--max_bundle_time_mills=100",
    "--max_bundle_size=50",
    "--checkpointing_interval=10000",
    "--finish_bundle_before_checkpointing",
)
BUSY_S, IDLE_S = 0.5, 1.0
REFUSED = {
    "switchingdirectrunner": "it is the DirectRunner or another by its own choice",
    "directrunner": "it keeps no order and leaks memory while idle",
    "bundlebaseddirectrunner": "it keeps no order and leaks memory while idle",
    "fnapirunner": "it only runs bounded work; use the slices driver",
    # Refused before Beam downloads its binary, too.
    "prism": "it keeps its state in memory alone",
    "prismrunner": "it keeps its state in memory alone",
}


def submit(
    settings: Settings, options: Sequence[str], *, clock_ms: Callable[[], int], publish: bool = True
) -> tuple[LiveRun, PipelineResult]:
    """Take the run and submit the graph; Beam's ``options`` name the runner and its workers.

    With a ``flink_rest_url``, jobs that earlier submitters left on the cluster are cancelled first: those of the same name,
    ``wirewatch-RUN`` unless the options have a ``--job_name``. The run's position is the runner's checkpoint from here on; a
    new submission goes on from the ledger. Without ``publish`` results are only stored. The caller relays the outbox
    (``LiveRun.relay``) and closes the run. Raises UsageError for a runner that can't do it, FlinkRefused where the old jobs
    can't be cancelled.
    """
    runner = runner_name(options)
    if runner in REFUSED:
        why = f"{runner} can't run continuously: {REFUSED[runner]}"
        raise UsageError(why, hint="use Flink, or leave out --runner")
    beam_options = _beam_options(settings, options)
    for job in _cancel_on_cluster(settings, options):
        log.warning("an earlier job of this run was cancelled", job=job.id, job_name=job.name)
    live = LiveRun(settings, clock_ms, publish=publish)
    try:
        resumption = live.resumption()
        source = StreamSource(
            url=settings.stream,
            name=settings.raw_stream,
            run=settings.run,
            start=resumption.start,
            done=resumption.done,
            last=live.state.last_key,
            store_url=settings.store,
            state=live.state,
            epoch=live.state.epoch,
            uuid=live.raw.uuid,
        )
        pipeline = beam.Pipeline(options=beam_options)
        build(pipeline | "Read" >> ReadInOrder(source), InOrder(), live.flow())
        return live, pipeline.run()
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        live.close()
        raise WirewatchError("the runner can't be reached", hint="does Beam's job server run?") from error
    except SystemExit as error:
        # Beam parses options like a command line, with what the runner says that it knows.
        live.close()
        raise UsageError(
            "the runner refuses an option", hint="see the line above; options are given by --beam-option"
        ) from error
    except BaseException:
        live.close()
        raise


def run_as_stream(
    settings: Settings,
    options: Sequence[str],
    *,
    clock_ms: Callable[[], int],
    wait: Callable[[float], object],
    stop: Callable[[], bool],
    publish: bool = True,
) -> None:
    """Submit, relay until ``stop()``, then cancel; submit anew where the store turns out to be behind the runner's state.

    While the store is away it waits: the job has restarts of its own. Raises WirewatchError where the job ends by itself,
    Fenced where another pipeline takes the run.
    """
    while not stop():
        live, result = submit(settings, options, clock_ms=clock_ms, publish=publish)
        try:
            _tend(live, result, wait=wait, stop=stop)
        finally:
            with contextlib.suppress(grpc.RpcError):  # gone already
                result.cancel()
            live.close()
        # Only here: who was fenced would cancel the job of the one that has the run now.
        _cancel_on_cluster(settings, options)


def _beam_options(settings: Settings, options: Sequence[str]) -> PipelineOptions:
    return PipelineOptions([f"--job_name=wirewatch-{settings.run}", *FLINK, *options], streaming=True)


def runner_name(options: Sequence[str]) -> str:
    """The runner that Beam's options name, in lower case and without its module."""
    named = PipelineOptions(list(options)).view_as(StandardOptions).runner or "DirectRunner"
    return str(named).lower().rpartition(".")[2]


def _cancel_on_cluster(settings: Settings, options: Sequence[str]) -> list[FlinkJob]:
    """Cancel this run's jobs by Flink's own REST: Beam's job server, asked to cancel, only stops waiting."""
    if not settings.flink_rest_url:
        return []
    name = _beam_options(settings, options).view_as(GoogleCloudOptions).job_name
    return FlinkJobs(settings.flink_rest_url).cancel(name)


def _tend(live: LiveRun, result: PipelineResult, *, wait: Callable[[float], object], stop: Callable[[], bool]) -> None:
    """Relay until ``stop()``, or until a new start from the ledger is due.

    That is where a worker asks for one, or the stream came back shorter.
    """
    away, relayed = False, 0
    while not stop():
        _check_runs(result)
        try:
            if not _still_ours(live):
                return
            relayed = live.relay()
            live.mirror_ledger()
            if away and live.strike_cut_off():
                return
        except Fenced:
            raise
        except (StoreError, StreamUnavailable) as error:
            # The job restarts by itself until they are back; a new one would only cost time.
            if not away:
                log.warning("store or stream can't be reached; waiting until they can", error=str(error))
            away = True
        else:
            away = False
        # Each turn asks the job server once and the store twice.
        wait(BUSY_S if relayed or away else IDLE_S)


def _check_runs(result: PipelineResult) -> None:
    try:
        state = result.state
    except grpc.RpcError as error:
        raise WirewatchError(
            "the runner can't be reached any more", hint="nothing is lost: see that it runs, then start this again"
        ) from error
    if PipelineState.is_terminal(state):
        raise WirewatchError(f"the job ended: {state}", hint="the runner's log says why")


def _still_ours(live: LiveRun) -> bool:
    """False where a worker asked for a new start. Raises Fenced where another pipeline has the run."""
    owner = live.ledger.owner_now()
    if owner == UNOWNED:
        log.warning("the store is behind the runner's state; starting anew from the ledger")
        return False
    if owner != live.owner:
        raise Fenced(f"run {live.settings.run!r} was taken over", hint="only one pipeline may write a run")
    return True
