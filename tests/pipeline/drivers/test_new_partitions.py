"""Partitions that appear while a run goes on belong to it from their first record: stored, read, and missed if deleted."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from core.clock import wall_ms
from core.errors import StoreError
from core.records import encode
from core.settings import Settings
from core.store import Store, StoreReader, open_store
from core.streams import NewRecord, create_stream
from core.streams.plans import group_of
from pipeline.drivers import live as live_module
from pipeline.drivers import reader as reader_module
from pipeline.drivers.live import LiveRun, run_in_slices
from pipeline.drivers.offsets import RunOffsets
from pipeline.drivers.reader import PARTITIONS_EVERY_MS, MergingReader
from pipeline.ledger.ledger import RunLedger
from pipeline.order import Merge
from tests.pipeline.drivers.scripted import Clock, ScriptedStream
from tests.pipeline.flink.articles import raw_articles

UUID = ScriptedStream.uuid


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{tmp_path}/store.db")) as store:
        yield store


@pytest.fixture
def offsets(store: Store) -> RunOffsets:
    return taken(store)


def taken(store: Store) -> RunOffsets:
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=0)
    return RunOffsets(ledger, UUID)


def stored(store: Store) -> dict[int, int]:
    return RunLedger(store, "live", "me").offsets(UUID).first({})


def lost(store: Store) -> list[tuple[int, int, int]]:
    return [(one.partition, one.first_offset, one.last_offset) for one in StoreReader(store, "live").outcomes()]


def test_a_run_begins_where_the_log_begins(store: Store, offsets: RunOffsets) -> None:
    assert offsets.first({0: 7, 1: 0}) == {0: 7, 1: 0}
    # What is deleted later was the run's to read.
    assert taken(store).first({0: 90, 1: 90}) == {0: 7, 1: 0}


def test_a_partition_that_appeared_while_no_process_ran_belongs_to_the_run_from_its_first_record(
    store: Store, offsets: RunOffsets
) -> None:
    offsets.first({0: 7})
    assert taken(store).first({0: 8, 1: 5}) == {0: 7, 1: 0}


def test_a_partition_that_appears_is_stored_and_what_was_deleted_of_it_is_lost(
    store: Store, offsets: RunOffsets
) -> None:
    clock = Clock()
    stream = ScriptedStream(clock, 1)
    merge = Merge(offsets.first(stream.start_offsets([0])))
    reader = MergingReader(stream, merge, clock_ms=clock, skew=0, on_lost=offsets.lost, on_appeared=offsets.appeared)
    stream.put(0, 10)
    assert reader.next() is not None
    stream.count = 3
    stream.put(1, 20)
    stream.retain(2, 4)
    stream.put(2, 30)
    clock.now_ms += PARTITIONS_EVERY_MS
    found = [(one.record.partition, one.record.offset) for one in iter(reader.next, None)]
    assert found == [(1, 0), (2, 4)]
    assert stored(store) == {0: 0, 1: 0, 2: 0}
    assert lost(store) == [(2, 0, 3)]


def test_a_partition_that_could_not_be_stored_is_not_read_until_it_is(store: Store, offsets: RunOffsets) -> None:
    clock = Clock()
    stream = ScriptedStream(clock, 1)
    calls: list[Collection[int]] = []

    def at_the_second_try(new: Collection[int]) -> Mapping[int, int]:
        calls.append(new)
        if len(calls) == 1:
            raise StoreError("away")
        return offsets.appeared(new)

    merge = Merge(offsets.first({0: 0}))
    reader = MergingReader(stream, merge, clock_ms=clock, skew=0, on_appeared=at_the_second_try)
    assert reader.next() is None
    stream.count = 2
    stream.put(1, 5)
    clock.now_ms += PARTITIONS_EVERY_MS
    with pytest.raises(StoreError):
        reader.next()
    assert stored(store) == {0: 0}
    found = reader.next()
    assert found is not None
    assert found.record.partition == 1
    assert stored(store) == {0: 0, 1: 0}


@pytest.mark.kafka
def test_partitions_added_on_a_real_broker_during_a_run(
    kafka_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "PARTITIONS_EVERY_MS", 0)
    monkeypatch.setattr(live_module, "COMMIT_EVERY_MS", 0)
    name = f"growing-{uuid.uuid4()}"
    settings = Settings(
        stream_url=kafka_server,
        store_url=f"sqlite:///{tmp_path}/store.db",
        raw_stream=name,
        partitions=1,
        run=name,
        extraction_processes=0,
    )
    records = [NewRecord(key.encode(), encode(raw)) for key, raw in raw_articles(0, 30)]
    raw = create_stream(kafka_server, name, 1)
    raw.append(records[:10])
    outcomes = StoreReader(open_store(settings.store), name).count_outcomes
    grown = False

    def stop() -> bool:
        nonlocal grown
        done = outcomes().total()
        if done >= 10 and not grown:
            grown = True
            with closing(KafkaAdminClient(bootstrap_servers=kafka_server.removeprefix("kafka://"))) as admin:
                admin.create_partitions({name: 3})
            seen = raw.partitions()
            while len(seen) < 3:
                seen = raw.partitions()
            raw.append([record._replace(partition=number % 3) for number, record in enumerate(records[10:])])
        return done >= 30 and set(raw.committed(group_of(name))) == {0, 1, 2}

    run_in_slices(settings, clock_ms=wall_ms, stop=stop)
    assert outcomes().total() == 30
    assert raw.committed(group_of(name)) == raw.end_offsets([0, 1, 2])
    live = LiveRun(settings, wall_ms)
    try:
        assert live.offsets.first(raw.start_offsets([0, 1, 2])) == {0: 0, 1: 0, 2: 0}
        assert live.resumption().start == raw.end_offsets([0, 1, 2])
        # For drivers that only have the ledger to go by: Flink's.
        raw.commit(group_of(name), {0: 0, 1: 0, 2: 0})
        live.mirror_ledger()
        assert raw.committed(group_of(name)) == raw.end_offsets([0, 1, 2])
    finally:
        live.close()
        raw.close()
