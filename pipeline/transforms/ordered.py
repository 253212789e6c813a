"""The reorder buffer in Beam state: what comes out is in number order, whatever the runner did before.

One key per run. A number is handled when it comes, later ones are kept, earlier ones dropped: no timer, no watermark
(DESIGN section 5). State holds the next number and the early elements, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.coders.coders import VarIntCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from pipeline.order import restore
from pipeline.transforms.elements import Draft, DraftCoder


class InOrder(beam.PTransform):
    """(run, Draft) in any order → Draft in number order, for a stream. Numbers start at 0 in each epoch."""

    def expand(self, drafts: beam.PCollection[tuple[str, Draft]]) -> beam.PCollection[Draft]:
        return drafts | "Restore order" >> beam.ParDo(_Reorder()).with_output_types(Draft)


class SortedSlice(beam.PTransform):
    """(run, Draft) in any order → Draft in number order, for one bounded slice: all of it is there, so it is sorted."""

    def expand(self, drafts: beam.PCollection[tuple[str, Draft]]) -> beam.PCollection[Draft]:
        return drafts | "Gather slice" >> beam.GroupByKey() | "Sort" >> beam.FlatMap(_sorted).with_output_types(Draft)


def _sorted(group: tuple[str, list[Draft]]) -> list[Draft]:
    return sorted(group[1], key=_number)


def _number(draft: Draft) -> int:
    return draft.number


class _Reorder(beam.DoFn):
    EARLY = BagStateSpec("early", DraftCoder())
    # Twice the next number, plus one where the bag holds something: one state cell instead of two to read each time.
    NEXT = ReadModifyWriteStateSpec("next", VarIntCoder())

    def process(
        self,
        element: tuple[str, Draft],
        early: beam.transforms.userstate.AccumulatingRuntimeState = beam.DoFn.StateParam(EARLY),  # noqa: B008
        next_number: beam.transforms.userstate.ReadModifyWriteRuntimeState = beam.DoFn.StateParam(NEXT),  # noqa: B008
    ) -> Iterator[Draft]:
        draft = element[1]
        expected, holding = divmod(next_number.read() or 0, 2)
        if draft.number < expected:
            return
        if draft.number > expected:
            early.add(draft)
            if not holding:
                next_number.write(2 * expected + 1)
            return
        if not holding:
            yield draft
            next_number.write(2 * (expected + 1))
            return
        result = restore(expected, early.read(), [draft])
        early.clear()
        for held in result.held:
            early.add(held)
        next_number.write(2 * result.expected + bool(result.held))
        yield from result.ready
