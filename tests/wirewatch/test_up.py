"""``wirewatch up`` is safe to start: one in a folder, on ports that are its own; and its services end with it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from core.errors import UsageError
from core.private import open_to_others
from core.settings import Settings
from tests.servers.kafka import alive, free_ports
from tests.wirewatch.command import wirewatch
from wirewatch.cli import app
from wirewatch.commands import up
from wirewatch.folder_lock import NAME, only_one

HOLD = """
import sys, pathlib
from wirewatch.folder_lock import only_one
with only_one(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
STUCK = """
import threading
from wirewatch import supervisor
supervisor.STOP_TIMEOUT_S = 0.2
supervisor.end_with_supervisor()
stop = supervisor.stop_on_signals()
print("runs", flush=True)
stop.wait()
print("asked", flush=True)
threading.Event().wait()
"""


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


def test_a_folder_is_held_by_one_process_and_free_once_that_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout
    assert first.stdout.readline() == "held\n"
    assert not open_to_others(folder / NAME)
    with pytest.raises(UsageError, match=rf"another wirewatch up is running in {folder} \(process {first.pid}\)"):
        only_one(folder).__enter__()
    first.kill()
    first.communicate()
    with only_one(folder):
        child = subprocess.run([sys.executable, "-c", "print('inherits nothing')"], check=True, capture_output=True)
        assert child.returncode == 0
    with only_one(folder):
        pass


def test_a_second_one_in_the_folder_is_refused_with_one_line(tmp_path: Path) -> None:
    with only_one(tmp_path / "var"):
        done = wirewatch("up", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"wirewatch: another wirewatch up is running in {tmp_path / 'var'} (process {os.getpid()})")


@pytest.mark.parametrize("setting", ["desk_port", "metrics_port"])
def test_a_port_in_use_is_reported_before_any_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], taken: int, setting: str
) -> None:
    monkeypatch.setattr(up, "PORT_PATIENCE_S", 0.0)
    ports: dict[str, int] = {"desk_port": 0} | {setting: taken}
    with pytest.raises(UsageError, match=f"127.0.0.1:{taken}: address already in use"):
        up._supervise(Settings(data_dir=str(tmp_path), **ports), threading.Event())
    assert capsys.readouterr().err == ""


def test_a_port_that_a_killed_one_s_services_leave_is_waited_for(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as other:
        threading.Timer(0.5, other.close).start()
        assert up._with_free_ports(Settings(data_dir=str(tmp_path), desk_port=port), stop).desk_port == port


class Recorder:
    """A supervisor that starts nothing."""

    made: ClassVar[list[Recorder]] = []

    def __init__(self, environment: dict[str, str], **_: object) -> None:
        self.environment = environment
        self.made.append(self)

    def add(self, *_: str) -> None:
        """Start nothing."""

    stop = restart_ended = add


@pytest.mark.parametrize("wanted", ["given", "any"])
def test_the_desk_s_port_is_an_option_and_the_desk_gets_the_one_that_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WIREWATCH_")]:
        monkeypatch.delenv(name)
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(up, "stop_on_signals", lambda: stop)
    monkeypatch.setattr(up, "Supervisor", Recorder)
    port = free_ports(1)[0] if wanted == "given" else 0
    said = CliRunner().invoke(app, ["up", "--desk-port", str(port)])
    assert said.exit_code == 0, said.output
    found = re.search(r"the desk: http://127\.0\.0\.1:(\d+)/", said.output)
    assert found
    assert port in (0, int(found[1]))
    assert Recorder.made.pop().environment["WIREWATCH_DESK_PORT"] == found[1] != "0"


def test_a_service_that_hangs_ends_when_its_supervisor_is_gone(tmp_path: Path) -> None:
    service = subprocess.Popen(
        [sys.executable, "-c", STUCK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"SUPERVISED_BY_WIREWATCH": "1"},
    )
    assert service.stdin
    assert service.stdout
    assert service.stdout.readline() == "runs\n"
    service.stdin.close()
    assert service.stdout.readline() == "asked\n"
    assert service.wait(60) != 0
    assert not alive(service.pid)
