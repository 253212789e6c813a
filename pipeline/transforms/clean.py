"""The step from raw records to drafts: clean text, language, and the features by which copies and events are found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.transforms import counts
from pipeline.transforms.coders import Draft, Envelope
from pipeline.transforms.extraction_pool import shared_extraction
from pipeline.transforms.step import Step


class Clean(beam.PTransform):
    """Envelope → Draft with its article (title, text, authors, date, language, features), or the reason why there is none.

    Records of a bundle are prepared in parallel and come out in the bundle's order; see ``pipeline.transforms.prepare``.
    """

    def __init__(self, processes: int) -> None:
        super().__init__()
        self._processes = processes

    def expand(self, envelopes: beam.PCollection[Envelope]) -> beam.PCollection[Draft]:
        return envelopes | "Prepare" >> beam.ParDo(_Prepare(self._processes)).with_output_types(Draft)


class _Prepare(Step):
    """Submits in ``process`` and collects when the bundle ends; otherwise pages would be extracted one by one."""

    def __init__(self, processes: int) -> None:
        super().__init__()
        self._processes = processes

    def setup(self) -> None:
        super().setup()
        self._extraction = shared_extraction(self._processes)

    def start_bundle(self) -> None:
        self._pending: list[Future[Draft]] = []
        self._began_s = time.monotonic()

    def process(self, envelope: Envelope) -> Iterator[Draft]:
        self._pending.append(self._extraction.submit(envelope))
        return iter(())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for future in self._pending:
            draft = future.result()
            counts.PREPARED.inc()
            if draft.article is None:
                counts.PREPARED_WITHOUT_ARTICLE.inc()
            yield WindowedValue(draft, window.max_timestamp(), [window])
        if self._pending:
            counts.PREPARE_BUNDLE_MS.update(round(1000 * (time.monotonic() - self._began_s)))
        self._pending = []
