"""The stream driver: the same graph on a continuous runner, for desks that outgrow one machine (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apache_beam as beam
import structlog
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipeline.drivers.live import LiveRun
from pipeline.drivers.source import ReadInOrder, StreamSource
from pipeline.errors import Fenced, UsageError, WirewatchError
from pipeline.flow import build
from pipeline.settings import Settings
from pipeline.store.ledger import UNOWNED
from pipeline.transforms.ordered import InOrder

log = structlog.get_logger()
# Small bundles: with Flink's defaults (1,000 elements, 1 s) the delay was 4.2 s at the median instead of 0.7 s. Bundles end
# before a checkpoint: else a bundle's output waits in a buffer until the next element comes, which may be hours.
FLINK = (
    "--max_bundle_time_mills=100",
    "--max_bundle_size=50",
    "--checkpointing_interval=10000",
    "--finish_bundle_before_checkpointing",
)
REFUSED = {
    "directrunner": "it keeps no order and leaks memory while idle",
    "bundlebaseddirectrunner": "it keeps no order and leaks memory while idle",
    "fnapirunner": "it only runs bounded work; use the slices driver",
}


def submit(
    settings: Settings, options: Sequence[str], *, clock_ms: Callable[[], int]
) -> tuple[LiveRun, PipelineResult]:
    """Take the run and submit the graph; Beam's ``options`` name the runner and its workers.

    The run's position is the runner's checkpoint from here on; a new submission goes on from the ledger. The caller
    relays the outbox (``LiveRun.relay``) and closes the run. Raises UsageError for a runner that can't do it.
    """
    beam_options = PipelineOptions([*FLINK, *options], streaming=True)
    runner = (beam_options.view_as(StandardOptions).runner or "DirectRunner").lower().rpartition(".")[2]
    if runner in REFUSED:
        raise UsageError(f"{runner} can't run continuously: {REFUSED[runner]}", hint="use Flink, or leave out --runner")
    live = LiveRun(settings, clock_ms)
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
            epoch=live.state.epoch,
        )
        pipeline = beam.Pipeline(options=beam_options)
        build(pipeline | "Read" >> ReadInOrder(source), InOrder(), live.flow())
        return live, pipeline.run()
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
) -> None:
    """Submit, relay until ``stop()``, then cancel; submit anew where the store turns out to be behind the runner's state.

    Raises WirewatchError where the job ends by itself, Fenced where another pipeline takes the run.
    """
    while not stop():
        live, result = submit(settings, options, clock_ms=clock_ms)
        try:
            _tend(live, result, wait=wait, stop=stop)
        finally:
            result.cancel()
            live.close()


def _tend(live: LiveRun, result: PipelineResult, *, wait: Callable[[float], object], stop: Callable[[], bool]) -> None:
    """Relay until ``stop()``, or until a worker asks for a new start from the ledger."""
    while not stop():
        if PipelineState.is_terminal(result.state):
            raise WirewatchError(f"the job ended: {result.state}", hint="the runner's log says why")
        owner = live.ledger.owner_now()
        if owner == UNOWNED:
            log.warning("the store is behind the runner's state; starting anew from the ledger")
            return
        if owner != live.owner:
            raise Fenced(f"run {live.settings.run!r} was taken over", hint="only one pipeline may write a run")
        live.relay()
        live.mirror_ledger()
        wait(0.5)
