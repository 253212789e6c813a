"""The whole graph on a real Prism: the same results as in slices, new partitions, a Prism that dies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from core.clock import wall_ms
from core.errors import WirewatchError
from core.records import Subscription, encode
from core.records.projection import project
from core.settings import Settings
from core.store import StoreReader, SubscriptionStore, open_store
from core.streams import NewRecord, Stream
from core.streams.installation import raw_plan
from core.streams.open import create_planned
from pipeline.drivers import reader as reader_module
from pipeline.drivers.live import LiveRun, run_in_slices
from pipeline.drivers.stream import run_as_stream, submit
from tests.pipeline.flink.articles import raw_articles
from tests.servers.kafka import LAUNCHER
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("prism")]
SUBSCRIPTIONS = [Subscription(id="even", query="even"), Subscription(id="seven", query="talks NEAR/3 seven")]


@pytest.fixture(scope="module")
def options() -> list[str]:
    """Beam's options for a real Prism: PRISM names one, or it is on the path, or Go builds it."""
    binary = os.environ.get("PRISM") or shutil.which("prism")
    if binary is None and shutil.which("go") is None:
        pytest.skip("no Prism: set PRISM to one, or install Go to build it")
    if binary is None:
        built = subprocess.run(
            [LAUNCHER.with_name("prism.sh")], capture_output=True, text=True, check=False, timeout=900
        )
        assert built.returncode == 0, built.stderr
        binary = built.stdout.strip()
    return ["--runner=prism", f"--prism_location={binary}"]


@pytest.fixture
def settings(kafka_server: str, tmp_path: Path) -> Settings:
    name = f"prism-{uuid.uuid4()}"
    return Settings(
        stream_url=kafka_server,
        store_url=f"sqlite:///{tmp_path}/store.db",
        raw_stream=name,
        run="prism",
        partitions=2,
        extraction_processes=0,
    )


@pytest.fixture
def raw(settings: Settings) -> Iterator[Stream]:
    with closing(open_store(settings.store)) as store:
        SubscriptionStore(store).save_subscriptions(SUBSCRIPTIONS, now_ms=wall_ms(), from_the_beginning=True)
    with create_planned(settings.stream, raw_plan(settings)) as stream:
        yield stream


@contextmanager
def running(settings: Settings, options: list[str]) -> Iterator[LiveRun]:
    live, result = submit(settings, options, clock_ms=wall_ms)
    try:
        yield live
    finally:
        result.cancel()
        live.close()


def append(raw: Stream, first: int, end: int, partitions: int) -> None:
    for number, (key, article) in enumerate(raw_articles(first, end)):
        raw.append([NewRecord(key.encode(), encode(article), partition=number % partitions)])


def count(settings: Settings) -> int:
    return StoreReader(open_store(settings.store), settings.run).count_outcomes().total()


def test_prism_and_slices_agree_with_partitions_that_appear_and_after_a_new_start(
    settings: Settings, raw: Stream, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The workers are threads of this process.
    monkeypatch.setattr(reader_module, "PARTITIONS_EVERY_MS", 0)
    append(raw, 0, 60, 2)
    with running(settings, options):
        until(lambda: count(settings) >= 60, "outcome for the backlog")
        with closing(KafkaAdminClient(bootstrap_servers=settings.stream.removeprefix("kafka://"))) as admin:
            admin.create_partitions({settings.raw_stream: 3})
        until(lambda: len(raw.partitions()) == 3, "the new partition")
        append(raw, 60, 90, 3)
        until(lambda: count(settings) >= 90, "outcome for what came later")
    append(raw, 90, 100, 3)
    with running(settings, options) as live:
        assert live.offsets.first(raw.start_offsets([0, 1, 2])) == {0: 0, 1: 0, 2: 0}
        until(lambda: count(settings) >= 100, "outcome after a new start")
        live.mirror_ledger()
    slices = Settings(**{name: getattr(settings, name) for name in settings.__struct_fields__} | {"run": "slices"})
    run_in_slices(slices, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
    store = open_store(settings.store)
    on_prism, in_slices = StoreReader(store, "prism"), StoreReader(store, "slices")
    assert on_prism.count_outcomes() == in_slices.count_outcomes()
    assert on_prism.count_outcomes().total() == 100
    assert [project(one) for one in on_prism.articles()] == [project(one) for one in in_slices.articles()]
    alerts = [project(one) for one in on_prism.alerts()]
    assert alerts
    assert alerts == [project(one) for one in in_slices.alerts()]


def test_a_prism_that_dies_is_one_error_and_the_next_start_goes_on(
    settings: Settings, raw: Stream, options: list[str]
) -> None:
    append(raw, 0, 20, 2)
    killed = False

    def wait(_seconds: float) -> None:
        nonlocal killed
        if count(settings) >= 20 and not killed:
            killed = True
            found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-x", "prism"], capture_output=True, check=True)
            for pid in found.stdout.split():
                os.kill(int(pid), signal.SIGKILL)

    with pytest.raises(WirewatchError, match="runner") as caught:
        run_as_stream(settings, options, clock_ms=wall_ms, wait=wait, stop=lambda: False)
    assert caught.value.hint
    append(raw, 20, 30, 2)
    run_as_stream(settings, options, clock_ms=wall_ms, wait=lambda _seconds: None, stop=lambda: count(settings) >= 30)
    assert count(settings) == 30
