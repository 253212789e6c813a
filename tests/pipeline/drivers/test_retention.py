"""The pipeline holds embedded streams to their plans: what is old and done goes, what is unread stays."""

from __future__ import annotations

from pathlib import Path

from core.clock import wall_ms
from core.durations import DAY_MS
from core.records import encode
from core.settings import Settings
from core.store import StoreReader, open_store
from core.store.outbox import ENRICHED
from core.streams import NewRecord, open_stream
from core.streams.open import create_planned
from core.streams.plans import raw_plan
from pipeline.drivers.live import run_in_slices
from tests.pipeline.flink.articles import raw_articles


def test_old_records_go_after_they_were_handled(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), partitions=2, retention_days=3, extraction_processes=0)
    now_ms = wall_ms()
    ages = [10, 5, 4, 1, 0]
    at_ms = now_ms
    with create_planned(settings.stream, raw_plan(settings), clock=lambda: at_ms) as raw:
        for days, (key, article) in zip(ages, raw_articles(0, 5), strict=True):
            at_ms = now_ms - days * DAY_MS
            raw.append([NewRecord(key.encode(), encode(article), partition=0)])
        run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
        outcomes = StoreReader(open_store(settings.store), settings.run).count_outcomes()
        assert (outcomes.total(), outcomes["lost"]) == (5, 0)
        assert raw.start_offsets([0, 1]) == {0: 3, 1: 0}
    with open_stream(settings.stream, ENRICHED) as enriched:
        # Relayed just now, so nothing of it is old.
        assert sum(enriched.end_offsets([0, 1]).values()) == 5
        assert sum(enriched.start_offsets([0, 1]).values()) == 0
