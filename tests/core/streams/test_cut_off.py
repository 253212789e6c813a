"""A real broker that loses power before its disk has all that it acknowledged: its log is shorter, under the same identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import wall_ms
from core.records import OutcomeKind, encode
from core.settings import Settings
from core.store import StoreReader, open_store
from core.streams import NewRecord, create_stream
from pipeline.drivers.live import run_in_slices
from tests.pipeline.flink.articles import raw_articles
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.kafka
NAME = "raw-articles"


def _append(url: str, start: int, end: int) -> None:
    with create_stream(url, NAME, 1) as stream:
        for key, raw in raw_articles(start, end):
            # Each in a batch of its own: what is cut off is cut off by batches.
            stream.append([NewRecord(key.encode(), encode(raw), partition=0)])


def _log(broker: KafkaServer) -> Path:
    [folder] = broker.directory.rglob(f"{NAME}-0")
    [segment] = folder.glob("*.log")
    return segment


@pytest.mark.parametrize("come", [1, 4], ids=["fewer than were lost", "more than were lost"])
def test_what_comes_in_place_of_lost_records_is_handled(tmp_path: Path, come: int) -> None:
    broker = KafkaServer(tmp_path / "kafka")
    broker.start()
    try:
        settings = Settings(
            stream_url=broker.url, data_dir=str(tmp_path), raw_stream=NAME, partitions=1, extraction_processes=0
        )
        reader = StoreReader(open_store(settings.store), "live")

        def drain() -> int:
            return run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)

        _append(broker.url, 0, 3)
        on_disk = _log(broker).stat().st_size
        _append(broker.url, 3, 5)
        with create_stream(broker.url, NAME, 1) as stream:
            before = stream.uuid
        assert drain() == 5
        broker.kill()
        with _log(broker).open("r+b") as log:
            # Half of the next batch had got to the disk.
            log.truncate(on_disk + (log.seek(0, 2) - on_disk) // 4)
        broker.start()
        with create_stream(broker.url, NAME, 1) as stream:
            assert (stream.uuid, stream.end_offsets([0])) == (before, {0: 3})
        _append(broker.url, 30, 30 + come)
        assert drain() == come
        ends = {(one.first_offset, one.kind) for one in reader.outcomes()}
        assert ends == {(offset, OutcomeKind.PUBLISHED) for offset in range(3 + come)}
        assert len(list(reader.articles())) == 5 + come
    finally:
        broker.kill()
