"""What is asked on a timer, at a start or for each bundle does not grow with the store, on PostgreSQL.

``make test-growth`` fills a store with GROWTH_ROWS outcomes (20 million); the second tier does the same with few.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from connectors.store.feeds import FeedRepository
from connectors.store.polls import PollRepository
from core.durations import DAY_MS
from core.records import from_ms
from core.records.text_limits import DEFAULT, TextLimit, TextLimits
from core.search.index import SearchIndex
from core.search.indexer import State
from core.settings import Settings
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.store import tables as t
from core.store.canary import CanaryRepository
from core.store.outbox import ALERTS, ENRICHED, PEOPLE, Outbox, replace_payloads
from core.streams import create_stream
from desk.delivery.metrics import DeliveryMetrics
from desk.delivery.service import Forgetting
from desk.delivery.store.queue import SendQueue
from desk.live.follow import Board, Follower
from pipeline.drivers.live import LiveRun
from pipeline.ledger import tables as own
from pipeline.ledger.ledger import RunLedger
from pipeline.ledger.pruning import Keep, Pruning
from pipeline.ledger.takedown import take_down
from pipeline.ledger.texts import FIRST, find_texts, remove_texts
from pipeline.ledger.writer import RunWriter
from tests.growth.fill import GROWING, PARTITIONS, STEP_MS, Size, _identity, fill
from tests.growth.plans import Plans, watched
from tests.pipeline.transforms.support import NOON_MS, draft
from wirewatch.monitoring.metrics import PipelineProbes
from wirewatch.replay.sources import late_places

SMALL, MIDDLE = 10_000, 60_000
LARGE = int(os.environ.get("GROWTH_ROWS", "20000000"))
FEW = 20_000
"""So many rows of a table may be read one after the other: while it is small the planner is right to."""
FEW_TEXTS = 100


@dataclass
class World:
    """A filled store, with the stream that it follows."""

    store: Store
    settings: Settings
    size: Size
    folder: Path

    @property
    def ledger(self) -> RunLedger:
        """The run, under its present owner."""
        with self.store.reading() as connection:
            owner = connection.execute(sa.select(t.runs.c.owner)).scalar_one()
        return RunLedger(self.store, "live", owner)

    def clock(self) -> int:
        return NOON_MS


def made(url: str, folder: Path, outcomes: int) -> World:
    size = Size(outcomes)
    settings = Settings(data_dir=str(folder), store_url=url, partitions=PARTITIONS, outcomes_keep_days=0)
    store = open_store(url)
    with create_stream(settings.stream, settings.raw_stream, PARTITIONS, archive=True) as stream:
        fill(store, stream, size)
    # The stream's records were deleted by retention long ago.
    with sqlite3.connect(folder / "streams.db") as connection:
        connection.execute(
            "UPDATE heads SET start_offset = ?, next_offset = ?, last_ms = ?", (outcomes // 4, outcomes // 4, NOON_MS)
        )
    connection.close()
    return World(store, settings, size, folder)


def start(world: World) -> None:
    live = LiveRun(world.settings, world.clock)
    assert live.resumption().start == dict.fromkeys(range(PARTITIONS), world.size.outcomes // PARTITIONS)
    live.mirror_ledger()
    live.close()


def scrape(world: World) -> None:
    probes = PipelineProbes(world.settings, world.clock)
    assert list(probes.metrics.collect())
    probes.metrics.close()


def ready(world: World) -> None:
    probes = PipelineProbes(world.settings, world.clock)
    assert {check.name: check.ok for check in probes.ready()}["pipeline"]
    probes.metrics.close()


def offsets(world: World) -> None:
    end, uuid = world.size.outcomes // PARTITIONS, _uuid(world)
    known = world.ledger.offsets(uuid)
    assert known.contiguous({0: end, 3: end - 2}) == {0: (end, []), 3: (end, [])}
    assert known.strike_beyond({0: end}) == 0
    assert known.newest_handled(1, 1 << 62) is not None
    assert world.ledger.done([]) == set()


def bundle(world: World) -> None:
    """A worker's first bundle, which loads the window, and its second."""
    ledger = world.ledger
    writer = RunWriter(ledger, publish=True)
    for number in (1, 2):
        where = msgspec.structs.replace(
            draft(0).position, stream=_uuid(world), offset=world.size.outcomes // PARTITIONS + number
        )
        one = draft(number, f"https://outlet.example/new/{number}", text="Words of a new text. " * 40, position=where)
        writer.write([one])


def outbox(world: World) -> None:
    box = Outbox(world.store, "me")
    assert list(box.runs([ENRICHED, ALERTS])) == ["live"]
    assert len(box.of_run("live", [ENRICHED, ALERTS], 50)) == 50
    assert not box.waiting({PEOPLE})
    assert box.take(50, now_ms=NOON_MS, destinations={PEOPLE}) == []
    assert len(box.take(50, now_ms=NOON_MS)) == 50
    with world.store.writing() as connection:
        replace_payloads(connection, "live", {_identity(number): "[]" for number in range(500)})


def delivery(world: World) -> None:
    queue = SendQueue(world.store, "me")
    queue.take_alerts(50, now_ms=NOON_MS)
    queue.background(["s1"], [_identity(5)], now_ms=NOON_MS)
    assert queue.gather(now_ms=NOON_MS) == 0
    assert queue.claim(now_ms=NOON_MS) == []
    assert queue.messages("hook", now_ms=NOON_MS) == []
    assert Forgetting(world.store, 90 * DAY_MS).tend(NOON_MS) == 0
    assert list(DeliveryMetrics(world.store, world.clock, CollectorRegistry()).collect())


def desk(world: World) -> None:
    follower = Follower(world.store, "live", Board(), clock_ms=world.clock)
    follower.load(400)
    assert follower.look() is None
    assert len(follower.board.snapshot()) == 400
    reader = follower.reader
    assert reader.changes(world.size.commits - 50, most=200).articles
    assert len(reader.articles(limit=50, source="outlet5.example")) > 0
    assert reader.alerts(limit=50, subscription="s25")


def search(world: World) -> None:
    with world.store.reading() as connection:
        run = connection.execute(sa.select(t.runs)).one()
    folder = world.folder / "search"
    index = SearchIndex.open(folder)
    state = State(created_ms=run.created_ms, seq=run.seq - 20)
    (index.folder / "state.json").write_bytes(msgspec.json.encode(state))
    assert index.refresh(StoreReader(world.store, "live"))
    assert index.refresh(StoreReader(world.store, "live"))
    index.close()


def feeds(world: World) -> None:
    state = FeedRepository(world.store, owner="me", linger_s=10)
    names = state.due(from_ms(NOON_MS + 60_000), limit=20)
    assert len(names) == 20
    state.load_all(names)
    state.next_due()
    PollRepository(world.store).add(names[0], NOON_MS + 5_000, new=1)


def canary(world: World) -> None:
    book = CanaryRepository(world.store, "live")
    assert not book.due(now_ms=NOON_MS, interval_s=300)
    assert book.undelivered() == []
    assert SubscriptionStore(world.store).stamp()


def pruning(world: World) -> None:
    keep_ms = (world.size.outcomes - 8_000) * STEP_MS
    steps = Pruning(world.ledger, Keep(outcomes_ms=keep_ms))
    assert steps.step(NOON_MS) is not None
    steps = Pruning(world.ledger, Keep(articles_ms=keep_ms))
    assert steps.step(NOON_MS) is not None
    steps = Pruning(world.ledger, Keep(commits_ms=DAY_MS))
    assert steps.step(NOON_MS) is not None


def texts(world: World) -> None:
    # Fewer at once than the service takes: each text has places of its own in five indexes, and each of their trees is
    # deeper in the larger store, which is to be told from a scan.
    limits = TextLimits([TextLimit(source=DEFAULT, effective_from_ms=0, keep_ms=DAY_MS)])
    with world.store.reading() as connection:
        found = find_texts(connection, "live", limits, NOON_MS, FIRST, FEW_TEXTS)
    with world.store.writing() as connection:
        assert remove_texts(connection, "live", limits, NOON_MS, found.versions) == FEW_TEXTS


def takedown(world: World) -> None:
    assert take_down(world.store, "https://outlet.example/not/there", "a court", by="", now_ms=NOON_MS).outcomes == 0
    assert late_places(world.store, "live") == {}


WORKS: tuple[Callable[[World], None], ...] = (
    *(start, scrape, ready, offsets, bundle, outbox, delivery, desk, search, feeds, canary, pruning, texts, takedown),
)


def _uuid(world: World) -> str:
    with world.store.reading() as connection:
        return str(connection.execute(sa.select(own.run_offsets.c.stream).limit(1)).scalar_one())


def worked(world: World) -> Iterator[tuple[str, Plans]]:
    for work in WORKS:
        with watched() as plans:
            work(world)
        yield work.__name__, plans


@pytest.mark.postgres
@pytest.mark.parametrize(
    "outcomes", [pytest.param(MIDDLE, marks=pytest.mark.slow), pytest.param(LARGE, marks=pytest.mark.growth)]
)
def test_nothing_that_is_asked_all_the_time_grows(outcomes: int, postgres_server: Path, tmp_path: Path) -> None:
    from tests.servers.postgres import fresh_database

    found: dict[int, dict[str, Plans]] = {}
    problems: list[str] = []
    for size in (SMALL, outcomes):
        (tmp_path / str(size)).mkdir()
        with fresh_database(postgres_server) as url:
            world = made(url, tmp_path / str(size), size)
            try:
                found[size] = dict(worked(world))
            finally:
                world.store.close()
            for name, plans in found[size].items():
                problems += [
                    f"{name} reads {rows:,} rows of {table} one after the other at {size:,}: {statement[:300]}"
                    for table, statement, rows in dict.fromkeys(plans.scans)
                    if table in GROWING and rows > FEW
                ]
    print(f"\n{'work':<10} {'statements':>10} {'pages':>18} {'rows':>18}   at {SMALL:,} and {outcomes:,} outcomes")
    for name, few in found[SMALL].items():
        many = found[outcomes][name]
        print(f"{name:<10} {many.statements:>10} {few.pages:>8,} {many.pages:>9,} {few.rows:>8,} {many.rows:>9,}")
        # Deeper trees, and small tables, which the planner rightly reads whole; a scan would be hundreds of times as much.
        if many.pages > 2 * few.pages + 2_000 or many.rows > 2 * few.rows + FEW:
            pages, statement, plan = many.dearest
            problems.append(
                f"{name} grows: the dearest statement touches {pages} pages: {statement[:600]}\n{plan[:3_000]}"
            )
    assert not problems, "\n".join(problems)


def test_the_tables_that_grow_are_all_watched() -> None:
    from core.store.metadata import metadata

    assert set(GROWING) <= set(metadata.tables)
