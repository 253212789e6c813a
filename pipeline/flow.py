"""The whole graph. A driver feeds it: in slices (``pipeline.drivers.slices``) or as a stream (``pipeline.drivers.stream``).

::

    envelopes ─► clean, tag, match (in processes of their own) ─► order ─► stories, alerts, outcomes ─► store
                 └─ stateless, any order, any number of workers ─┘         └───────── one key per run ──────┘
"""

from __future__ import annotations

from dataclasses import dataclass

import apache_beam as beam

from pipeline.drafts.kept import Keeping
from pipeline.ledger.writer import ORDER_LIMIT_S, WritePlan
from pipeline.transforms.clean import Clean
from pipeline.transforms.coders import Draft, Envelope
from pipeline.transforms.extraction_pool import INLINE, PoolPlan
from pipeline.transforms.record import RecordWork
from pipeline.transforms.write import WriteResults


@dataclass(frozen=True)
class Flow:
    """The parameters of the graph. ``scope`` names the subscriptions and topics: ``live``, or the run's own.

    ``owner`` is the token that took the run; ``publish`` puts results into the outbox for the output streams; ``pool``
    defines the processes of each worker that prepare records, and their time limits; ``order_limit_s``: how long a
    record may take in the ordered stage before its process is ended. ``vectors``: whether articles get vectors, without
    which each story has one language. ``keeping``: where prepared drafts are kept; None: nowhere. ``last_words``: the
    folder on each worker's machine in which a process notes what it decides; empty: none.
    """

    store_url: str
    run: str
    owner: str
    scope: str = "live"
    publish: bool = False
    pool: PoolPlan = INLINE
    order_limit_s: float = ORDER_LIMIT_S
    vectors: bool = True
    keeping: Keeping | None = None
    last_words: str = ""

    @property
    def work(self) -> RecordWork:
        """The work on each record by itself."""
        return RecordWork(self.store_url, self.scope, vectors=self.vectors, keeping=self.keeping)

    @property
    def writing(self) -> WritePlan:
        """How records are decided and stored."""
        return WritePlan(
            store_url=self.store_url,
            run=self.run,
            owner=self.owner,
            publish=self.publish,
            scope=self.scope,
            limit_s=self.order_limit_s,
            last_words=self.last_words,
        )


def build(envelopes: beam.PCollection[Envelope], order: beam.PTransform, flow: Flow) -> beam.PCollection[None]:
    """Envelopes in any order → results in the store, decided in number order, which ``order`` restores.

    A driver with several workers spreads the envelopes over them (``beam.Reshuffle``). In one process that only costs: every
    page would be encoded and decoded between two steps.
    """
    return (
        envelopes
        | "Clean, tag, match" >> Clean(flow.pool, flow.work)
        | "One key per run" >> beam.Map(_by_run).with_output_types(tuple[str, Draft])
        | "Order" >> order
        | "Decide and write" >> WriteResults(flow.writing)
    )


def _by_run(draft: Draft) -> tuple[str, Draft]:
    return draft.position.run, draft
