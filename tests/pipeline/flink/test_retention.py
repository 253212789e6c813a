"""Retention that outran us, on a real Kafka and a real Flink: what is gone is ``lost``, with an alarm; the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from core.clock import wall_ms
from core.records import OutcomeKind
from core.settings import Settings
from core.store import Store, StoreReader, open_store
from core.store.counts import OUTCOMES, read_counts
from core.streams import Stream, create_stream
from pipeline.drivers.stream import submit
from tests.pipeline.flink.articles import append_articles
from tests.servers.flink import FlinkServer, WorkerPool
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink]
BEFORE, AFTER = 40, 80


def _delete(kafka: str, stream: Stream, upto: dict[int, int]) -> None:
    """As retention does, but now: the broker moves the log's start."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.removeprefix("kafka://"))
    try:
        admin.delete_records({TopicPartition(stream.name, partition): offset for partition, offset in upto.items()})
    finally:
        admin.close()
    until(lambda: all(stream.start_offsets([p])[p] == offset for p, offset in upto.items()), "deleted records")


def _work(settings: Settings, reader: StoreReader, folder: Path, count: int) -> str:
    """Let a job of its own Flink work until ``count`` raw records have their end; what its workers logged."""
    flink, workers = FlinkServer(folder / "flink"), WorkerPool(folder / "workers")
    try:
        flink.start()
        workers.start()
        live, _ = submit(settings, [*flink.options, *workers.options, "--parallelism=2"], clock_ms=wall_ms)
        try:
            until(lambda: _ended(reader) >= count, f"{count} raw records that have ended")
        finally:
            live.close()
    finally:
        flink.kill()
        workers.kill()
    return workers.log_tail(10_000)


def _ended(reader: StoreReader) -> int:
    return sum(outcome.last_offset - outcome.first_offset + 1 for outcome in reader.outcomes())


def _lost(store: Store) -> int:
    with store.reading() as connection:
        return read_counts(connection, "live")[OUTCOMES, OutcomeKind.LOST]


def test_what_was_deleted_while_the_job_was_down_is_lost_and_said(kafka_server: str, tmp_path: Path) -> None:
    settings = Settings(
        stream_url=kafka_server,
        store_url=f"sqlite:///{tmp_path / 'store.db'}",
        raw_stream="outrun",
        extraction_processes=0,
    )
    store = open_store(settings.store)
    reader = StoreReader(store, "live")
    raw = create_stream(kafka_server, "outrun", 4)
    append_articles(raw, 0, BEFORE)
    log = _work(settings, reader, tmp_path / "first", BEFORE)
    assert (_lost(store), "deleted before they were read" in log) == (0, False)

    ends = raw.end_offsets(raw.partitions())
    append_articles(raw, BEFORE, BEFORE + AFTER)
    later = raw.end_offsets(raw.partitions())
    # One partition loses all of its new records, one half of them, one only what had been handled, the last nothing.
    whole, half, old, _ = sorted(raw.partitions(), key=lambda partition: ends[partition] - later[partition])
    upto = {whole: later[whole], half: (ends[half] + later[half]) // 2, old: ends[old]}
    assert ends[half] < upto[half] < later[half]
    _delete(kafka_server, raw, upto)
    gone = {whole: (ends[whole], upto[whole] - 1), half: (ends[half], upto[half] - 1)}
    count = sum(last - first + 1 for first, last in gone.values())

    log = _work(settings, reader, tmp_path / "second", BEFORE + AFTER)
    lost = [outcome for outcome in reader.outcomes() if outcome.kind is OutcomeKind.LOST]
    assert {one.partition: (one.first_offset, one.last_offset) for one in lost} == gone
    assert {(one.stage, one.reason) for one in lost} == {("read", "retention")}
    assert log.count("records were deleted before they were read") >= len(gone)
    # The metric for which WirewatchRecordsLost wakes a person.
    assert _lost(store) == count
    ended = {(one.partition, at) for one in reader.outcomes() for at in range(one.first_offset, one.last_offset + 1)}
    assert ended == {(partition, at) for partition, end in later.items() for at in range(end)}
    assert _ended(reader) == len(ended), "each raw record ends once"
    store.close()
