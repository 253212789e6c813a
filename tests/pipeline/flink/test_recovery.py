"""Recovery on a real Flink: a killed Python worker, a killed Flink. Nothing lost, nothing twice, the same records."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.clock import wall_ms
from core.records import Subscription
from core.records.wire import project
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import Stream, create_stream
from pipeline.drivers.live import LiveRun
from pipeline.drivers.stream import submit
from tests.pipeline.flink.articles import append_articles
from tests.pipeline.flink.workers import worker_pids
from tests.servers.flink import FlinkServer, WorkerPool
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.flink]
COUNT = 400


@contextmanager
def _running(settings: Settings, options: list[str]) -> Iterator[LiveRun]:
    live, result = submit(settings, options, clock_ms=wall_ms)
    try:
        yield live
    finally:
        result.cancel()
        live.close()


def _handled(reader: StoreReader, count: int) -> Callable[[], bool]:
    return lambda: reader.count_outcomes().total() >= count


def _check(reader: StoreReader, reference: StoreReader) -> None:
    """Each raw record has one outcome, and all is as in a run in slices over the same stream."""
    assert reader.count_outcomes().total() == COUNT
    assert reader.count_outcomes() == reference.count_outcomes()
    assert [project(one) for one in reader.articles()] == [project(one) for one in reference.articles()]
    alerts = [project(one) for one in reader.alerts()]
    assert alerts
    assert alerts == [project(one) for one in reference.alerts()]


def _settings(kafka: str, folder: Path, name: str, run: str) -> Settings:
    store = f"sqlite:///{folder / 'store.db'}"
    return Settings(stream_url=kafka, store_url=store, raw_stream=name, run=run, extraction_processes=0)


def _reference(kafka: str, folder: Path, name: str) -> StoreReader:
    from pipeline.drivers.live import run_in_slices

    settings = _settings(kafka, folder, name, "reference")
    reader = StoreReader(open_store(settings.store), "reference")
    run_in_slices(settings, clock_ms=wall_ms, stop=_handled(reader, COUNT))
    return reader


def _prepare(kafka: str, folder: Path, name: str) -> tuple[Stream, StoreReader]:
    store = open_store(_settings(kafka, folder, name, "flink").store)
    subscriptions = [Subscription(id="even", query="even"), Subscription(id="talks", query="talks AND seven")]
    SubscriptionStore(store).save_subscriptions(subscriptions, now_ms=wall_ms(), from_the_beginning=True)
    return create_stream(kafka, name, 4), StoreReader(store, "flink")


def test_a_killed_python_worker_loses_nothing_and_repeats_nothing(
    kafka_server: str, flink_options: list[str], tmp_path: Path
) -> None:
    raw, reader = _prepare(kafka_server, tmp_path, "worker-kill")
    checkpoints = f"--state_backend_storage_path=file://{tmp_path / 'checkpoints'}"
    options = [*flink_options, "--checkpointing_interval=1000", "--state_backend=filesystem", checkpoints]
    with _running(_settings(kafka_server, tmp_path, "worker-kill", "flink"), options):
        append_articles(raw, 0, 100)
        until(_handled(reader, 50), "first results")
        for start in range(100, COUNT, 100):
            for pid in worker_pids():
                os.kill(pid, signal.SIGKILL)
            append_articles(raw, start, start + 100)
            until(_handled(reader, start + 50), f"results after the kill at {start}")
        until(_handled(reader, COUNT), "all results")
    _check(reader, _reference(kafka_server, tmp_path, "worker-kill"))


def test_a_killed_flink_continues_from_the_ledger(kafka_server: str, tmp_path: Path) -> None:
    raw, reader = _prepare(kafka_server, tmp_path, "flink-kill")
    settings = _settings(kafka_server, tmp_path, "flink-kill", "flink")
    done = 0
    for attempt in range(2):
        flink, workers = FlinkServer(tmp_path / f"flink{attempt}"), WorkerPool(tmp_path / f"workers{attempt}")
        flink.start()
        workers.start()
        live, _ = submit(settings, [*flink.options, *workers.options, "--parallelism=2"], clock_ms=wall_ms)
        try:
            append_articles(raw, done, done + COUNT // 2)
            done += COUNT // 2
            # The first Flink is killed with half of its work undone, the second is let finish.
            until(_handled(reader, done if attempt else done - 100), "results")
        finally:
            flink.kill()
            workers.kill()
            live.close()
    _check(reader, _reference(kafka_server, tmp_path, "flink-kill"))
