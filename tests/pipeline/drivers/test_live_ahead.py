"""The whole run after a time in which the clock was ahead: each new start handles all that is there, at once."""

from __future__ import annotations

from pathlib import Path

from core.clock import wall_ms
from core.records import OutcomeKind, encode
from core.settings import Settings
from core.store import StoreReader, open_store
from core.streams import NewRecord
from core.streams.embedded.stream import SqliteStream
from pipeline.drivers.live import run_in_slices
from pipeline.ledger.ledger import RunLedger
from tests.pipeline.drivers.scripted import Clock
from tests.pipeline.flink.articles import raw_articles

HOURS_2 = 7_200_000


def test_a_run_that_begins_after_the_clock_was_corrected_handles_everything(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), partitions=3, extraction_processes=0)
    clock = Clock(wall_ms() + HOURS_2)
    handled = []
    with SqliteStream.create(settings.stream, settings.raw_stream, 3, clock=clock) as raw:
        for start in range(3):
            if start:
                clock.now_ms = wall_ms()
            for number, (key, article) in enumerate(raw_articles(6 * start, 6 * start + 6)):
                # At first two partitions only: the third has never seen the wrong clock.
                partition = number % (3 if start else 2)
                raw.append([NewRecord(key.encode(), encode(article), partition)])
            handled.append(run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True))
        uuid = raw.uuid
    assert handled == [6, 6, 6]
    store = open_store(settings.store)
    assert sum(StoreReader(store, settings.run).count_outcomes().values()) == 18
    assert StoreReader(store, settings.run).count_outcomes()[OutcomeKind.PUBLISHED] > 0
    # What was stamped ahead has a late place of the time when it was read, for replays to find; all others have their own.
    ledger = RunLedger(store, settings.run, "reader")
    late = ledger.offsets(uuid).late_keys()
    assert not {(2, offset) for offset in range(4)} & late.keys()
    assert {partition for partition, _ in late} == {0, 1}
    assert all(key.time_ms <= wall_ms() for key in late.values())
    assert all(one.key.time_ms <= wall_ms() for one in StoreReader(store, settings.run).outcomes() if one.key)
    store.close()
