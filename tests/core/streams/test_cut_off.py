"""A real broker that loses power before its disk has all that it acknowledged: its log is shorter, under the same identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apache_beam.utils.timestamp import MIN_TIMESTAMP

from core.clock import wall_ms
from core.errors import Fenced
from core.records import OutcomeKind, encode
from core.settings import Settings
from core.store import StoreReader, open_store
from core.streams import NewRecord, create_stream
from pipeline.drivers.live import LiveRun, run_in_slices
from pipeline.drivers.slices import SliceGraph
from pipeline.drivers.source import StreamSource, _Read
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


class _Cell:
    """A value state of Beam's."""

    def __init__(self) -> None:
        self.value: Any = None

    def read(self) -> Any:
        return self.value

    def write(self, value: Any) -> None:
        self.value = value


class _Timer:
    """A timer that the test fires itself."""

    def set(self, _at: object) -> None:
        pass


def test_a_cut_under_a_living_worker_sends_the_run_back_to_its_ledger(tmp_path: Path) -> None:
    # As Flink calls the reading step: before, the error was like any other, the job restarted from its checkpoint, and what
    # had come in place of the lost records was never handled.
    broker = KafkaServer(tmp_path / "kafka")
    broker.start()
    try:
        settings = Settings(
            stream_url=broker.url, data_dir=str(tmp_path), raw_stream=NAME, partitions=1, extraction_processes=0
        )
        _append(broker.url, 0, 3)
        on_disk = _log(broker).stat().st_size
        _append(broker.url, 3, 5)
        live = LiveRun(settings, wall_ms)
        begun = live.resumption()
        source = StreamSource(
            url=settings.stream,
            name=NAME,
            run="live",
            start=begun.start,
            done=begun.done,
            last=live.state.last_key,
            store_url=settings.store,
            state=live.state,
            epoch=live.state.epoch,
            uuid=live.raw.uuid,
            wait_ms=1_000,
        )
        worker, mark, graph = _Read(source), _Cell(), SliceGraph(live.flow())

        def turns(count: int) -> list[int]:
            offsets: list[int] = []
            for _ in range(count):
                found = [one.value for one in worker.read(mark=mark, again=_Timer(), watermark=MIN_TIMESTAMP)]
                if found:
                    graph.run(found)
                offsets += [one.position.offset for one in found]
            return offsets

        assert turns(4) == [0, 1, 2, 3, 4]
        broker.kill()
        with _log(broker).open("r+b") as log:
            log.truncate(on_disk)
        broker.start()
        # More than were lost: the end is behind the worker's position again.
        _append(broker.url, 30, 34)
        with pytest.raises(Fenced, match="what was read from offset 3 on is gone"):
            turns(20)
        worker.teardown()
        assert live.ledger.owner_now() != live.ledger.owner
        live.close()
        assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == 4
        reader = StoreReader(open_store(settings.store), "live")
        assert sorted(one.first_offset for one in reader.outcomes()) == list(range(7))
        assert {raw.url for _, raw in raw_articles(30, 34)} <= {one.url for one in reader.articles()}
    finally:
        broker.kill()
