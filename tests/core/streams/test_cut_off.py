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
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.slices import SliceGraph
from pipeline.drivers.source import StreamSource, _Read, envelope
from pipeline.order import Merge
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
def test_records_in_place_of_lost_ones_are_handled(tmp_path: Path, come: int) -> None:
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


class Flink:
    """One run on Flink, as far as its reading step and its store go: turns of the timer, a checkpoint, a restart from it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.live = LiveRun(settings, wall_ms)
        begun = self.live.resumption()
        self.source = StreamSource(
            url=settings.stream,
            name=NAME,
            run="live",
            start=begun.start,
            done=begun.done,
            read_to=begun.read_to,
            last=self.live.state.last_key,
            store_url=settings.store,
            state=self.live.state,
            epoch=self.live.state.epoch,
            uuid=self.live.raw.uuid,
            wait_ms=1_000,
        )
        self.mark, self._graph, self._worker = _Cell(), SliceGraph(self.live.flow()), _Read(self.source)

    def turns(self, count: int) -> list[int]:
        offsets: list[int] = []
        for _ in range(count):
            turn = self._worker.read(mark=self.mark, again=_Timer(), watermark=MIN_TIMESTAMP)
            found = [one.value for one in turn]
            if found:
                self._graph.run(found)
            offsets += [one.position.offset for one in found]
        return offsets

    def restart(self) -> None:
        """The worker is gone; another goes on from the checkpoint."""
        self._worker.teardown()
        self._worker = _Read(self.source)

    def given_up(self) -> bool:
        """Whether the driver was asked to start again from the ledger."""
        return self.live.ledger.owner_now() != self.live.ledger.owner

    def close(self) -> None:
        self._worker.teardown()
        self.live.close()


def _drain(settings: Settings) -> int:
    return run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)


def _cut(broker: KafkaServer, size: int) -> None:
    broker.kill()
    with _log(broker).open("r+b") as log:
        log.truncate(size)
    broker.start()


@pytest.mark.parametrize("restarted", [False, True], ids=["the worker lives", "it is restarted from its checkpoint"])
def test_a_cut_under_a_job_sends_the_run_back_to_its_ledger(tmp_path: Path, restarted: bool) -> None:
    # Before, the error was like any other, the job restarted from its checkpoint, and what had come in place of the lost
    # records was never handled. A worker that had not seen the cut itself read on in any case.
    broker = KafkaServer(tmp_path / "kafka")
    broker.start()
    try:
        settings = _settings(broker, tmp_path)
        _append(broker.url, 0, 3)
        on_disk = _log(broker).stat().st_size
        _append(broker.url, 3, 5)
        job = Flink(settings)
        assert job.turns(4) == [0, 1, 2, 3, 4]
        _cut(broker, on_disk)
        # More than were lost: the end is behind the worker's position again.
        _append(broker.url, 30, 34)
        if restarted:
            job.restart()
        with pytest.raises(Fenced, match="the records from offset 3 on no longer exist"):
            job.turns(20)
        assert job.given_up()
        job.close()
        assert _drain(settings) == 4
        _all_handled(settings)
    finally:
        broker.kill()


def test_a_later_start_sees_a_cut_although_newer_records_were_handled(tmp_path: Path) -> None:
    broker = KafkaServer(tmp_path / "kafka")
    broker.start()
    try:
        settings = _settings(broker, tmp_path)
        _append(broker.url, 0, 3)
        on_disk = _log(broker).stat().st_size
        _append(broker.url, 3, 5)
        assert _drain(settings) == 5
        _cut(broker, on_disk)
        _append(broker.url, 30, 34)
        # A reader that knows of no epoch takes 5 and 6, and the newest handled record is what the stream has there.
        live = LiveRun(settings, wall_ms)
        reader = MergingReader(live.raw, Merge({0: 5}), clock_ms=wall_ms)
        found = [envelope(one, "live", live.raw.uuid) for _ in range(2) if (one := reader.next(wait_ms=5_000))]
        assert [one.position.offset for one in found] == [5, 6]
        SliceGraph(live.flow()).run(found)
        live.close()
        assert _drain(settings) == 4
        _all_handled(settings)
        # And it stays so: nothing is struck again.
        assert _drain(settings) == 0
    finally:
        broker.kill()


def _settings(broker: KafkaServer, folder: Path) -> Settings:
    return Settings(stream_url=broker.url, data_dir=str(folder), raw_stream=NAME, partitions=1, extraction_processes=0)


def _all_handled(settings: Settings) -> None:
    """Each of the seven records that are there has its outcome, and the four that came last have their articles."""
    reader = StoreReader(open_store(settings.store), "live")
    assert sorted(one.first_offset for one in reader.outcomes()) == list(range(7))
    assert {raw.url for _, raw in raw_articles(30, 34)} <= {one.url for one in reader.articles()}
