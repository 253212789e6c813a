"""Flink's Python workers: how their processes begin, and when they and their pool end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any, ClassVar

import grpc  # type: ignore[import-untyped]
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.transforms.environments import ExternalEnvironment

from core.errors import UsageError
from pipeline.drivers import workers
from pipeline.drivers.worker_pool import PARAMETER, VersionedPool, environment, program_of, with_version
from pipeline.versions import REFUSAL, VERSION
from tests.servers.kafka import alive, free_ports


def _request(name: str) -> Any:
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id=name, params={PARAMETER: VERSION})
    request.control_endpoint.url = "127.0.0.1:1"
    return request


def test_a_worker_is_this_interpreter_and_whatever_its_name_is_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, Any]]] = []

    def start(command: list[str], **how: Any) -> None:
        started.append((command, how))

    monkeypatch.setattr("pipeline.drivers.worker_pool.subprocess.Popen", start)
    name = """it's "1-1"); raise SystemExit(3) #"""
    assert VersionedPool(use_process=True).StartWorker(_request(name), None).error == ""
    [(command, how)] = started
    assert command[:2] == [sys.executable, "-c"]
    # A pipe without a reader would fill up.
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
    assert VersionedPool(use_process=True).StartWorker(_request("1-1"), None).error.endswith("Cannot allocate memory")


@pytest.mark.parametrize(
    ("params", "whose"), [({}, "an unknown version"), ({PARAMETER: "0.2.0+0badcafe"}, "0.2.0+0badcafe")]
)
def test_a_job_of_another_version_gets_no_worker_but_the_reason(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, str], whose: str
) -> None:
    started: list[object] = []
    monkeypatch.setattr("pipeline.drivers.worker_pool.subprocess.Popen", started.append)
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1", params=params)
    said = VersionedPool(use_process=True).StartWorker(request, None).error
    assert said.startswith(f"{REFUSAL}: a job of {whose} met {VERSION} — ")
    assert "goes on from the ledger" in said
    assert started == []


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ("localhost:50000", {"url": "localhost:50000", "params": {PARAMETER: VERSION}}),
        (
            '{"url": "workers:1", "params": {"a": "b"}}',
            {"url": "workers:1", "params": {"a": "b", PARAMETER: VERSION}},
        ),
    ],
)
def test_a_job_carries_its_submitter_s_version_to_the_pool(given: str, config: dict[str, Any]) -> None:
    options = with_version(["--environment_type=EXTERNAL", f"--environment_config={given}"])
    found = ExternalEnvironment.from_options(PipelineOptions(options).view_as(PortableOptions))
    assert (found.url, found.params) == (config["url"], config["params"])
    # Once is enough, and twice does no harm.
    again = PipelineOptions(with_version(options)).view_as(PortableOptions)
    assert json.loads(again.environment_config) == config


def test_other_environments_are_left_alone_and_broken_ones_are_reported() -> None:
    for options in ([], ["--environment_type=LOOPBACK"], ["--environment_type=DOCKER", "--environment_config=image"]):
        assert with_version(options) == options
    with pytest.raises(UsageError, match="is not JSON"):
        with_version(["--environment_type=EXTERNAL", "--environment_config={url"])


def test_the_number_of_heaps_can_be_configured() -> None:
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


@pytest.mark.parametrize(
    ("looks", "ended_at"),
    [
        ([(0, True), (500, True), (505, False), (560, False), (565, False)], 565),
        ([(0, True), (5, False), (60, False), (62, True), (65, False), (124, False)], None),
        # It never came.
        ([(0, False), (55, False), (60, False)], 60),
        ([(0, False), (59, False), (61, True), (100, False), (160, False)], 160),
        # Held up for an hour between two looks, which says nothing of the time between.
        ([(0, True), (3_600, False), (3_605, False), (3_660, False)], 3_660),
    ],
)
def test_a_neighbour_is_gone_once_it_was_missed_for_a_minute_in_a_row(
    looks: list[tuple[float, bool]], ended_at: float | None
) -> None:
    vigil = workers.Vigil(60)
    ended = [now_s for now_s, there in looks if vigil.gone(there, now_s)]
    assert ended == ([] if ended_at is None else [ended_at])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "PORT"),
        (["0"], "'0' is not a port"),
        (["50000", "--beside", "9249"], "'9249' is not HOST:PORT"),
        (["50000", "--beside", "localhost:http"], "'http' is not a port"),
    ],
)
def test_wrong_arguments_are_reported(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        workers.main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_the_address_beside_may_be_of_either_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def serve(*given: Any) -> int:
        asked.append(given)
        return 0

    monkeypatch.setattr(workers, "serve", serve)
    for beside in ([], ["--beside", "127.0.0.1:9249"], ["--beside", "[::1]:9249"]):
        assert workers.main(["50000", *beside]) == 0
    assert asked == [(50_000, None), (50_000, ("127.0.0.1", 9_249)), (50_000, ("::1", 9_249))]


def test_a_pool_whose_neighbour_goes_ends_with_its_workers() -> None:
    with _silent() as neighbour, _silent() as runner, _pool(neighbour.getsockname()) as (pool, port):
        child = _one_worker(pool, port, runner)
        neighbour.close()
        assert pool.wait(60) == 1
        assert not alive(child)
        assert pool.stderr is not None
        assert pool.stderr.read().count(b"nothing listens beside these workers any more") == 1


def test_a_pool_that_is_asked_to_end_takes_its_workers_along() -> None:
    with _silent() as neighbour, _silent() as runner, _pool(neighbour.getsockname()) as (pool, port):
        child = _one_worker(pool, port, runner)
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(60) == 0
        assert not alive(child)


@contextlib.contextmanager
def _silent() -> Iterator[socket.socket]:
    """Takes connections and says nothing: a worker waits for such a runner for a minute."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        # Each look stays in the queue, and a full one would answer no more.
        listening.listen(4_096)
        yield listening


@contextlib.contextmanager
def _pool(beside: tuple[str, int]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    [port] = free_ports(1)
    program = "import sys; from pipeline.drivers.workers import serve; sys.exit(serve({}, {}, patience_s=0.5, look_every_s=.1))"
    with subprocess.Popen(
        [sys.executable, "-c", program.format(port, tuple(beside))], stderr=subprocess.PIPE, start_new_session=True
    ) as pool:
        try:
            yield pool, port
        finally:
            with contextlib.suppress(ProcessLookupError):  # all of it has ended
                os.killpg(pool.pid, signal.SIGKILL)


def _one_worker(pool: subprocess.Popen[bytes], port: int, runner: socket.socket) -> int:
    """The process id of a worker that the pool started."""
    request = _request("1-1")
    request.control_endpoint.url = "{}:{}".format(*runner.getsockname())
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        assert stub.StartWorker(request, wait_for_ready=True, timeout=60).error == ""
    # The thread that answered is the one that started it.
    found = [file.read_text().split() for file in Path(f"/proc/{pool.pid}/task").glob("*/children")]
    [child] = [int(one) for words in found for one in words]
    assert alive(child)
    return child
