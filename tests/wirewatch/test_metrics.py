"""``/metrics``, ``/healthz`` and ``/readyz`` of a running pipeline."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.clock import wall_ms
from core.records import RawArticle, article_id, encode, from_ms
from core.settings import Settings
from core.streams import NewRecord, create_stream
from pipeline.drivers.live import run_in_slices
from tests.servers.flink_rest import playing
from tests.servers.kafka import free_ports
from wirewatch.monitoring.metrics import PipelineProbes, with_short_timeout
from wirewatch.monitoring.probes import Probes


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _record(number: int) -> NewRecord:
    url = f"https://outlet.example/{number}"
    text = f"The council of village {number} met on Monday and talked about the bridge over the river for an hour."
    return NewRecord(
        article_id(url).encode(), encode(RawArticle(url=url, source="outlet", fetched_at=from_ms(wall_ms()), text=text))
    )


def test_the_figures_are_those_of_store_and_stream(tmp_path: Path) -> None:
    [port] = free_ports(1)
    settings = Settings(data_dir=str(tmp_path), metrics_port=port, extraction_processes=0)
    raw = create_stream(settings.stream, settings.raw_stream)
    server = Probes("pipeline", settings.metrics_host, port)
    PipelineProbes(settings, wall_ms).serve(server)
    try:
        assert _get(port, "/healthz")[0] == 200
        raw.append([_record(number) for number in range(3)])
        assert "wirewatch_lag_records" in _get(port, "/metrics")[1]
        assert _lag(_get(port, "/metrics")[1]) == 3
        assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == 3
        body = _get(port, "/metrics")[1]
        assert _lag(body) == 0
        samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(body)
            for sample in family.samples
        }
        assert samples["wirewatch_outcomes_total", ("kind", "published"), ("run", "live")] == 3
        # An alarm on what was lost needs the figure before: Prometheus sees no increase in what was not there.
        assert samples["wirewatch_outcomes_total", ("kind", "lost"), ("run", "live")] == 0
        assert samples["wirewatch_query_not_decided_total", ("run", "live")] == 0
        assert samples["wirewatch_postponed_total", ("run", "live"), ("why", "slow")] == 0
        assert (
            samples["wirewatch_refused_by_limit_total", ("limit", "timeout"), ("run", "live"), ("stage", "match")] == 0
        )
        assert samples[("wirewatch_slow_lane_waiting",)] == 0
        assert samples["wirewatch_latency_seconds_count", ("stage", "append_to_store")] == 3
        assert samples[("wirewatch_outbox_waiting",)] == 0
        assert samples["wirewatch_lag_seconds", ("run", "live")] == 0
        assert _get(port, "/readyz")[0] == 200
        assert _get(port, "/else")[0] == 404
    finally:
        server.close()


def test_on_a_cluster_it_is_ready_once_the_job_runs(tmp_path: Path) -> None:
    with playing() as cluster:
        settings = Settings(data_dir=str(tmp_path), flink_rest_url=cluster.url, extraction_processes=0)
        create_stream(settings.stream, settings.raw_stream).close()
        probes = PipelineProbes(settings, wall_ms, job="wirewatch-live")

        def job() -> tuple[bool, str]:
            [one] = [check for check in probes.ready() if check.name == "job"]
            assert one.fatal
            return one.ok, one.words

        cluster.jobs = {"other": ["RUNNING", "wirewatch-replay"]}
        assert job() == (False, "wirewatch-live does not run yet")
        cluster.jobs["ours"] = ["RESTARTING", "wirewatch-live"]
        assert job()[0] is False
        cluster.jobs["ours"] = ["RUNNING", "wirewatch-live"]
        assert job() == (True, "wirewatch-live runs")
        cluster.refuses = True
        ok, words = job()
        assert not ok
        assert "HTTP 503" in words
        probes.metrics.close()


def test_whether_it_lives_is_answered_without_store_and_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that waits for a store that is away would have the service killed, again and again."""
    settings = Settings(data_dir=str(tmp_path), extraction_processes=0)
    probes = PipelineProbes(settings, wall_ms)
    probes.watch.look()

    def away(*_arguments: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(probes.metrics.store, "reading", away)
    monkeypatch.setattr(probes.metrics, "lag", away)
    checks = list(probes.health())
    assert [(check.name, check.ok) for check in checks] == [("pipeline", True), ("canary", True)]
    assert checks[1].words.startswith("waiting: ")
    assert not any(check.fatal for check in checks if check.name == "canary")


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("kafka://h:9092", "kafka://h:9092?timeout_s=3"),
        ("kafka://h:9092?replication_factor=3", "kafka://h:9092?replication_factor=3&timeout_s=3"),
        ("kafka://h:9092?timeout_s=20", "kafka://h:9092?timeout_s=20"),
        ("sqlite:///streams.db", "sqlite:///streams.db?timeout_s=3"),
    ],
)
def test_a_scrape_does_not_wait_long_for_a_stream_that_is_away(url: str, wanted: str) -> None:
    assert with_short_timeout(url) == wanted


def _lag(body: str) -> float:
    families = text_string_to_metric_families(body)
    return sum(
        sample.value for family in families if family.name == "wirewatch_lag_records" for sample in family.samples
    )
