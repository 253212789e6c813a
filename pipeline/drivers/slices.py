"""The embedded driver: the run in slices, each a bounded run of the graph on Beam's FnApiRunner (DESIGN section 7).

Needs nothing but PyPI, keeps the order from slice to slice, costs nothing while idle, and a crash repeats one slice at
most: what the ledger has of it gives nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from pipeline.drivers.handoff import Handoff, TakeSlice
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.source import envelope
from pipeline.flow import Flow, build
from pipeline.transforms.elements import Envelope
from pipeline.transforms.ordered import SortedSlice


@dataclass(frozen=True)
class SliceLimits:
    """A slice ends at the first limit reached. Bytes bound the memory: the runner holds whole collections."""

    records: int = 2_000
    bytes: int = 64 << 20


class Slices(Protocol):
    """Where slices come from."""

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        """The next records in order, at least one if there is one within ``wait_ms``. What was taken never comes again."""


class SliceGraph:
    """The graph, built once. ``run`` may be called again and again, by one thread."""

    def __init__(self, flow: Flow) -> None:
        self._handoff = Handoff()
        self._options = PipelineOptions([], runner="FnApiRunner", direct_num_workers=1)
        self._runner = FnApiRunner()
        pipeline = beam.Pipeline(runner=self._runner, options=self._options)
        build(pipeline | "Slice" >> TakeSlice(self._handoff), SortedSlice(), flow)
        self._proto = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())

    def run(self, envelopes: Sequence[Envelope]) -> None:
        """Run one slice to its end: when this returns, every record of it has an outcome in the store."""
        self._handoff.lay(envelopes)
        try:
            self._runner.run_via_runner_api(self._proto, self._options).wait_until_finish()
        finally:
            self._handoff.clear()


class StreamSlices:
    """Slices of a stream, read and merged in order. Raises StreamUnavailable where the stream can't be reached."""

    def __init__(self, reader: MergingReader, run: str) -> None:
        self._reader, self._run = reader, run

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        """As ``Slices.take``. Records that could not be handed out yet, since an earlier one may come, come later."""
        taken: list[Envelope] = []
        size = 0
        while len(taken) < limits.records and size < limits.bytes:
            found = self._reader.next(wait_ms=0 if taken else wait_ms)
            if found is None:
                break
            taken.append(envelope(found, self._run, self._reader.stream.uuid))
            size += len(found.record.value)
        return taken


def run_slices(
    slices: Slices,
    graph: SliceGraph,
    *,
    limits: SliceLimits,
    stop: Callable[[], bool],
    until_empty: bool = False,
    wait_ms: int = 250,
    after: Callable[[int], None] = lambda _count: None,
) -> int:
    """Run slice after slice until ``stop()``, or until nothing is left; return how many records were handled.

    ``after`` is called with the size of each slice (0: nothing came), for relaying, committing and showing progress.
    Errors of the graph, the store or the stream go to the caller: starting anew from the ledger repeats one slice at most.
    """
    total = 0
    while not stop():
        envelopes = slices.take(limits, wait_ms=wait_ms)
        if envelopes:
            graph.run(envelopes)
            total += len(envelopes)
        after(len(envelopes))
        if not envelopes and until_empty:
            break
    return total
