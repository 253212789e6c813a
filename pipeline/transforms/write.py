"""The last step: batches of drafts, in the run's order, to the ledger, which decides and stores them in one transaction."""

from __future__ import annotations

import apache_beam as beam

from core.clock import wall_ms
from core.errors import WirewatchError
from core.logs import configure_worker
from pipeline.ledger.writer import WritePlan, shared_writer
from pipeline.transforms import beam_metrics
from pipeline.transforms.coders import Draft
from pipeline.transforms.step import Step, rest

# A longer bundle is stored in parts. If the bundle is repeated, records that have an outcome add nothing.
BATCH = 500

_failures: list[WirewatchError] = []


class WriteResults(beam.PTransform):
    """Draft in order → nothing: when the bundle ends, the results are in the store, and in its outbox for the streams.

    At least once: a bundle that is repeated after a failure changes nothing that was stored.
    """

    def __init__(self, plan: WritePlan) -> None:
        super().__init__()
        self._write = _Write(plan)

    def expand(self, drafts: beam.PCollection[Draft]) -> beam.PCollection[None]:
        return drafts | "Write" >> beam.ParDo(self._write).with_output_types(None)


class _Write(Step):
    def __init__(self, plan: WritePlan) -> None:
        super().__init__()
        self._plan = plan

    def setup(self) -> None:
        super().setup()
        configure_worker(run=self._plan.run)
        self._writer = shared_writer(self._plan)

    def teardown(self) -> None:
        rest(self._writer.store)

    def start_bundle(self) -> None:
        self._batch: list[Draft] = []

    def process(self, draft: Draft) -> None:
        self._batch.append(draft)
        if len(self._batch) >= BATCH:
            self._write_batch()

    def finish_bundle(self) -> None:
        self._write_batch()

    def _write_batch(self) -> None:
        batch, self._batch = self._batch, []
        try:
            written = self._writer.write(batch)
        except WirewatchError as error:
            _failures[:] = [error]
            raise
        if batch:
            beam_metrics.WRITE_BATCH_RECORDS.update(len(batch))
        now_ms = wall_ms()
        for outcome in written.outcomes:
            beam_metrics.OUTCOMES[outcome.kind].inc()
            if outcome.key is not None:
                beam_metrics.STORE_LATENCY_MS.update(max(0, now_ms - outcome.key.time_ms))
        beam_metrics.ALERTS.inc(written.alerts)


def reported_failure() -> WirewatchError | None:
    """The error that ended the last bundle in this process, returned only once; None if there is none.

    For a driver in the same process: FnApiRunner passes on only an error's text, in a traceback.
    """
    return _failures.pop() if _failures else None
