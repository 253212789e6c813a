"""Running the real graph over the day, in one piece or cut, stopped and started again, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from core.errors import StoreError, WirewatchError
from core.records.wire import project
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.store.outbox import Outbox
from core.streams import NewRecord, Stream, create_stream
from core.topics.definitions import builtin_definitions
from pipeline.drivers.bounded import BoundedRun
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.slices import SliceGraph, SliceLimits, StreamSlices
from pipeline.flow import Flow
from pipeline.ledger.ledger import RunLedger
from pipeline.order import Merge
from pipeline.transforms import write
from tests.pipeline.flow.input import END_MS, Item, subscriptions

SCOPE = "law"
Results = dict[str, list[dict[str, Any]]]


def results(reader: StoreReader) -> Results:
    """What the law compares. Outcomes by item and place, since positions are outside the law."""
    outcomes = [project(one) for one in reader.outcomes()]
    return {
        "articles": [project(one) for one in reader.articles()],
        "alerts": [project(one) for one in reader.alerts()],
        "outcomes": sorted(outcomes, key=lambda one: (one["item"], str(one["key"]))),
    }


def bounded(folder: Path, items: Sequence[Item], limits: SliceLimits) -> tuple[Results, Counter[str]]:
    """The items as a bounded run, added in the given order."""
    folder.mkdir()
    with BoundedRun(folder, subscriptions=subscriptions(), now_ms=END_MS, limits=limits) as run:
        for item in items:
            if item.raw is None:
                run.add_problem(item.name, "not JSON")
            else:
                run.add(item.raw, item.name)
        run.run()
        return results(run.reader), run.counts()


def spread(url: str, name: str, items: Sequence[Item], partitions: int, random: Random) -> Stream:
    """A stream of the items, each in a partition drawn at random; times rise within a partition, as appended ones do."""
    stream = create_stream(url, name, partitions, archive=True)
    shuffled = random.sample(items, len(items))
    shuffled.sort(key=lambda item: item.time_ms)
    stream.append([NewRecord(item.key, item.value, random.randrange(partitions), item.time_ms) for item in shuffled])
    return stream


class Interruption(StoreError):
    """Stands for a crash inside the sink's call."""


@contextmanager
def crashing(kind: str, random: Random) -> Iterator[None]:
    """While it lasts, some commit fails: before anything is written, or after it was, as a killed process's would."""
    commit, left = RunLedger.commit, [random.randrange(2)]

    def failing(self: RunLedger, *args: Any, **options: Any) -> int:
        if left[0] == 0 and kind == "before anything is written":
            raise Interruption(kind)
        seq = commit(self, *args, **options)
        if left[0] == 0:
            raise Interruption(kind)
        left[0] -= 1
        return seq

    with mock.patch.object(RunLedger, "commit", failing):
        yield


CRASHES = ("before anything is written", "behind the commit")


@dataclass
class Embedded:
    """A store whose queries are saved already, for many runs."""

    url: str
    store: Store

    @classmethod
    def at(cls, folder: Path) -> Embedded:
        url = f"sqlite:///{folder / 'store.db'}"
        store = open_store(url)
        queries = SubscriptionStore(store, SCOPE)
        queries.save_topics(builtin_definitions(), now_ms=END_MS)
        queries.save_subscriptions(subscriptions(), now_ms=END_MS, from_the_beginning=True)
        return cls(url, store)

    def read_all(self, stream: Stream, run: str, random: Random) -> int:
        """The whole stream in slices of any size, restarted and crashing up to twice; returns the number of starts."""
        starts, troubles = 0, [random.choice(("stop", *CRASHES)) for _ in range(random.randrange(3))]
        # Small parts, so that a slice may be stored half when the process dies.
        with mock.patch.object(write, "BATCH", random.choice((2, 5, 500))):
            while True:
                starts += 1
                trouble = troubles.pop() if troubles else None
                if self._go_on(stream, run, f"owner {starts}", trouble, random):
                    return starts

    def _go_on(self, stream: Stream, run: str, owner: str, trouble: str | None, random: Random) -> bool:
        ledger = RunLedger(self.store, run, owner)
        state = ledger.take(kind="live", now_ms=END_MS)
        offsets = ledger.offsets(stream.uuid)
        frontier = offsets.contiguous(offsets.first(stream.start_offsets(stream.partitions())))
        merge = Merge(
            {partition: lowest for partition, (lowest, _) in frontier.items()},
            done={partition: beyond for partition, (_, beyond) in frontier.items()},
            last=state.last_key,
        )
        reader = MergingReader(stream, merge, clock_ms=lambda: END_MS)
        slices, graph = StreamSlices(reader, run), SliceGraph(Flow(self.url, run, owner, scope=SCOPE, publish=True))
        until_trouble = random.randrange(4)
        while envelopes := slices.take(SliceLimits(random.randint(1, 12), random.choice((2_000, 1 << 20))), wait_ms=0):
            if trouble in CRASHES and until_trouble == 0:
                again = False
                with crashing(trouble, random):
                    try:
                        graph.run(envelopes)
                    except WirewatchError:
                        if random.random() < 0.5:
                            return False
                        again = True
                if again:
                    # As a runner does that tries a bundle again in the process where it failed.
                    graph.run(envelopes)
            else:
                graph.run(envelopes)
            if trouble == "stop" and until_trouble == 0:
                return False
            until_trouble -= 1
        return True

    def results(self, run: str) -> Results:
        return results(StoreReader(self.store, run))

    def sent(self) -> Counter[str]:
        """How many records the outbox held for each output stream; they are struck off."""
        outbox = Outbox(self.store, "law")
        rows = outbox.take(10_000, now_ms=END_MS)
        outbox.done(rows)
        return Counter(row.destination for row in rows)
