"""``/metrics``, ``/healthz`` and ``/readyz`` of a running pipeline."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from pipeline.clock import wall_ms
from pipeline.drivers.live import run_in_slices
from pipeline.records import RawArticle, article_id, encode, from_ms
from pipeline.settings import Settings
from pipeline.streams import NewRecord, create_stream
from tests.servers.kafka import free_ports
from wirewatch.metrics import serve_metrics


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
    server = serve_metrics(settings, wall_ms)
    assert server is not None
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
        assert samples["wirewatch_latency_seconds_count", ("stage", "append_to_store")] == 3
        assert samples[("wirewatch_outbox_waiting",)] == 0
        assert samples["wirewatch_lag_seconds", ("run", "live")] == 0
        assert _get(port, "/readyz")[0] == 200
        assert _get(port, "/else")[0] == 404
    finally:
        server.shutdown()
        server.server_close()


def _lag(body: str) -> float:
    families = text_string_to_metric_families(body)
    return sum(
        sample.value for family in families if family.name == "wirewatch_lag_records" for sample in family.samples
    )
