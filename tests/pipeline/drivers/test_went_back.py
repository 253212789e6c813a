"""Stores and streams that come back with less than they had: noticed, and done again or struck, never passed over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
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
from core.streams.open import delete_stream
from pipeline.drivers.live import LiveRun, run_in_slices
from pipeline.drivers.source import StreamSource, _Read
from pipeline.elements import Envelope
from pipeline.ledger.ledger import UNOWNED, WentBack
from pipeline.ledger.writer import WritePlan, shared_writer
from pipeline.order import MergeMark
from pipeline.order.merge import PartitionMark
from tests.pipeline.flink.articles import raw_articles
from tests.pipeline.ledger.drafts import story
from tests.pipeline.transforms.support import draft


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), partitions=1, extraction_processes=0, slice_records=1)


def append(settings: Settings, first: int, count: int) -> None:
    with create_stream(settings.stream, settings.raw_stream, 1) as raw:
        for key, article in raw_articles(first, first + count):
            raw.append([NewRecord(key.encode(), encode(article), partition=0)])


def kinds(settings: Settings) -> dict[OutcomeKind, int]:
    return dict(StoreReader(open_store(settings.store), settings.run).count_outcomes())


def drain(settings: Settings) -> int:
    return run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def test_a_store_put_back_under_a_running_pipeline_loses_nothing(settings: Settings, tmp_path: Path) -> None:
    """As a failover to a standby that was behind: the run's owner is the same, its last transactions are gone."""
    append(settings, 0, 5)
    store, backup = tmp_path / "store.db", tmp_path / "backup.db"
    turns: Iterator[int] = iter(range(100))

    def stop() -> bool:
        match next(turns):
            case 2:
                copy(store, backup)
            case 4:
                copy(backup, store)
        return False

    with pytest.raises(WentBack, match="has 2 transactions of run 'live', and had 4"):
        run_in_slices(settings, clock_ms=wall_ms, stop=stop, until_empty=True)
    assert kinds(settings) == {OutcomeKind.PUBLISHED: 2}
    assert drain(settings) == 3
    assert kinds(settings) == {OutcomeKind.PUBLISHED: 5}


def test_the_position_is_not_saved_into_a_store_that_went_back(settings: Settings, tmp_path: Path) -> None:
    """It would say that all before it has an outcome, and the next start would believe it."""
    append(settings, 0, 3)
    store, backup = tmp_path / "store.db", tmp_path / "backup.db"
    live = LiveRun(settings, wall_ms)
    copy(store, backup)
    writer = shared_writer(WritePlan(settings.store, settings.run, live.owner, publish=True))
    writer.write([draft(0, "https://a.example/1", text=story(1))])
    copy(backup, store)
    try:
        with pytest.raises(WentBack):
            live.mirror({0: 3})
        assert live.ledger.offsets(live.raw.uuid).saved() == {}
    finally:
        live.close()
    assert drain(settings) == 3


@pytest.mark.parametrize("come", [0, 2, *(pytest.param(come, marks=pytest.mark.slow) for come in (1, 6))])
def test_a_stream_that_came_back_shorter_is_read_from_its_cut(settings: Settings, tmp_path: Path, come: int) -> None:
    append(settings, 0, 3)
    streams, backup = tmp_path / "streams.db", tmp_path / "streams.backup"
    assert streams.exists()
    copy(streams, backup)
    append(settings, 3, 2)
    assert drain(settings) == 5
    copy(backup, streams)
    # Fewer than were lost, or more: none is taken for what stood there before.
    append(settings, 30, come)
    assert drain(settings) == come
    append(settings, 40, 1)
    assert drain(settings) == 1
    assert kinds(settings) == {OutcomeKind.PUBLISHED: 3 + come + 1}
    reader = StoreReader(open_store(settings.store), settings.run)
    # Three that are still there, two whose records were lost behind us, and the new ones.
    assert len(list(reader.articles())) == 5 + come + 1


class Cell:
    """One cell of a runner's state."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def read(self) -> Any:
        return self.value

    def write(self, value: Any) -> None:
        self.value = value

    def set(self, _when: object) -> None:
        pass


def source(settings: Settings, live: LiveRun) -> StreamSource:
    return StreamSource(
        url=settings.stream,
        name=settings.raw_stream,
        run=settings.run,
        start={0: 0},
        store_url=settings.store,
        state=live.state,
        epoch=live.state.epoch,
        uuid=live.raw.uuid,
        wait_ms=500,
    )


def read_all(reading: _Read, mark: Cell) -> list[Envelope]:
    """Bundle after bundle, as a timer would, until one finds nothing."""
    found: list[Envelope] = []
    while bundle := list(reading.read(mark, Cell(), MIN_TIMESTAMP)):
        found += [one.value for one in bundle]
    return found


def test_a_runner_in_a_recreated_stream_asks_for_a_new_start(settings: Settings) -> None:
    append(settings, 0, 3)
    live = LiveRun(settings, wall_ms)
    try:
        before = source(settings, live)
        reading = _Read(before)
        assert len(read_all(reading, Cell())) == 3
        reading.teardown()
        delete_stream(settings.stream, settings.raw_stream)
        append(settings, 10, 5)
        mark = MergeMark(3, {0: PartitionMark(3)})
        with pytest.raises(Fenced, match="recreated"):
            list(_Read(before).read(Cell(mark), Cell(), MIN_TIMESTAMP))
        assert live.ledger.owner_now() == UNOWNED
    finally:
        live.close()
    again = LiveRun(settings, wall_ms)
    try:
        assert again.resumption().start == {0: 0}
        assert len(read_all(_Read(source(settings, again)), Cell())) == 5
    finally:
        again.close()


def test_a_runner_whose_mark_is_beyond_the_streams_end_asks_for_a_new_start(settings: Settings) -> None:
    append(settings, 0, 3)
    live = LiveRun(settings, wall_ms)
    try:
        mark = MergeMark(9, {0: PartitionMark(9)})
        with pytest.raises(Fenced, match="offset"):
            list(_Read(source(settings, live)).read(Cell(mark), Cell(), MIN_TIMESTAMP))
        assert live.ledger.owner_now() == UNOWNED
        # Without a store there is nothing to ask.
        alone = replace(source(settings, live), store_url="", state=None)
        with pytest.raises(Fenced):
            list(_Read(alone).read(Cell(mark), Cell(), MIN_TIMESTAMP))
    finally:
        live.close()
