"""The launcher's own errors, and that a broken server is told rather than skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.kafka import LAUNCHER, KafkaServer, ServerFailed, free_ports
from tests.servers.shared import shared


def launch(*arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash
    command = [bash, str(LAUNCHER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": path}, check=False)


def test_without_java_it_says_what_to_install(tmp_path: Path) -> None:
    done = launch(str(tmp_path / "kafka"), path=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == "kafka.sh: java not found: install a JDK (17 or newer) and Maven\n"
    assert not (tmp_path / "kafka").exists()


def test_without_arguments_it_says_how_to_use_it() -> None:
    done = launch(path=os.environ["PATH"])
    assert done.returncode == 2
    assert done.stderr.startswith("usage: kafka.sh DIR")


@pytest.mark.kafka
def test_a_broker_that_exits_is_reported_with_its_log(tmp_path: Path) -> None:
    server = KafkaServer(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=7\n")
    with pytest.raises(ServerFailed, match=r"(?s)Kafka ended with 1.*node"):
        server.start()


def test_a_shared_server_is_started_once_and_ended_by_the_last(tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start(directory: Path) -> dict[str, int]:
        assert directory == tmp_path
        started.append(subprocess.Popen(["sleep", "60"]))
        return {"pid": started[-1].pid}

    with shared(tmp_path, start) as one:
        assert started[0].poll() is None
        with shared(tmp_path, start) as other:
            assert one == other
        assert len(started) == 1
    started[0].wait(timeout=10)
    with shared(tmp_path, start) as again:
        assert again["pid"] == started[1].pid


def test_a_shared_server_that_fails_fails_for_all_without_a_second_try(tmp_path: Path) -> None:
    tries: list[Path] = []

    def start(directory: Path) -> dict[str, int]:
        tries.append(directory)
        raise ServerFailed("no java")

    for _ in range(3):
        with pytest.raises((ServerFailed, RuntimeError), match="no java"), shared(tmp_path, start):
            pass
    assert len(tries) == 1


def test_free_ports_differ() -> None:
    assert len(set(free_ports(5))) == 5
