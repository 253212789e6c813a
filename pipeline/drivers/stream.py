"""The stream driver: the same graph on a continuous runner, for desks that outgrow one machine (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult, PipelineState

from pipeline.drivers.live import LiveRun
from pipeline.drivers.source import ReadInOrder, StreamSource
from pipeline.errors import UsageError, WirewatchError
from pipeline.flow import build
from pipeline.settings import Settings
from pipeline.transforms.ordered import InOrder

# Small bundles: with Flink's defaults (1,000 elements, 1 s) the delay was 4.2 s at the median instead of 0.7 s.
FLINK = ("--max_bundle_time_mills=100", "--max_bundle_size=50", "--checkpointing_interval=10000")
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
        )
        pipeline = beam.Pipeline(options=beam_options)
        build(pipeline | "Read" >> ReadInOrder(source), InOrder(), live.flow())
        return live, pipeline.run()
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
    """Submit, relay until ``stop()``, then cancel. Raises WirewatchError where the job ends by itself."""
    live, result = submit(settings, options, clock_ms=clock_ms)
    try:
        while not stop():
            if PipelineState.is_terminal(result.state):
                raise WirewatchError(f"the job ended: {result.state}", hint="the runner's log says why")
            live.relay()
            wait(0.5)
    finally:
        result.cancel()
        live.close()
