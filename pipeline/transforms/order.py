"""The reorder buffer in Beam state: its output is in number order, whatever the runner did before.

There is one key per run. The number that is due is passed on, later ones are kept, and earlier ones are dropped; there is no
timer and no watermark. See docs/architecture.md, "Order by numbers". The state has the next number, the early elements, and the
position handled last.
"""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from msgspec.structs import replace

from pipeline.order import restore
from pipeline.transforms import beam_metrics
from pipeline.transforms.coders import Draft, DraftCoder, ReorderState, ReorderStateCoder
from pipeline.transforms.step import Step


class InOrder(beam.PTransform):
    """(run, Draft) in any order → Draft in number order, for a stream. Numbers start at 0 in each epoch."""

    def expand(self, drafts: beam.PCollection[tuple[str, Draft]]) -> beam.PCollection[Draft]:
        return drafts | "Restore order" >> beam.ParDo(_Reorder()).with_output_types(Draft)


class SortedSlice(beam.PTransform):
    """(run, Draft) in any order → Draft in number order, for one bounded slice, which is collected completely and sorted.

    Only for a source that emits the slice from one element, whose output is one bundle: a GroupByKey would encode and decode
    each draft.
    """

    def expand(self, drafts: beam.PCollection[tuple[str, Draft]]) -> beam.PCollection[Draft]:
        return drafts | "Sort slice" >> beam.ParDo(_Sort()).with_output_types(Draft)


class _Sort(Step):
    def start_bundle(self) -> None:
        self._slice: list[Draft] = []

    def process(self, element: tuple[str, Draft]) -> None:
        self._slice.append(element[1])

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for draft in sorted(self._slice, key=_number):
            yield WindowedValue(draft, window.max_timestamp(), [window])
        self._slice = []


def _number(draft: Draft) -> int:
    return draft.number


class _Reorder(Step):
    EARLY = BagStateSpec("early", DraftCoder())
    # A single cell, because each cell costs a round trip for each element.
    TURN = ReadModifyWriteStateSpec("turn", ReorderStateCoder())

    def process(
        self,
        element: tuple[str, Draft],
        early: beam.transforms.userstate.AccumulatingRuntimeState = beam.DoFn.StateParam(EARLY),  # noqa: B008
        turn: beam.transforms.userstate.ReadModifyWriteRuntimeState = beam.DoFn.StateParam(TURN),  # noqa: B008
    ) -> Iterator[Draft]:
        draft, now = element[1], turn.read() or ReorderState()
        if draft.number < now.expected:
            beam_metrics.CAME_AGAIN.inc()
            return
        if draft.number > now.expected:
            beam_metrics.CAME_EARLY.inc()
            early.add(draft)
            if not now.holding:
                turn.write(ReorderState(now.expected, True, now.last))
            return
        ready = [draft]
        expected, held = now.expected + 1, []
        if now.holding:
            result = restore(now.expected, early.read(), [draft])
            ready, held, expected = result.ready, result.held, result.expected
            early.clear()
            for waiting in held:
                early.add(waiting)
        turn.write(ReorderState(expected, bool(held), ready[-1].position))
        last = now.last
        for one in ready:
            yield replace(one, after=last)
            last = one.position
