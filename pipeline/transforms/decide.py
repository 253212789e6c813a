"""The ordered stage: stories, alerts and outcomes, decided one by one in the run's order and stored."""

from __future__ import annotations

import apache_beam as beam

from core.errors import WirewatchError
from core.logs import configure_worker
from core.store.subscriptions import LIVE
from pipeline.ledger.writer import shared_writer
from pipeline.transforms.elements import Draft
from pipeline.transforms.failures import report_failure

# A longer bundle is stored in parts: what has an outcome gives nothing new when the bundle is done again.
BATCH = 500


class TellStories(beam.PTransform):
    """Draft in order → nothing: the results are in the store when the bundle ends, in its outbox for the streams."""

    def __init__(self, store_url: str, run: str, owner: str, *, publish: bool, scope: str = LIVE) -> None:
        super().__init__()
        self._tell = _Tell(store_url, run, owner, publish=publish, scope=scope)

    def expand(self, drafts: beam.PCollection[Draft]) -> beam.PCollection[None]:
        return drafts | "Decide and store" >> beam.ParDo(self._tell).with_output_types(None)


class _Tell(beam.DoFn):
    def __init__(self, store_url: str, run: str, owner: str, *, publish: bool, scope: str) -> None:
        self._store_url, self._run, self._owner, self._publish = store_url, run, owner, publish
        self._scope = scope

    def setup(self) -> None:
        configure_worker(run=self._run)
        self._writer = shared_writer(self._store_url, self._run, self._owner, publish=self._publish, scope=self._scope)

    def start_bundle(self) -> None:
        self._batch: list[Draft] = []

    def process(self, draft: Draft) -> None:
        self._batch.append(draft)
        if len(self._batch) >= BATCH:
            self._store()

    def finish_bundle(self) -> None:
        self._store()

    def _store(self) -> None:
        batch, self._batch = self._batch, []
        try:
            self._writer.write(batch)
        except WirewatchError as error:
            report_failure(error)
            raise
