"""One look at an installation: memory and CPU of each part from /proc, the pipeline's own figures, Flink's checkpoints."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.soak.installation import Installation

PARTS = ("pipeline", "extraction", "workers", "taskmanager", "jobmanager", "jobserver", "kafka", "postgres")
COLUMNS = (
    *("t_s", "phase", "appended", "outcomes", "lag_records", "lag_s", "outbox", "index_entries", "index_mb"),
    *("checkpoint_bytes", "checkpoint_ms", "checkpoints_failed", "load1"),
    *(f"{part}_pss_mb" for part in PARTS),
    *(f"{part}_cpu_s" for part in PARTS),
    "processes",
)
_TICKS = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss: +(\d+) kB$", re.MULTILINE)


class Process(NamedTuple):
    """A row of the process table. ``cpu_s``: its own and that of children that have ended."""

    pid: int
    parent: int
    cpu_s: float


def processes(proc: Path = Path("/proc")) -> Iterator[Process]:
    """All processes that run now."""
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text()
            except OSError:
                continue
            yield parsed(int(folder.name), text)


def parsed(pid: int, stat: str) -> Process:
    """A process from its /proc/PID/stat. Pure."""
    # The name stands in brackets and may hold anything.
    fields = stat.rpartition(")")[2].split()
    cpu = sum(int(field) for field in fields[11:15]) / _TICKS
    return Process(pid, int(fields[1]), cpu)


def pss_mb(pid: int, proc: Path = Path("/proc")) -> float:
    """A process's resident memory in MB, with pages that it shares counted in equal shares; 0 if it has ended.

    Forks share most of theirs, so the sum of what is resident in each of them would be several times what they take.
    """
    try:
        text = (proc / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = _PSS.search(text)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def trees(table: Iterable[Process], roots: dict[str, int]) -> dict[str, list[Process]]:
    """The processes of each root, itself first. Pure."""
    known = {process.pid: process for process in table}
    children: dict[int, list[Process]] = {}
    for process in known.values():
        children.setdefault(process.parent, []).append(process)
    found: dict[str, list[Process]] = {}
    for name, root in roots.items():
        found[name], waiting = [], [known[root]] if root in known else []
        while waiting:
            process = waiting.pop()
            found[name].append(process)
            waiting.extend(children.get(process.pid, ()))
    return found


class Sampler:
    """Takes samples as rows of ``COLUMNS``."""

    def __init__(self, installation: Installation, began_s: float) -> None:
        self._installation, self._began_s = installation, began_s

    def sample(self, now_s: float, phase: str, appended: int) -> dict[str, object]:
        """A row; figures that can't be had now are empty."""
        row: dict[str, object] = dict.fromkeys(COLUMNS, "")
        row |= {"t_s": round(now_s - self._began_s, 1), "phase": phase, "appended": appended}
        row["load1"] = round(os.getloadavg()[0], 2)
        row |= self._parts()
        with contextlib.suppress(OSError):
            row |= figures(self._installation.ask(self._installation.metrics_port, "/metrics"))
        checkpoint = self._installation.checkpoint()
        if checkpoint.get("id"):
            row["checkpoint_bytes"] = checkpoint["state_size"]
            row["checkpoint_ms"] = checkpoint["end_to_end_duration"]
            row["checkpoints_failed"] = checkpoint["failed"]
        return row

    def _parts(self) -> dict[str, object]:
        found = trees(processes(), self._installation.roots())
        # In slices the children of the pipeline extract pages; on Flink those of the workers do.
        if tree := found.get("pipeline"):
            found["pipeline"], found["extraction"] = tree[:1], tree[1:]
        row: dict[str, object] = {"processes": sum(len(tree) for tree in found.values())}
        for part, tree in found.items():
            row[f"{part}_pss_mb"] = round(sum(pss_mb(process.pid) for process in tree), 1)
            row[f"{part}_cpu_s"] = round(sum(process.cpu_s for process in tree), 2)
        return row


def figures(text: str) -> dict[str, object]:
    """The columns that the pipeline's own /metrics give. Pure."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    names = {
        "outcomes": "wirewatch_outcomes_total",
        "lag_records": "wirewatch_lag_records",
        "lag_s": "wirewatch_lag_seconds",
        "outbox": "wirewatch_outbox_waiting",
        "index_entries": "wirewatch_story_index_entries",
    }
    row: dict[str, object] = {column: sums[name] for column, name in names.items() if name in sums}
    if "wirewatch_story_index_bytes" in sums:
        row["index_mb"] = round(sums["wirewatch_story_index_bytes"] / 1e6, 3)
    return row
