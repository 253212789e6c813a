"""``wirewatch status`` and ``doctor``, the connectors' figures, and a start that reads only what is recent."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from connectors.base import PageFailure, PollReport
from connectors.runner import Broke, Polled, Superseded, Waiting
from connectors.store.feeds import FeedRepository
from core.clock import wall_ms
from core.errors import FailureKind, FeedError
from core.records import RawArticle, article_id, encode, from_ms
from core.settings import Settings
from core.store import open_store
from core.store.canary import CanaryRepository
from core.streams import NewRecord, create_stream
from core.streams.open import create_planned
from core.streams.plans import raw_plan
from desk.delivery.metrics import DeliveryMetrics
from desk.delivery.store.channels import Channel, DeliveryRepository
from pipeline.drivers.live import LiveRun, run_in_slices
from pipeline.ledger.contiguous_offsets import StreamOffsets
from tests.servers.kafka import free_ports
from tests.wirewatch.command import wirewatch
from wirewatch.monitoring.connectors import ConnectorProbes
from wirewatch.monitoring.metrics import PipelineProbes
from wirewatch.monitoring.probes import Probes

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _settings(folder: Path, **fields: object) -> Settings:
    return Settings(data_dir=str(folder), extraction_processes=0, **fields)  # type: ignore[arg-type]


def _append(settings: Settings, start: int, end: int) -> None:
    def record(number: int) -> NewRecord:
        url = f"https://outlet.example/{number}"
        text = f"The council of village {number} met on Monday and talked about bridge {number} over the river for an hour."
        raw = RawArticle(url=url, source=f"outlet{number % 2}", fetched_at=from_ms(wall_ms()), text=text)
        return NewRecord(article_id(url).encode(), encode(raw))

    create_stream(settings.stream, settings.raw_stream).append([record(number) for number in range(start, end)])


def test_status_distinguishes_quiet_from_broken(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    _append(settings, 0, 4)
    run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
    _append(settings, 4, 6)
    where = {"WIREWATCH_DATA_DIR": str(tmp_path)}
    done = wirewatch("status", "--json", cwd=tmp_path, **where)
    told = json.loads(done.stdout)
    assert (done.returncode, told["canary"]["health"]) == (0, "waiting")
    assert told["outcomes"] == {"published": 4}
    assert sum(told["lag"]["records"].values()) == 2
    assert sorted((one["source"], one["articles"]) for one in told["sources"]) == [("outlet0", 2), ("outlet1", 2)]
    assert all(one["last_at"].endswith("Z") for one in told["sources"])
    store = open_store(settings.store)
    book = CanaryRepository(store, "live")
    old = book.claim("old", now_ms=wall_ms() - 3_600_000, interval_s=300)
    assert old is not None
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE runs SET created_ms = created_ms - 7200000"))
    store.close()
    done = wirewatch("status", "--json", cwd=tmp_path, **where)
    told = json.loads(done.stdout)
    assert (done.returncode, told["canary"]["health"], told["canary"]["silent_stage"]) == (1, "silent", "connectors")
    found = [json.loads(line) for line in wirewatch("doctor", "--json", cwd=tmp_path, **where).stdout.splitlines()]
    [canary] = [one for one in found if one["what"] == "canary"]
    assert "no connectors service is running" in canary["facts"]
    assert canary["advice"]


def test_doctor_lists_channels_that_may_not_be_any_more(tmp_path: Path) -> None:
    where = {"WIREWATCH_DATA_DIR": str(tmp_path)}
    book = DeliveryRepository(open_store(_settings(tmp_path).store))
    book.save_channel(Channel(name="good", kind="chat", config={"url": "jsons://hooks.example/in"}))
    bad = {"old": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV?template=/etc/passwd", "file": "syslog://"}
    for name, url in bad.items():
        book.save_channel(Channel(name=name, kind="chat", config={"url": url}))
    book.store.close()
    found = [json.loads(line) for line in wirewatch("doctor", "--json", cwd=tmp_path, **where).stdout.splitlines()]
    [channels] = [one for one in found if one["what"] == "channels"]
    assert channels["state"] == "missing"
    assert "old: discord: the parameter template= may not be used" in channels["facts"]
    assert "file: syslog: not a service that channels may use" in channels["facts"]
    assert "good" not in channels["facts"]
    assert "JHMHI8" not in channels["facts"]


def test_status_reports_an_unavailable_stream_and_exits_with_1(tmp_path: Path) -> None:
    where = {"WIREWATCH_DATA_DIR": str(tmp_path), "WIREWATCH_STREAM_URL": "kafka://127.0.0.1:9?timeout_s=2"}
    open_store(_settings(tmp_path).store).close()
    done = wirewatch("status", "--json", cwd=tmp_path, **where)
    told = json.loads(done.stdout)
    assert (done.returncode, told["canary"]["health"]) == (1, "waiting")
    assert "can't be reached" in told["lag"]["problem"]


def test_a_new_start_reads_only_what_came_after_the_last_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(tmp_path, partitions=1)
    create_stream(settings.stream, settings.raw_stream, 1)
    now_ms = wall_ms()
    _append(settings, 0, 30)
    run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True)
    asked: list[dict[int, int]] = []
    whole = StreamOffsets.contiguous

    def noted(self: StreamOffsets, first: dict[int, int]) -> dict[int, tuple[int, list[int]]]:
        asked.append(dict(first))
        return whole(self, first)

    monkeypatch.setattr(StreamOffsets, "contiguous", noted)
    live = LiveRun(settings, wall_ms)
    assert live.resumption().start == {0: 30}
    assert asked == [{0: 30}]
    # And it is what the whole ledger says.
    assert whole(live.ledger.offsets(live.raw.uuid), {0: 0}) == {0: (30, [])}
    live.close()
    _append(settings, 30, 35)
    assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == 5
    assert wall_ms() >= now_ms


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_connectors_report_what_they_did_and_whether_they_progress(tmp_path: Path) -> None:
    [port] = free_ports(1)
    now = NOON
    store = open_store(_settings(tmp_path).store)
    FeedRepository(store).add("https://outlet.example/feed", "outlet", NOON - timedelta(seconds=40))
    probes = ConnectorProbes(_settings(tmp_path), store, lambda: now)
    server = Probes("connectors", "127.0.0.1", port)
    probes.serve(server)
    try:
        report = PollReport(
            new=3, unchanged=2, page_failures=(PageFailure("https://outlet.example/1", "words", FailureKind.TIMEOUT),)
        )
        probes.on_event(Polled("a", report, 3, 1, None, None, 900))
        probes.on_event(
            Polled("b", PollReport(), 0, 0, FeedError("https://x.example", "words", kind=FailureKind.HTTP_4XX), None)
        )
        probes.on_event(Polled("c", PollReport(not_modified=True), 0, 0, None, None))
        probes.on_event(Broke("d", "internal error", NOON))
        probes.on_event(Superseded("e"))
        probes.on_event(Waiting("f", "away", 1.0))
        probes.watch.look()
        samples = {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(_get(port, "/metrics")[1])
            for sample in family.samples
        }
        for result in ("ok", "failed", "not_modified", "broke", "outrun"):
            assert samples["wirewatch_polls_total", result] == 1
        assert samples["wirewatch_poll_errors_total", "http_4xx", "feed"] == 1
        assert samples["wirewatch_poll_errors_total", "timeout", "page"] == 1
        assert samples["wirewatch_items_total", "new"] == 3
        assert (samples[("wirewatch_appended_records_total",)], samples[("wirewatch_appended_bytes_total",)]) == (
            3,
            900,
        )
        assert (samples[("wirewatch_stubs_total",)], samples[("wirewatch_waits_total",)]) == (1, 1)
        assert samples["wirewatch_feeds", "new"] == 1
        assert samples[("wirewatch_schedule_lag_seconds",)] == 40
        assert samples[("process_resident_memory_bytes",)] > 1_000_000
        code, words = _get(port, "/healthz")
        assert code == 200
        assert "connectors: alive\ncanary: waiting" in words
        assert _get(port, "/readyz")[0] == 200
        now = NOON + timedelta(seconds=130)
        assert _get(port, "/healthz")[0] == 503
        probes.tend()
        assert _get(port, "/healthz")[0] == 200
    finally:
        server.close()
        store.close()


def test_each_metric_is_exported_by_one_service(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    store = open_store(settings.store)
    FeedRepository(store).add("https://outlet.example/feed", "outlet", NOON)
    with create_planned(settings.stream, raw_plan(settings)):
        services: dict[str, Collector] = {
            "connectors": ConnectorProbes(settings, store, lambda: NOON).registry,
            "pipeline": PipelineProbes(settings, wall_ms).registry,
            "delivery": DeliveryMetrics(store, wall_ms, CollectorRegistry()),
        }
        # Of each process, and of the canary as that process sees it: by intent in all of them.
        names = {
            name: {one.name for one in service.collect() if not one.name.startswith(("process_", "wirewatch_canary"))}
            for name, service in services.items()
        }
    store.close()
    assert all(names.values())
    assert "wirewatch_feeds" in names["connectors"]
    for one, other in (("connectors", "pipeline"), ("connectors", "delivery"), ("pipeline", "delivery")):
        assert names[one] & names[other] == set()
