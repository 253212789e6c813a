"""A live run over a stream with late records, edited queries and copies, and replays of it: all in one store."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from core.records import Outcome, RawArticle, Subscription, article_id, encode, raw_hash, to_ms
from core.records.wire import project
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.streams import NewRecord, Stream, create_stream, open_stream
from core.topics.definitions import builtin_definitions
from desk.labels import OutletLabels, outlet_label
from pipeline.drafts.kept import Keeping
from pipeline.drivers.history import History, StreamHistory
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.replay import Pace, Progress, ReplayRun
from pipeline.drivers.slices import SliceGraph, SliceLimits, StreamSlices
from pipeline.flow import Flow
from pipeline.ledger.ledger import RunLedger
from pipeline.order import Merge
from pipeline.replay.runs import RUNNING, Replay, ReplayRepository, late_places
from pipeline.transforms.extraction_pool import PoolPlan
from tests.pipeline.flow.input import END_MS, START, day, subscriptions

Results = dict[str, list[dict[str, Any]]]
START_MS = to_ms(START)
LATER_MS = END_MS + 1_000_000
EDIT_MS = START_MS + 4_000
SMALL = SliceLimits(records=5, bytes=1 << 20)
_names = itertools.count()


def results(store: Store, run: str, *, from_ms: int = 0, to_ms: int = 1 << 46) -> Results:
    """What the law compares, of a stretch of event time."""
    reader = StoreReader(store, run)

    def inside(time_ms: int) -> bool:
        return from_ms <= time_ms < to_ms

    def when(outcome: Outcome) -> int:
        return outcome.key.time_ms if outcome.key else 0

    outcomes = [project(one) for one in reader.outcomes() if inside(when(one))]
    return {
        "articles": [project(one) for one in reader.articles() if inside(one.key.time_ms)],
        "alerts": [project(one) for one in reader.alerts() if inside(int(one.raised_at.timestamp() * 1000))],
        "outcomes": sorted(outcomes, key=lambda one: (one["item"], str(one["key"]))),
    }


@dataclass
class World:
    """One store and stream. ``live`` runs what is there; ``replay`` replays it."""

    folder: Path
    stream_url: str
    store_url: str
    store: Store
    stream: Stream
    name: str
    handled: dict[str, int] = field(default_factory=dict)
    reused: dict[str, int] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path, stream_url: str = "", store_url: str = "", *, subscribed: bool = True) -> World:
        name = f"raw-{uuid4().hex}"  # one broker serves several test processes
        stream_url = stream_url or f"sqlite:///{folder}/streams.db"
        store_url = store_url or f"sqlite:///{folder}/store.db"
        store = open_store(store_url)
        SubscriptionStore(store).save_topics(builtin_definitions(), now_ms=START_MS - 60_000)
        stored = [*subscriptions(), Subscription(id="labelled", query="kind:state OR kind:agency")]
        if subscribed:
            SubscriptionStore(store).save_subscriptions(stored, now_ms=START_MS - 60_000, from_the_beginning=True)
        return cls(folder, stream_url, store_url, store, create_stream(stream_url, name, 3, archive=True), name)

    def close(self) -> None:
        self.stream.close()
        self.store.close()

    def edit_queries(self) -> None:
        """In the middle of the day: one subscription changes its words, one ends, one is new."""
        mine = subscriptions()
        changed = [msgspec.structs.replace(mine[-1], query="port OR strike")]
        changed.append(msgspec.structs.replace(mine[0], active=False))
        changed.append(Subscription(id="new", query="convoy OR gale OR peremirie OR перемирие OR riyadh"))
        # A saving holds from 2 s behind its clock.
        SubscriptionStore(self.store).save_subscriptions(changed, now_ms=EDIT_MS - 2_000)
        labels, held_ms = OutletLabels(self.store), START_MS - 60_000
        labels.put(outlet_label("lanterns", "agency", "a list", now_ms=held_ms))
        labels.drop("lanterns", "agency", now_ms=EDIT_MS - 2_000)
        labels.put(outlet_label("harbour", "state", "a list", now_ms=EDIT_MS - 2_000))

    def append(self, records: Sequence[tuple[int, bytes, bytes, int]]) -> None:
        """Append (partition, key, value, event time)."""
        self.stream.append(
            [
                NewRecord(key, value, partition, time_ms, digest=raw_hash(value))
                for partition, key, value, time_ms in records
            ]
        )

    def append_day(self) -> None:
        """The day, spread over the partitions so that times rise within each."""
        items = sorted(day(), key=lambda item: (item.time_ms, item.name, item.value))
        self.append([(n % 3, item.key, item.value, item.time_ms) for n, item in enumerate(items)])

    def live(self, limits: SliceLimits = SMALL, run: str = "live") -> int:
        """Handle what is there as the continuous run does."""
        owner = f"{run} {next(_names)}"
        ledger = RunLedger(self.store, run, owner)
        state = ledger.take(kind="live", now_ms=END_MS)
        first = ledger.offsets(self.stream.uuid).first(self.stream.start_offsets(self.stream.partitions()))
        frontier = ledger.offsets(self.stream.uuid).contiguous(first)
        merge = Merge(
            {partition: lowest for partition, (lowest, _) in frontier.items()},
            done={partition: beyond for partition, (_, beyond) in frontier.items()},
            last=state.last_key,
        )
        slices = StreamSlices(MergingReader(self.stream, merge, clock_ms=lambda: LATER_MS), run)
        graph, count = SliceGraph(Flow(self.store_url, run, owner)), 0
        while envelopes := slices.take(limits, wait_ms=0):
            graph.run(envelopes)
            count += len(envelopes)
        return count

    def row(self, name: str, *, from_ms: int, to_ms: int, base: str | None, of: str = "live") -> Replay:
        row = Replay(
            name=name,
            spec=encode({"of": of}).decode(),
            base=base,
            from_ms=from_ms,
            to_ms=to_ms,
            no_claim=None,
            state=RUNNING,
            started_ms=END_MS,
        )
        ReplayRepository(self.store).put(row)
        return row

    def history(self, name: str, from_ms: int, to_ms: int, after_ms: int | None, of: str) -> StreamHistory:
        uuid = self.stream.uuid
        late = {where[1:]: key for where, key in late_places(self.store, of).items() if where[0] == uuid}
        return StreamHistory(
            open_stream(self.stream_url, self.name),
            name,
            from_ms=from_ms,
            to_ms=to_ms,
            late=late,
            clock_ms=lambda: LATER_MS,
            after_ms=after_ms,
        )

    def replay(
        self,
        *,
        name: str = "",
        from_ms: int = 0,
        to_ms: int = LATER_MS - 10_000,
        base: str | None = None,
        of: str = "live",
        slices: int = 1_000,
        limits: SliceLimits = SMALL,
        history: History | None = None,
        keeping: Keeping | None = None,
    ) -> tuple[str, Replay]:
        """Replay, at most so many slices; the same name again goes on."""
        name = name or f"replay-{next(_names)}"
        row = ReplayRepository(self.store).get(name) or self.row(name, from_ms=from_ms, to_ms=to_ms, base=base, of=of)
        run = ReplayRun(self.store, self.store_url, row, scope="live", pool=PoolPlan(), now_ms=END_MS, keeping=keeping)
        handled: list[Progress] = []
        found = run.run(
            history or self.history(name, row.from_ms, row.to_ms, run.after_ms, of),
            pace=Pace(None, lambda: 0.0),
            stop=lambda: len(handled) >= slices,
            pause=lambda _seconds: None,
            clock_ms=lambda: END_MS,
            progress=handled.append,
            limits=limits,
        )
        self.reused[name] = run.reused
        return name, found

    def results(self, run: str, **span: int) -> Results:
        return results(self.store, run, **span)


def raw_record(url: str, text: str, fetched_ms: int, **fields: object) -> tuple[bytes, bytes]:
    """Key and value of a raw article."""
    at = msgspec.convert(fetched_ms / 1000, type=type(START), strict=False)
    raw = RawArticle(url=url, source="outlet", fetched_at=at, title=text[:40], text=text, **fields)  # type: ignore[arg-type]
    return article_id(url).encode(), encode(raw)


def late_records() -> list[tuple[int, bytes, bytes, int]]:
    """Records of the middle of the day that come when all of it was handled: one of them is about the edited queries."""
    texts: Mapping[str, str] = {
        "late-port": "The port of Odesa stayed shut on Thursday while strike talks went on, the harbour master said. "
        * 3,
        "late-convoy": "Another convoy of lorries left for the camps on Thursday morning, drivers at the depot said. "
        * 3,
    }
    found = []
    for number, (name, text) in enumerate(texts.items()):
        time_ms = EDIT_MS - 1_500 + number * 2_000
        found.append((number, *raw_record(f"https://late.test/{name}", text, time_ms), time_ms))
    return found
