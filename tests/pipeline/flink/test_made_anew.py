"""The raw stream is deleted and created again under a running job: all its new records are handled."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.clock import wall_ms
from core.settings import Settings
from core.store import StoreReader, open_store
from core.streams import Stream, create_stream
from core.streams.open import delete_stream
from pipeline.drivers.stream import run_as_stream
from tests.pipeline.flink.articles import append_articles
from tests.servers.flink import FlinkServer, WorkerPool
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink]
FIRST, SECOND = 40, 90


def test_a_job_over_a_recreated_stream_begins_at_its_start(kafka_server: str, tmp_path: Path) -> None:
    settings = Settings(
        stream_url=kafka_server,
        store_url=f"sqlite:///{tmp_path / 'store.db'}",
        raw_stream="made-anew",
        extraction_processes=0,
    )
    store = open_store(settings.store)
    reader = StoreReader(store, "live")

    def ended(stream: Stream) -> int:
        return sum(one.stream == stream.uuid for one in reader.outcomes())

    first = create_stream(kafka_server, "made-anew", 2)
    append_articles(first, 0, FIRST)
    flink, workers, stop = FlinkServer(tmp_path / "flink"), WorkerPool(tmp_path / "workers"), threading.Event()
    problems: list[BaseException] = []

    def drive(options: list[str]) -> None:
        try:
            run_as_stream(settings, options, clock_ms=wall_ms, wait=stop.wait, stop=stop.is_set)
        except BaseException as problem:
            problems.append(problem)

    try:
        flink.start()
        workers.start()
        # The runner's mark is the state of a checkpoint: without one a job would begin at the ledger by itself.
        options = [*flink.options, *workers.options, "--parallelism=2", "--checkpointing_interval=1000"]
        driver = threading.Thread(target=drive, args=(options,))
        driver.start()
        try:
            until(lambda: ended(first) == FIRST or bool(problems), "the first stream's records")
            delete_stream(kafka_server, "made-anew")
            second = create_stream(kafka_server, "made-anew", 2)
            assert second.uuid != first.uuid
            # More than before: where the old job stands there are others' records, and it would go on behind the first ones.
            append_articles(second, 100, 100 + SECOND)
            until(lambda: ended(second) == SECOND or bool(problems), "the second stream's records")
        finally:
            stop.set()
            driver.join(60)
    finally:
        flink.kill()
        workers.kill()
    assert problems == []
    assert (ended(first), ended(second)) == (FIRST, SECOND)
    store.close()
