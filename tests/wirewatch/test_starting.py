"""Services wait for what is away at their start, say so once in a sentence, and end in good order when they are stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from core.errors import UsageError
from core.settings import Settings
from tests.servers.kafka import free_ports
from tests.waiting import until
from tests.wirewatch.command import surroundings
from wirewatch import starting

FLINK = ("--runner=PortableRunner", "--beam-option=--job_endpoint=127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("what", "command", "away"),
    [
        ("the stream raw-articles", ("connectors", "run"), {"WIREWATCH_STREAM_URL": "kafka://127.0.0.1:{port}"}),
        ("the store", ("deliver",), {"WIREWATCH_STORE_URL": "postgresql://me@127.0.0.1:{port}/none"}),
        ("Beam's job server", ("pipeline", "run", *FLINK), {}),
    ],
)
def test_a_service_waits_and_says_so_in_one_line(
    tmp_path: Path, what: str, command: tuple[str, ...], away: dict[str, str]
) -> None:
    (port,) = free_ports(1)
    settings = {name: value.format(port=port) for name, value in away.items()} | {"WIREWATCH_LOG_FORMAT": "json"}
    said = tmp_path / "stderr"
    with said.open("w") as stderr:
        service = subprocess.Popen(
            [sys.executable, "-m", "wirewatch", *(part.format(port=port) for part in command)],
            cwd=tmp_path,
            env=surroundings() | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in said.read_text().splitlines()]

    try:
        until(lambda: any("can't be reached" in line["event"] for line in lines()), "line")
        assert service.poll() is None
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0
    (line,) = (line for line in lines() if line["level"] == "warning")
    assert line["event"] == f"{what} can't be reached; waiting until it can"
    assert str(port) in line["problem"]


def test_a_wrong_setting_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        starting.store_of(Settings(store_url="mysql://somewhere/x"), threading.Event())
    with pytest.raises(UsageError):
        starting.await_pipeline(Settings(data_dir=str(tmp_path), stream_url="http://x"), threading.Event())
