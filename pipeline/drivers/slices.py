"""The embedded driver: the run in slices, each a bounded run of the graph on Beam's FnApiRunner.

See docs/architecture.md, "Two drivers of one graph".

It needs only packages from PyPI, keeps the order from slice to slice and costs nothing while idle. A crash repeats at
most one slice, of which records that are in the ledger have no further effect.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

import apache_beam as beam
import structlog
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from core.away import Away
from core.errors import StreamUnavailable, WirewatchError
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.slow_lane import AT_ONCE, Returns
from pipeline.drivers.source import envelope
from pipeline.flow import Flow, build
from pipeline.malloc import GiveBack, tidy_heaps
from pipeline.transforms.coders import Envelope
from pipeline.transforms.order import SortedSlice
from pipeline.transforms.step import keep_open
from pipeline.transforms.write import reported_failure

log = structlog.get_logger()
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
# A read ends with the first record, so a long wait delays none; each iteration of an idle loop queries broker and
# store.
IDLE_WAIT_MS = 2_000
# Slow pages of a slice are processed in parallel: very small slices would wait for them one after another.
FIRST_RECORDS, LEAST_RECORDS = 50, 20


@dataclass(frozen=True)
class SliceLimits:
    """A slice ends at the first limit reached. The limit in bytes bounds memory, because the runner holds whole collections."""

    records: int = 2_000
    bytes: int = 64 << 20


class SlicePace:
    """How many records a slice takes: as many as the latest slices processed in ``target_s`` (0: always ``most``). Pure.

    After a longer slice, the next is smaller, down to ``LEAST_RECORDS``; after a quick one it is at most twice as
    large. So records that arrive while a slice runs never wait for one that grew with the backlog.
    """

    def __init__(self, target_s: float, most: int) -> None:
        self._target_s, self._most = target_s, most
        self.records = min(most, FIRST_RECORDS) if target_s else most

    def note(self, records: int, seconds: float) -> None:
        """A slice of ``records`` took ``seconds``."""
        if not self._target_s:
            return
        done_in_time = records * self._target_s / max(seconds, 0.001)
        if done_in_time >= self.records:
            self.records = min(self._most, 2 * self.records)
        elif seconds > self._target_s:
            self.records = min(self.records, self._most, max(LEAST_RECORDS, int(done_in_time)))


class Slices(Protocol):
    """A source of slices."""

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        """The next records in order, at least one if there is one within ``wait_ms``. They are never returned again."""


_counter = itertools.count()
_waiting: dict[int, Sequence[Envelope]] = {}


class SliceSource(beam.PTransform):
    """Emits the envelopes that were put last. Only for runners in the driver's own process.

    So the graph is built once and run for every slice: building and translating it costs more than running it on a few
    records (docs/decisions.md has the figures). A run that fails and is repeated finds the same slice.
    """

    def __init__(self) -> None:
        super().__init__()
        self._number = next(_counter)

    def put(self, envelopes: Sequence[Envelope]) -> None:
        """Set the slice for the next run of the graph; it stays until the next call."""
        _waiting[self._number] = envelopes

    def clear(self) -> None:
        """Drop the slice."""
        _waiting.pop(self._number, None)

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection[Envelope]:
        return begin | "Start" >> beam.Impulse() | "Take" >> beam.ParDo(_Take(self._number)).with_output_types(Envelope)


class _Take(beam.DoFn):
    def __init__(self, number: int) -> None:
        self._number = number

    def process(self, _start: bytes) -> Iterator[Envelope]:
        yield from _waiting.get(self._number, ())


class SliceGraph:
    """The graph, built once. ``run`` may be called repeatedly, by one thread."""

    def __init__(self, flow: Flow) -> None:
        # Before the runner starts its threads.
        tidy_heaps()
        keep_open()
        self._memory = GiveBack()
        self._source = SliceSource()
        self._options = PipelineOptions([], runner="FnApiRunner", direct_num_workers=1)
        self._runner = FnApiRunner()
        pipeline = beam.Pipeline(runner=self._runner, options=self._options)
        build(pipeline | "Slice" >> self._source, SortedSlice(), flow)
        self._proto = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())

    def run(self, envelopes: Sequence[Envelope]) -> None:
        """Run one slice to its end: when this returns, every record of it has an outcome in the store.

        Raises WirewatchError (Fenced, StoreError) if it could not be stored; the caller then restarts from the ledger.
        """
        self._source.put(envelopes)
        reported_failure()
        try:
            self._runner.run_via_runner_api(self._proto, self._options).wait_until_finish()
        except Exception as error:
            raise reported_failure() or _plain(error) from error
        finally:
            self._source.clear()
        self._memory.after(sum(one.size for one in envelopes))


def _plain(error: Exception) -> WirewatchError:
    # FnApiRunner's message is a traceback, whose last line is the error.
    lines = [line for line in str(error).splitlines() if line.strip()]
    what = lines[-1].strip() if lines else type(error).__name__
    return WirewatchError(f"the pipeline failed: {what}", hint="nothing is lost; start it again (--verbose logs more)")


class StreamSlices:
    """Slices of a stream, read and merged in order. Raises StreamUnavailable if the stream can't be reached.

    ``returns``: records that come back from the slow lane, after the other records of a slice.
    """

    def __init__(self, reader: MergingReader, run: str, returns: Returns | None = None) -> None:
        self._reader, self._run, self._returns = reader, run, returns

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        """As ``Slices.take``. Records that an earlier one may still precede come in a later slice."""
        taken: list[Envelope] = []
        size = 0
        while len(taken) < limits.records and size < limits.bytes:
            try:
                found = self._reader.next(wait_ms=0 if taken else wait_ms)
            except StreamUnavailable:
                # Records that left the merge never come again: return them first; the next call raises.
                if not taken:
                    raise
                break
            if found is None:
                break
            taken.append(envelope(found, self._run, self._reader.stream.uuid))
            size += found.record.size
        if self._returns is not None:
            taken += self._returns.take(AT_ONCE, self._reader.merge.give_number)
        return taken


def run_slices(
    slices: Slices,
    graph: SliceGraph,
    *,
    limits: SliceLimits,
    stop: Callable[[], bool],
    until_empty: bool = False,
    wait_ms: int = IDLE_WAIT_MS,
    after: Callable[[int], None] = lambda _count: None,
    pause: Callable[[float], object] = lambda _seconds: None,
    back: Callable[[], object] = lambda: None,
    busy: Callable[[], bool] = lambda: False,
    slice_s: float = 0.0,
    monotonic: Callable[[], float] = time.monotonic,
    timed: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> int:
    """Run slice after slice until ``stop()``, or until nothing is left or ``busy()``; returns how many were processed.

    A slice takes no more records than the latest ones processed in ``slice_s`` (0: only the limits apply).

    ``after`` is called with the size of each slice (0: nothing came), for relaying, committing and showing progress.
    Each slice runs in a context of ``timed()``. If the stream can't be reached, it logs this once a minute and retries:
    ``pause`` is called with growing waits (seconds), and ``back`` before each retry. ``back`` may also raise
    StreamUnavailable; it is called before anything is taken, which would be lost. Other errors are raised: restarting
    from the ledger repeats one slice at most.
    """
    total, away_s, pace = 0, 0.0, SlicePace(slice_s, limits.records)
    away = Away("the stream", monotonic=monotonic)
    while not stop():
        try:
            if away_s:
                back()
            now = replace(limits, records=pace.records)
            envelopes = slices.take(now, wait_ms=min(wait_ms, 250) if until_empty else wait_ms)
        except StreamUnavailable as error:
            if until_empty:
                raise
            away.failed(error.message)
            away_s = min(LONGEST_PAUSE_S, 2 * away_s or FIRST_PAUSE_S)
            pause(away_s)
            continue
        if away_s:
            away.back()
            away_s = 0.0
        if envelopes:
            began_s = monotonic()
            with timed():
                graph.run(envelopes)
            pace.note(len(envelopes), monotonic() - began_s)
            total += len(envelopes)
        after(len(envelopes))
        if not envelopes and until_empty and not busy():
            break
    return total
