"""``wirewatch up --archive`` also keeps the raw stream's days."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from tests.wirewatch.command import wirewatch
from wirewatch.commands import up


class Recorder:
    """A supervisor that starts nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.added: dict[str, tuple[str, ...]] = {}
        recorders.append(self)

    def add(self, name: str, *arguments: str) -> None:
        self.added[name] = arguments

    def stop(self) -> None:
        self.added["stopped"] = ()


recorders: list[Recorder] = []


@pytest.mark.parametrize("archive", [False, True])
def test_the_archive_is_a_service_of_its_own_if_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, archive: bool
) -> None:
    monkeypatch.setattr(up, "Supervisor", Recorder)
    stop = threading.Event()
    stop.set()
    up._supervise(Settings(data_dir=str(tmp_path), desk_port=0), stop, archive=archive)
    added = recorders.pop().added
    assert added.get("archive") == (("archive", "--follow") if archive else None)
    assert {"connectors", "pipeline", "delivery", "desk", "stopped"} <= added.keys()


def test_the_demo_keeps_no_archive(tmp_path: Path) -> None:
    done = wirewatch("up", "--demo", "--archive", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--archive and --demo can't be combined" in done.stderr
