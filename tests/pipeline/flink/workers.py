"""Beam's Python workers of this test run."""

from __future__ import annotations

import os
from pathlib import Path


def worker_pids() -> list[int]:
    """Processes of Beam's Python workers that descend from this process: others' are left alone."""
    parents, workers = {}, []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if b"SdkHarness(" in (process / "cmdline").read_bytes():
                workers.append(int(process.name))
        except OSError:
            continue  # it has ended
    return [pid for pid in workers if os.getpid() in _ancestors(pid, parents)]


def _ancestors(pid: int, parents: dict[int, int]) -> set[int]:
    found: set[int] = set()
    while (pid := parents.get(pid, 0)) and pid not in found:
        found.add(pid)
    return found
