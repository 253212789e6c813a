"""Counts of a run, updated in the transactions that store its results: a scrape reads a few rows, however old the run is.

=====================  =====================  ================================================================
name                   label                  value
=====================  =====================  ================================================================
outcomes               kind of outcome        raw records; a lost range counts all its offsets
postponed              why                    raw records that left the order for the slow lane
rejected               stage: kind of reason  raw records that were rejected; see ``core.store.retries.kind_of``
refused_by_limit       stage: limit           raw records rejected by a time or memory limit
not_decided                                   queries that were left undecided on an article
latency.STAGE          upper bound in s       records that took up to that long, not cumulative; ``inf``: the rest
latency_ms             STAGE                  milliseconds in total
=====================  =====================  ================================================================

Stages: ``published_to_fetched`` (new articles with a credible date that were not in the feed at its first poll),
``fetched_to_append``, ``append_to_store`` (without those of the slow lane), ``store_to_delivery`` (counted by the
delivery service).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import sqlalchemy as sa

from core.store.engine import Store
from core.store.tables import counters, gauges, source_activity

_QUICK_S = (0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300)
LATENCY_S: Mapping[str, tuple[float, ...]] = {
    "published_to_fetched": (30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400),
    "fetched_to_append": _QUICK_S,
    "append_to_store": _QUICK_S,
    "store_to_delivery": _QUICK_S,
}
"""Upper bounds of each stage's buckets, in seconds."""

OUTCOMES, NOT_DECIDED, INF = "outcomes", "not_decided", "inf"
POSTPONED, REFUSED_BY_LIMIT, REJECTED = "postponed", "refused_by_limit", "rejected"
SOURCE_CHARS = 300
Counts = Counter[tuple[str, str]]
"""By name and label."""


class Latency(msgspec.Struct, frozen=True):
    """The histogram of one stage: cumulative (upper bound in seconds or ``inf``, records), and the sum in seconds."""

    stage: str
    buckets: tuple[tuple[float, int], ...]
    sum_s: float


class Activity(msgspec.Struct, frozen=True):
    """One source: its number of articles, and the event time (ms) and id of the latest."""

    source: str
    articles: int
    last_ms: int
    last_article: str


def latency_counts(stage: str, waits_ms: Iterable[int]) -> Counts:
    """The counts to add for waits in milliseconds; a negative wait (clocks differ) counts as 0. Pure."""
    found: Counts = Counter()
    bounds = LATENCY_S[stage]
    for wait_ms in waits_ms:
        place = bisect_left(bounds, max(0, wait_ms) / 1000)
        found[f"latency.{stage}", f"{bounds[place]:g}" if place < len(bounds) else INF] += 1
        found["latency_ms", stage] += max(0, wait_ms)
    return found


def add_counts(store: Store, connection: sa.Connection, run: str, counts: Mapping[tuple[str, str], int]) -> None:
    """Add to the counts, in the caller's transaction. Keep it short if several processes count for one run."""
    # In a fixed order, or two transactions could deadlock.
    rows = [
        {"run": run, "name": name, "label": label, "value": value} for (name, label), value in sorted(counts.items())
    ]
    if rows:
        statement = store.insert(counters)
        added = {"value": counters.c.value + statement.excluded.value}
        connection.execute(statement.on_conflict_do_update(index_elements=["run", "name", "label"], set_=added), rows)


def set_gauges(store: Store, connection: sa.Connection, run: str, values: Mapping[str, int], at_ms: int) -> None:
    """Set gauges to their values at ``at_ms``, in the caller's transaction."""
    rows = [{"run": run, "name": name, "value": value, "at_ms": at_ms} for name, value in sorted(values.items())]
    store.upsert(connection, gauges, rows)


def read_counts(connection: sa.Connection, run: str) -> Counts:
    """All counts of a run."""
    rows = connection.execute(sa.select(counters).where(counters.c.run == run))
    return Counter({(row.name, row.label): int(row.value) for row in rows})


def read_gauges(connection: sa.Connection, run: str) -> dict[str, int]:
    """All gauges of a run."""
    return {row.name: int(row.value) for row in connection.execute(sa.select(gauges).where(gauges.c.run == run))}


def read_activity(connection: sa.Connection, run: str) -> list[Activity]:
    """The sources of a run, most recently active first."""
    query = sa.select(source_activity).where(source_activity.c.run == run)
    rows = connection.execute(query.order_by(source_activity.c.last_ms.desc(), source_activity.c.source))
    return [Activity(row.source, int(row.articles), int(row.last_ms), row.last_article) for row in rows]


def latencies(counts: Counts) -> list[Latency]:
    """The histograms in counts, without stages that have no counts. Pure."""
    found = []
    for stage, bounds in LATENCY_S.items():
        total, buckets = 0, []
        for bound in bounds:
            total += counts[f"latency.{stage}", f"{bound:g}"]
            buckets.append((bound, total))
        total += counts[f"latency.{stage}", INF]
        if total:
            found.append(Latency(stage, (*buckets, (float("inf"), total)), counts["latency_ms", stage] / 1000))
    return found
