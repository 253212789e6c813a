"""The whole graph. A driver feeds it: in slices (``pipeline.drivers.slices``) or as a stream (``pipeline.drivers.stream``).

::

    envelopes ─► clean (decode, extract, language, features) ─► tag ─► match ─► order ─► stories, alerts, outcomes ─► store
                 └───────── stateless, any order, any number of workers ──────┘    └───────── one key per run ──────┘
"""

from __future__ import annotations

from dataclasses import dataclass

import apache_beam as beam

from pipeline.transforms.clean import Clean
from pipeline.transforms.coders import Draft, Envelope
from pipeline.transforms.match import MatchSubscriptions, TagTopics
from pipeline.transforms.write import WriteResults


@dataclass(frozen=True)
class Flow:
    """What the graph must know. ``scope`` names the subscriptions and topics: ``live``, or the run's own.

    ``owner`` is the token that took the run; ``publish`` puts results into the outbox for the output streams;
    ``extraction_processes`` is the size of each worker's pool (0: extract in the worker itself).
    """

    store_url: str
    run: str
    owner: str
    scope: str = "live"
    publish: bool = False
    extraction_processes: int = 0


def build(envelopes: beam.PCollection[Envelope], order: beam.PTransform, flow: Flow) -> beam.PCollection[None]:
    """Envelopes in any order → results in the store, decided in number order, which ``order`` restores."""
    return (
        envelopes
        | "Spread" >> beam.Reshuffle()
        | "Clean" >> Clean(flow.extraction_processes)
        | "Tag" >> TagTopics(flow.store_url, flow.scope)
        | "Match" >> MatchSubscriptions(flow.store_url, flow.scope)
        | "One key per run" >> beam.Map(_by_run).with_output_types(tuple[str, Draft])
        | "Order" >> order
        | "Decide and write"
        >> WriteResults(flow.store_url, flow.run, flow.owner, publish=flow.publish, scope=flow.scope)
    )


def _by_run(draft: Draft) -> tuple[str, Draft]:
    return draft.position.run, draft
