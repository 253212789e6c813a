"""The stream driver: the same graph on a continuous runner, for desks that outgrow one machine.

See docs/architecture.md, "Two drivers of one graph".
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

import apache_beam as beam
import grpc  # type: ignore[import-untyped]
import structlog
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult, PipelineState

from core.away import Away
from core.errors import Fenced, StoreError, StreamUnavailable, TakenOver, UsageError, WirewatchError
from core.settings import Settings
from pipeline.drivers.flink_rest import FlinkJob, FlinkJobs, FlinkRefused
from pipeline.drivers.live import LiveRun
from pipeline.drivers.source import ReadInOrder, StreamSource
from pipeline.drivers.worker_pool import with_version
from pipeline.flow import build
from pipeline.ledger.ledger import UNOWNED
from pipeline.transforms.order import InOrder
from pipeline.versions import refusal_in

log = structlog.get_logger()
# Small bundles: with Flink's defaults (1,000 elements, 1 s) the median delay was 4.2 s instead of 0.7 s. Bundles end
# before a checkpoint, or a bundle's output waits in a buffer until the next element comes, which may take hours.
FLINK = (
    "--max_bundle_time_mills=100",
    "--max_bundle_size=50",
    "--checkpointing_interval=10000",
    "--finish_bundle_before_checkpointing",
)
BUSY_S, IDLE_S = 0.5, 1.0
ASK_FAILURES_S = 5.0
RUNS_ON = ("portablerunner", "flinkrunner")
_NO_STREAMING_STATE = "its portable streaming has no state and no timers, and order and reader are kept in these"
REFUSED = {
    "switchingdirectrunner": "it chooses the DirectRunner or another runner by itself",
    "directrunner": "it keeps no order and leaks memory while idle",
    "bundlebaseddirectrunner": "it keeps no order and leaks memory while idle",
    "fnapirunner": "it only runs bounded pipelines; use the slices driver",
    # Also refused because Beam would download its binary.
    "prism": "it keeps its state in memory only",
    "prismrunner": "it keeps its state in memory only",
    "sparkrunner": _NO_STREAMING_STATE,
    "dataflowrunner": "its workers run in containers that it starts, where neither the pool that refuses other versions nor "
    "the way to the store and the stream was ever tried, and a job's restart from the ledger is only tested on Flink",
}
NEVER_RUN = "Wirewatch was never run on it, and its guarantees for order and state are unknown"


def submit(
    settings: Settings, options: Sequence[str], *, clock_ms: Callable[[], int], publish: bool = True
) -> tuple[LiveRun, PipelineResult]:
    """Take the run and submit the graph; Beam's ``options`` name the runner and its workers.

    With a ``flink_rest_url``, jobs that earlier submitters left on the cluster are cancelled first: those of the same name,
    ``wirewatch-RUN`` unless the options have a ``--job_name``. The run's position is the runner's checkpoint from here on; a
    new submission resumes from the ledger. Without ``publish``, results are only stored. The caller relays the outbox
    (``LiveRun.relay``) and closes the run. Raises UsageError for a runner that can't run continuously, FlinkRefused if old
    jobs can't be cancelled.
    """
    runner = runner_name(options)
    if runner not in RUNS_ON:
        why = f"{runner} can't run continuously: {REFUSED.get(runner, NEVER_RUN)}"
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
            read_to=resumption.read_to,
            in_flight_bytes=settings.in_flight_bytes,
            alarm_s=settings.stuck_after_s,
            last=live.state.last_key,
            store_url=settings.store,
            state=live.state,
            epoch=live.state.epoch,
            uuid=live.raw.uuid,
        )
        pipeline = beam.Pipeline(options=beam_options)
        # Reading is done under one key; the following steps can run anywhere.
        spread = pipeline | "Read" >> ReadInOrder(source) | "Spread" >> beam.Reshuffle()
        build(spread, InOrder(), live.flow())
        return live, pipeline.run()
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        live.close()
        raise WirewatchError("the runner can't be reached", hint="check that Beam's job server is running") from error
    except SystemExit as error:
        # Beam parses options like a command line, including those that the runner reports.
        live.close()
        raise UsageError(
            "the runner refuses an option", hint="see the line above; options are set with --beam-option"
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
    """Submit, relay until ``stop()``, then cancel; submit again if the store turns out to be behind the runner's state.

    While the store is unreachable it waits, because the job restarts on its own. Raises WirewatchError if the job ends or
    its workers are of another version, Fenced if another pipeline takes the run.
    """
    while not stop():
        failures = _Failures(settings, options)
        live, result = submit(settings, options, clock_ms=clock_ms, publish=publish)
        lane = live.slow_lane()
        try:
            lane.start()
            _tend(live, result, wait=wait, stop=stop, failures=failures)
        finally:
            lane.close()
            with contextlib.suppress(grpc.RpcError):  # gone already
                result.cancel()
            live.close()
        # Only here: after being fenced, it would cancel the job of the run's new owner.
        _cancel_on_cluster(settings, options)


def _beam_options(settings: Settings, options: Sequence[str]) -> PipelineOptions:
    return PipelineOptions([f"--job_name=wirewatch-{settings.run}", *FLINK, *with_version(options)], streaming=True)


def runner_name(options: Sequence[str]) -> str:
    """The runner that Beam's options name, in lower case and without its module."""
    named = PipelineOptions(list(options)).view_as(StandardOptions).runner or "DirectRunner"
    return str(named).lower().rpartition(".")[2]


def _cancel_on_cluster(settings: Settings, options: Sequence[str]) -> list[FlinkJob]:
    """Cancel this run's jobs through Flink's REST API: Beam's job server, asked to cancel, only stops waiting."""
    if not settings.flink_rest_url:
        return []
    return FlinkJobs(settings.flink_rest_url).cancel(job_name(settings, options))


def job_name(settings: Settings, options: Sequence[str]) -> str:
    """The name of the run's job on the cluster: ``wirewatch-RUN`` unless the options have a ``--job_name``."""
    return str(_beam_options(settings, options).view_as(GoogleCloudOptions).job_name)


class _Failures:
    """The failures that the cluster reports for a job that is submitted next. Without a ``flink_rest_url``, only its
    log has them.

    Raises FlinkRefused if the cluster can't be queried.
    """

    def __init__(
        self, settings: Settings, options: Sequence[str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._jobs = FlinkJobs(settings.flink_rest_url) if settings.flink_rest_url else None
        self._name = job_name(settings, options)
        # The cluster also lists jobs that have ended, and lists ours only some time after its submission.
        self._before = {job.id for job in self._jobs.listing()} if self._jobs else set()
        self._monotonic, self._asked_s = monotonic, monotonic()

    def check(self) -> bool:
        """Whether another job with the run's name is running beside ours, from a submitter that then lost the run.

        It would fail and restart endlessly and take workers from ours, and the cluster can't tell which is whose: so
        all are cancelled and one is submitted again. If the workers, or the job's restored state, are from another
        version, it cancels the job and raises WirewatchError, since no restart fixes that.
        """
        now_s = self._monotonic()
        if self._jobs is None or now_s - self._asked_s < ASK_FAILURES_S:
            return False
        self._asked_s = now_s
        try:
            told = self._jobs.failures(self._name, but=self._before)
            refusal = next((found for text in told if (found := refusal_in(text))), None)
            if refusal:
                self._jobs.cancel(self._name)
            several = len(self._jobs.running(self._name)) > 1
        except FlinkRefused:
            return False
        if refusal:
            raise WirewatchError(refusal)
        if several:
            log.warning("another job of this run is on the cluster; all are cancelled", job_name=self._name)
        return several


def _tend(
    live: LiveRun,
    result: PipelineResult,
    *,
    wait: Callable[[float], object],
    stop: Callable[[], bool],
    failures: _Failures,
) -> None:
    """Relay until ``stop()``, or until the run must restart from the ledger.

    That is necessary if a worker asks for it, the stream came back shorter, or an earlier owner's job appears on the cluster.
    """
    away, relayed, said = False, 0, Away("the store or the stream")
    while not stop():
        _check_runs(result)
        try:
            if not _still_ours(live):
                return
            if failures.check():
                return
            relayed = live.relay()
            live.mirror_ledger()
            live.prune()
            if away and live.strike_cut_off():
                return
        except Fenced:
            # A worker may have asked for a restart since the check above: that is not a takeover.
            if not _still_ours(live):
                return
            raise
        except (StoreError, StreamUnavailable) as error:
            # The job restarts on its own until they are back; a new one would only cost time.
            said.failed(error.message)
            away = True
        else:
            said.back()
            away = False
        # Each iteration asks the job server once and the store twice.
        wait(BUSY_S if relayed or away else IDLE_S)


def _check_runs(result: PipelineResult) -> None:
    try:
        state = result.state
    except grpc.RpcError as error:
        raise WirewatchError(
            "the runner can't be reached any more",
            hint="nothing is lost: make sure that it is running, then start this again",
        ) from error
    if PipelineState.is_terminal(state):
        raise WirewatchError(f"the job ended: {state}", hint="the runner's log has the reason")


def _still_ours(live: LiveRun) -> bool:
    """False if a worker asked for a restart. Raises Fenced if another pipeline has the run."""
    owner = live.ledger.owner_now()
    if owner == UNOWNED:
        log.warning("the store is behind the runner's state; restarting from the ledger")
        return False
    if owner != live.owner:
        raise TakenOver(f"run {live.settings.run!r} was taken over", hint="only one pipeline may write a run")
    return True
