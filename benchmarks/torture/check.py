"""What must hold afterwards, worked out from the surviving raw stream alone by an undisturbed, bounded run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.torture.contracts import broken, read_all
from benchmarks.torture.feed import MARK
from core.records import OrderKey, Position, Subscription, raw_hash
from core.records.wire import project
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.store.outbox import ALERTS, ENRICHED, REJECTED, Outbox, id_of
from core.streams import StreamRecord, open_stream
from core.topics.definitions import builtin_definitions
from pipeline.drivers.slices import SliceGraph, SliceLimits, run_slices
from pipeline.elements import Envelope
from pipeline.flow import Flow
from pipeline.ledger.ledger import RunLedger
from pipeline.order.merge import article_of

REFERENCE = "reference"
SHOWN = 5


@dataclass
class Findings:
    """What was counted, and what is wrong.

    ``repeats``: records of the output streams that came more than once. ``checked``: records by stream that a contract was
    held against.
    """

    records: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    alerts: int = 0
    relayed_alerts: int = 0
    repeats: int = 0
    late: int = 0
    duplicates: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def verify(
    settings: Settings,
    subscriptions: Sequence[Subscription],
    published: set[tuple[int, int]],
    folder: Path,
    *,
    cuts: bool = False,
) -> Findings:
    """Compare the run of these settings, which has come to rest, with a bounded run over its raw stream.

    ``published``: (article, version) that the feeds have shown. ``folder`` is for the bounded run's own store. ``cuts``: the
    raw stream lost records that had been handled. Their articles stay, so the run has more than the bounded one, and
    only that nothing is missing is compared.
    """
    found = Findings()
    store = open_store(settings.store)
    reader, ledger = StoreReader(store, settings.run), RunLedger(store, settings.run, "")
    try:
        with open_stream(settings.stream, settings.raw_stream) as raw:
            records, uuid = list(read_all(raw)), raw.uuid
        found.records, found.outcomes = len(records), reader.count_outcomes()
        _each_once(found, reader, uuid, records)
        _nothing_lost(found, records, published)
        late = ledger.offsets(uuid).late_keys()
        found.late = len(late)
        reference = _bounded(records, uuid, late, subscriptions, folder)
        (_complete if cuts else _equal)(found, reader, reference)
        _relayed(found, reader, settings)
        found.checked, wrong = broken(settings)
        _tell(found, "breaches of a stream's contract", wrong)
        if Outbox(store, "torture").waiting((ENRICHED, ALERTS, REJECTED)):
            found.problems.append("the outbox still holds results for the output streams")
        reference.store.close()
    finally:
        store.close()
    return found


def _each_once(found: Findings, reader: StoreReader, uuid: str, records: Sequence[StreamRecord]) -> None:
    """Every raw record has exactly one outcome, and no outcome is of anything else."""
    ends: Counter[tuple[int, int]] = Counter()
    for outcome in reader.outcomes():
        if outcome.stream != uuid:
            found.problems.append(f"an outcome of another stream: {outcome.stream}")
        ends.update((outcome.partition, offset) for offset in range(outcome.first_offset, outcome.last_offset + 1))
    there = {(record.partition, record.offset) for record in records}
    _tell(found, "raw records without an outcome", sorted(there - ends.keys()))
    _tell(found, "outcomes without a raw record", sorted(ends.keys() - there))
    twice = sorted(position for position, count in ends.items() if count > 1)
    found.duplicates += len(twice)
    _tell(found, "raw records with two outcomes", twice)


def _nothing_lost(found: Findings, records: Sequence[StreamRecord], published: set[tuple[int, int]]) -> None:
    """Every version that a feed has shown is in the raw stream."""
    seen = {mark for record in records for mark in marks(record.value)}
    _tell(found, "published, but not in the raw stream", sorted(published - seen))


def marks(value: bytes) -> Iterator[tuple[int, int]]:
    """The (article, version) that a raw record shows."""
    for number, version in MARK.findall(value):
        yield int(number), int(version)


class _InOrder:
    """The raw records sorted by their order keys; late ones are at the places that the run gave them."""

    def __init__(self, records: Sequence[StreamRecord], uuid: str, late: dict[tuple[int, int], OrderKey]) -> None:
        twins: Counter[tuple[int, str, str]] = Counter()
        keyed: list[tuple[OrderKey, StreamRecord]] = []
        for record in sorted(records, key=lambda one: (one.partition, one.offset)):
            key = late.get((record.partition, record.offset))
            if key is None:
                natural = (record.timestamp_ms, article_of(record), raw_hash(record.value))
                key = OrderKey(*natural, twins[natural])
                twins[natural] += 1
            keyed.append((key, record))
        keyed.sort(key=lambda one: one[0])
        self._left = [
            Envelope(
                number=number,
                position=Position(run=REFERENCE, stream=uuid, partition=record.partition, offset=record.offset),
                key=key,
                value=record.value,
            )
            for number, (key, record) in enumerate(keyed)
        ]

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:  # noqa: ARG002 - all of it is there
        taken, self._left = self._left[: limits.records], self._left[limits.records :]
        return taken


def _bounded(
    records: Sequence[StreamRecord],
    uuid: str,
    late: dict[tuple[int, int], OrderKey],
    subscriptions: Sequence[Subscription],
    folder: Path,
) -> StoreReader:
    url = f"sqlite:///{folder / 'reference.db'}"
    store = open_store(url)
    RunLedger(store, REFERENCE, "torture").take(kind="bounded", now_ms=0)
    queries = SubscriptionStore(store)
    queries.save_topics(builtin_definitions(), now_ms=0)
    queries.save_subscriptions(subscriptions, now_ms=0, from_the_beginning=True)
    graph = SliceGraph(Flow(url, REFERENCE, "torture"))
    run_slices(
        _InOrder(records, uuid, late), graph, limits=SliceLimits(records=250), stop=lambda: False, until_empty=True
    )
    return StoreReader(store, REFERENCE)


def _equal(found: Findings, reader: StoreReader, reference: StoreReader) -> None:
    """What every run of one input must give: articles, alerts and outcomes, in their order."""
    alerts = list(reader.alerts())
    found.alerts = len(alerts)
    twice = [name for name, count in Counter(alert.id for alert in alerts).items() if count > 1]
    found.duplicates += len(twice)
    _tell(found, "alerts that exist twice", twice)
    if not alerts:
        found.problems.append("there is no alert at all, so nothing was shown")
    kinds: tuple[tuple[str, Iterator[Any], Iterator[Any]], ...] = (
        ("articles", reader.articles(), reference.articles()),
        ("alerts", iter(alerts), reference.alerts()),
    )
    nothing: dict[str, Any] = {}
    for what, ours, theirs in kinds:
        pairs = zip_longest(map(project, ours), map(project, theirs), fillvalue=nothing)
        differing = [_difference(one, other) for one, other in pairs if one != other]
        _tell(found, f"{what} that differ from the bounded run's", differing)
    outcomes = [_placed(one) for one in reader.outcomes()], [_placed(one) for one in reference.outcomes()]
    both = zip_longest(*outcomes, fillvalue=nothing)
    differing = [_difference(one, other) for one, other in both if one != other]
    _tell(found, "outcomes that differ from the bounded run's", differing)


def _complete(found: Findings, reader: StoreReader, reference: StoreReader) -> None:
    """Behind a cut: each article of the surviving records is there."""
    found.alerts = sum(1 for _ in reader.alerts())
    ours, theirs = {one.id for one in reader.articles()}, {one.id for one in reference.articles()}
    _tell(found, "articles of raw records that the store doesn't have", sorted(theirs - ours))


def _placed(outcome: Any) -> dict[str, Any]:
    """Here both runs read the same stream, so where the record lay is compared too."""
    return project(outcome) | {"at": [outcome.partition, outcome.first_offset, outcome.last_offset]}


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    name = one.get("id") or other.get("id") or one.get("at") or other.get("at")
    return f"{name}: " + ", ".join(f"{key} {str(one.get(key))[:60]} / {str(other.get(key))[:60]}" for key in names[:4])


def _relayed(found: Findings, reader: StoreReader, settings: Settings) -> None:
    """What the output streams hold: all of it, nothing else, and a repeat is recognisable by its id."""
    by_id: dict[str, set[bytes]] = {}
    total = 0
    with open_stream(settings.stream, ALERTS) as stream:
        for record in read_all(stream):
            total += 1
            by_id.setdefault(id_of((record.key or b"").decode()), set()).add(record.value)
    found.relayed_alerts = total
    found.repeats += total - len(by_id)
    stored = {alert.id for alert in reader.alerts()}
    _tell(found, "alerts that were not relayed", sorted(stored - by_id.keys()))
    _tell(found, "relayed alerts that the store doesn't have", sorted(by_id.keys() - stored))
    _tell(found, "alerts relayed with two contents", sorted(key for key, values in by_id.items() if len(values) > 1))
    versions: Counter[tuple[str, int]] = Counter()
    last: dict[str, int] = {}
    with open_stream(settings.stream, ENRICHED) as stream:
        for record in read_all(stream):
            article = msgspec.json.decode(record.value)
            versions[article["id"], article["version"]] += 1
            last[article["id"]] = article["version"]
    found.repeats += sum(versions.values()) - len(versions)
    newest = {(article.id, article.version) for article in reader.articles()}
    _tell(found, "articles that were not relayed", sorted(newest - versions.keys()))
    older = sorted(identity for identity, version in newest if last.get(identity, version) != version)
    _tell(found, "articles whose last relayed version is not the newest", older)


def _tell(found: Findings, what: str, which: Sequence[Any]) -> None:
    if which:
        shown = "; ".join(str(one) for one in which[:SHOWN])
        found.problems.append(f"{len(which)} {what}: {shown}{' …' if len(which) > SHOWN else ''}")
