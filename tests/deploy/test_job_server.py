"""The start script of Beam's job server, as compose and Kubernetes run it: it ends with the server, also when stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.deploy import files
from tests.servers.flink import consecutive_ports
from tests.servers.kafka import listens
from tests.waiting import until

SCRIPT = files.KUBERNETES / "job-server.sh"
GRACE_S = 30.0
DIES = [
    "trap 'echo done > ended; trap - TERM; kill -TERM $$' TERM",
    "echo begun > begun",
    "while :; do sleep 0.01; done",
]
"""Does its last work when asked to stop, then dies of the signal, as a JVM does after its shutdown hooks."""


def started(folder: Path, program: list[str], *arguments: str) -> subprocess.Popen[bytes]:
    """The script in ``folder``, with ``program`` in place of Java."""
    java = folder / "java"
    java.write_text("\n".join(["#!/bin/bash", *program, ""]))
    java.chmod(0o755)
    # A shell can't catch a signal that it was started to ignore, as jobs in the background of a script ignore SIGINT.
    return subprocess.Popen(
        ["env", "--default-signal=INT", "sh", SCRIPT, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
    )


@pytest.mark.parametrize(
    ("program", "status"),
    [
        (DIES, 0),
        # A server that fails when it is stopped is not hidden.
        ([DIES[0].replace("trap - TERM; kill -TERM $$", "exit 7"), *DIES[1:]], 7),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_the_server_and_is_waited_for(
    tmp_path: Path, program: list[str], status: int, number: signal.Signals
) -> None:
    process = started(tmp_path, program)
    until((tmp_path / "begun").exists, "the server runs")
    process.send_signal(number)
    assert process.wait(GRACE_S) == status
    assert (tmp_path / "ended").read_text() == "done\n"


def test_a_server_that_ends_by_itself_gives_its_status(tmp_path: Path) -> None:
    process = started(tmp_path, ['printf "%s\\n" "$@" > arguments', "exit 3"], "--job-port=8099", "--a=two words")
    assert process.wait(GRACE_S) == 3
    told = (tmp_path / "arguments").read_text().splitlines()
    assert told[:2] == ["-cp", "jars/*"]
    assert told[-2:] == ["--job-port=8099", "--a=two words"]


def test_a_server_that_another_process_kills_is_a_failure(tmp_path: Path) -> None:
    # 143 as well, but nothing asked the script.
    assert started(tmp_path, ["kill -TERM $$"]).wait(GRACE_S) == 143


def test_compose_and_kubernetes_start_it_with_time_to_end() -> None:
    service = files.compose()["services"]["jobserver"]
    assert service["entrypoint"] == ["sh", "/job-server.sh"]
    assert f"./kubernetes/{SCRIPT.name}:/job-server.sh:ro" in service["volumes"]
    assert service["stop_grace_period"] == "30s"
    [spec] = [spec for name, spec in files.pods() if name == "job-server"]
    [container] = spec["containers"]
    [mount] = [one["mountPath"] for one in container["volumeMounts"] if one["name"] == "scripts"]
    assert container["command"] == ["sh", f"{mount}/{SCRIPT.name}"]
    [source] = [one["configMap"]["name"] for one in spec["volumes"] if one["name"] == "scripts"]
    [kustomization] = files.documents(files.KUBERNETES / "kustomization.yaml")
    assert {"name": source, "files": [SCRIPT.name]} in kustomization["configMapGenerator"]


@pytest.mark.flink
def test_the_real_job_server_ends_by_itself(tmp_path: Path) -> None:
    fetch = f'. "{files.DEPLOY}/local/jars.sh"; fetch_jars flink; echo "$jars"'
    told = subprocess.run(["bash", "-c", fetch], capture_output=True, text=True, check=True)
    (tmp_path / "jars").symlink_to(told.stdout.splitlines()[-1])
    port = consecutive_ports(3)
    ports = [f"--job-port={port}", f"--artifact-port={port + 1}", f"--expansion-port={port + 2}"]
    process = subprocess.Popen(
        ["sh", SCRIPT, "--flink-master=[local]", "--job-host=127.0.0.1", *ports, "--artifacts-dir=artifacts"],
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        until(lambda: listens(f"127.0.0.1:{port}"), "the job server listens")
        process.terminate()
        assert process.wait(GRACE_S) == 0
        assert not listens(f"127.0.0.1:{port}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
