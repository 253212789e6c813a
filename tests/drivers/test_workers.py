"""Flink's Python workers: how their processes begin."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent import futures
from typing import Any, ClassVar

import grpc  # type: ignore[import-untyped]
import pytest
from apache_beam.portability.api import beam_fn_api_pb2

from pipeline.drivers.worker_pool import Pool, environment, program_of


def _request(name: str) -> Any:
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id=name)
    request.control_endpoint.url = "127.0.0.1:1"
    return request


def test_a_worker_is_this_interpreter_and_whatever_its_name_is_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, Any]]] = []

    def start(command: list[str], **how: Any) -> None:
        started.append((command, how))

    monkeypatch.setattr("pipeline.drivers.worker_pool.subprocess.Popen", start)
    name = """it's "1-1"); raise SystemExit(3) #"""
    assert Pool(use_process=True).StartWorker(_request(name), None).error == ""
    [(command, how)] = started
    assert command[:2] == [sys.executable, "-c"]
    # A pipe that nobody reads would fill up.
    assert "stdout" not in how
    _Harness.asked.clear()
    exec(command[2].splitlines()[-1], {"SdkHarness": _Harness})  # noqa: S102
    [(url, named)] = _Harness.asked
    assert (url, named["worker_id"]) == ("127.0.0.1:1", name)


class _Harness:
    asked: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def __init__(self, url: str, **named: Any) -> None:
        self.asked.append((url, named))

    def run(self) -> None:
        pass


def test_a_worker_that_cannot_be_started_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_arguments: object, **_options: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("pipeline.drivers.worker_pool.subprocess.Popen", no_memory)
    assert Pool(use_process=True).StartWorker(_request("1-1"), None).error.endswith("Cannot allocate memory")


def test_who_runs_it_may_choose_the_number_of_heaps() -> None:
    assert environment({"A": "b"}) == {"A": "b", "MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "262144"}
    assert environment({"MALLOC_ARENA_MAX": "8"})["MALLOC_ARENA_MAX"] == "8"


def test_beam_says_nothing_before_our_logs_begin() -> None:
    """A runner that knows no worker: the process ends when it is refused, after all of Beam was loaded."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", program_of(f"127.0.0.1:{port}", "1-1")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "WIREWATCH_LOG_FORMAT": "json"},
        )
    finally:
        server.stop(0)
    assert "UNIMPLEMENTED" in done.stderr, "it came as far as asking the runner"
    assert "apitools" not in done.stderr
    assert "WARNING:root" not in done.stderr
