"""The step from raw records to drafts: clean text, language, features, topics, and the matching stored queries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future

import apache_beam as beam
import msgspec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.drafts.tending import shared_tending
from pipeline.transforms import beam_metrics
from pipeline.transforms.coders import Draft, Envelope
from pipeline.transforms.extraction_pool import PoolPlan, shared_extraction
from pipeline.transforms.match import shared_matcher
from pipeline.transforms.record import RecordWork, returned
from pipeline.transforms.step import Step, rest

_draft = msgspec.json.Decoder(Draft)


class Clean(beam.PTransform):
    """Envelope → Draft with its article (title, text, language, features, topics, subscriptions), or the reason for none.

    Records of a bundle are prepared in parallel and returned in the bundle's order; see ``pipeline.transforms.record``. Records
    that return from the slow lane are passed on.
    """

    def __init__(self, pool: PoolPlan, work: RecordWork) -> None:
        super().__init__()
        self._pool, self._work = pool, work

    def expand(self, envelopes: beam.PCollection[Envelope]) -> beam.PCollection[Draft]:
        return envelopes | "Prepare" >> beam.ParDo(_Prepare(self._pool, self._work)).with_output_types(Draft)


class _Prepare(Step):
    """Submits in ``process`` and collects when the bundle ends; otherwise pages would be extracted one by one."""

    def __init__(self, pool: PoolPlan, work: RecordWork) -> None:
        super().__init__()
        self._pool, self._work = pool, work

    def setup(self) -> None:
        super().setup()
        self._extraction = shared_extraction(self._pool, self._work)

    def teardown(self) -> None:
        if not self._pool.processes and self._work.store_url:
            rest(shared_matcher(self._work.store_url, self._work.scope).store)

    def start_bundle(self) -> None:
        if self._work.keeping is not None:
            shared_tending(self._work.keeping, self._work.store_url).turn()
        self._pending: list[Future[Draft]] = []
        self._back = 0
        self._began_s = time.monotonic()

    def process(self, envelope: Envelope) -> Iterator[Draft]:
        self._pending.append(_finished(envelope) or self._extraction.submit(envelope))
        self._back += envelope.ready
        return iter(())

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for future in self._pending:
            draft = future.result()
            _count(draft)
            yield WindowedValue(draft, window.max_timestamp(), [window])
        beam_metrics.RETURNED.inc(self._back)
        beam_metrics.PREPARED.inc(len(self._pending) - self._back)
        if self._pending:
            beam_metrics.PREPARE_BUNDLE_MS.update(round(1000 * (time.monotonic() - self._began_s)))
        self._pending = []


def _count(draft: Draft) -> None:
    beam_metrics.NOT_DECIDED.inc(draft.undecided)
    if draft.postponed is not None:
        beam_metrics.POSTPONED.inc()
    elif draft.article is None:
        beam_metrics.PREPARED_WITHOUT_ARTICLE.inc()
    else:
        beam_metrics.TOPICS.update(len(draft.article.topics))
        beam_metrics.SUBSCRIPTIONS.update(len(draft.article.subscriptions))


def _finished(envelope: Envelope) -> Future[Draft] | None:
    """The draft of a record that comes back from the slow lane, or whose kept draft lacks nothing; None for others."""
    future: Future[Draft] = Future()
    if envelope.ready:
        future.set_result(returned(envelope, _draft.decode(envelope.value)))
    elif envelope.kept is not None and envelope.finished:
        future.set_result(envelope.kept.draft)
    else:
        return None
    return future
