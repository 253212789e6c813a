"""Handing a slice to the graph within one process, so that the graph can be built once and run for every slice.

Building and translating the graph costs more than running it on a few records (docs/decisions.md has the figures).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import apache_beam as beam

from pipeline.transforms.elements import Envelope

_counter = itertools.count()
_waiting: dict[int, Sequence[Envelope]] = {}


class Handoff:
    """A place where the driver lays a slice and the graph's source finds it. The slice stays until the next is laid."""

    def __init__(self) -> None:
        self.number = next(_counter)

    def lay(self, envelopes: Sequence[Envelope]) -> None:
        """Lay a slice. A run of the graph that fails and is run again finds the same one."""
        _waiting[self.number] = envelopes

    def clear(self) -> None:
        """Forget the slice."""
        _waiting.pop(self.number, None)


class TakeSlice(beam.PTransform):
    """Nothing → the envelopes that lie at the handoff. Only for runners that work in the driver's own process."""

    def __init__(self, handoff: Handoff) -> None:
        super().__init__()
        self._number = handoff.number

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection[Envelope]:
        return begin | "Start" >> beam.Impulse() | "Take" >> beam.ParDo(_Take(self._number)).with_output_types(Envelope)


class _Take(beam.DoFn):
    def __init__(self, number: int) -> None:
        self._number = number

    def process(self, _start: bytes) -> Iterator[Envelope]:
        yield from _waiting.get(self._number, ())
