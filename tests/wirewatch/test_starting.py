"""Services wait for what is away at their start, say so once in a sentence, and end in good order when they are stopped."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from core.errors import UsageError
from core.net.serving import listening_socket
from core.settings import Settings
from tests.servers.kafka import free_ports
from tests.waiting import until
from tests.wirewatch.command import service
from wirewatch import starting
from wirewatch.monitoring.probes import Probes

FLINK = ("--runner=PortableRunner", "--beam-option=--job_endpoint=127.0.0.1:{port}")
STORE = {"WIREWATCH_STORE_URL": "postgresql://me@127.0.0.1:{port}/none"}
STREAM = {"WIREWATCH_STREAM_URL": "kafka://127.0.0.1:{port}"}
PROBES = {"WIREWATCH_METRICS_PORT": "{probes}"}


@pytest.mark.parametrize(
    ("what", "command", "settings"),
    [
        ("the stream raw-articles", ("connectors", "run"), STREAM | PROBES),
        ("the store", ("connectors", "listen", "--port", "0"), STORE | PROBES),
        ("the store", ("deliver",), STORE | PROBES),
        ("the store", ("desk",), STORE | {"WIREWATCH_DESK_PORT": "{probes}"}),
        ("Beam's job server", ("pipeline", "run", *FLINK), PROBES),
    ],
    ids=["connectors", "listen", "delivery", "desk", "pipeline"],
)
def test_a_waiting_service_reports_it_in_one_line_and_at_its_probes(
    tmp_path: Path, what: str, command: tuple[str, ...], settings: dict[str, str]
) -> None:
    port, probes = free_ports(2)
    given = {name: value.format(port=port, probes=probes) for name, value in settings.items()}
    said = tmp_path / "stderr"
    started = [part.format(port=port) for part in command]

    def lines() -> list[dict[str, Any]]:
        # The desk says in plain words that it starts.
        return [json.loads(line) for line in said.read_text().splitlines() if line.startswith("{")]

    with service(*started, cwd=tmp_path, says=said, WIREWATCH_LOG_FORMAT="json", **given) as process:
        until(lambda: any("can't be reached" in line["event"] for line in lines()), "line")
        assert process.poll() is None
        alive, ready = (httpx.get(f"http://127.0.0.1:{probes}/{probe}", timeout=30) for probe in ("healthz", "readyz"))
        assert (alive.status_code, ready.status_code) == (200, 503)
        for answer in (alive, ready):
            assert f": waits for {what} (" in answer.text
            assert str(port) in answer.text
        elsewhere = httpx.get(f"http://127.0.0.1:{probes}/live", timeout=30)
        assert (elsewhere.status_code, elsewhere.headers["retry-after"]) == (503, "5")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    (line,) = (line for line in lines() if line["level"] == "warning")
    assert line["event"] == f"{what} can't be reached; waiting until it can"
    assert str(port) in line["problem"]


def test_a_desk_that_waited_for_its_store_serves_once_it_is_there(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    listening = listening_socket("127.0.0.1", port)
    probes = Probes("desk", "127.0.0.1", 0, listening=listening.dup())
    probes.waits("the store")
    assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).status_code == 503
    probes.waits(None)
    # Until it serves, no page is missing: it is not there yet.
    starting_page = httpx.get(f"http://127.0.0.1:{port}/sign-in", timeout=30)
    assert (starting_page.status_code, starting_page.text) == (503, "desk: starting\n")
    assert starting_page.headers["refresh"] == "5"
    probes.close()
    # The desk serves on the same socket; what came in between waits in its queue.
    desk = Probes("desk", "127.0.0.1", 0, listening=listening)
    desk.serve(CollectorRegistry(), health=list, ready=list)
    assert httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30).status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port}/nothing", timeout=30).status_code == 404
    desk.close()


def test_a_wrong_setting_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        starting.store_of(Settings(store_url="mysql://somewhere/x"), threading.Event())
    with pytest.raises(UsageError):
        starting.await_pipeline(Settings(data_dir=str(tmp_path), stream_url="http://x"), threading.Event())
