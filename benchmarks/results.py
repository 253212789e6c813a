"""Rows of measured figures in CSV files, each with what machine and commit they come from."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
import time
from pathlib import Path


def machine() -> dict[str, object]:
    """Time (UTC), cores, processor, memory, load, Python and commit."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or "?",
    )
    known = next((line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "MemTotal: 0 kB")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "when": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_gib": round(int(known.split()[1]) / 2**20, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "commit": commit.stdout.strip() or "?",
    }


def keep(path: Path, facts: dict[str, object], row: dict[str, object]) -> None:
    """Add a row to the CSV file, which is made where it is missing. A file of other columns is begun anew beside it."""
    whole = facts | {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and _lines(str(path))[:1] != [",".join(whole)]:
        path = path.with_stem(f"{path.stem}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(whole), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(whole)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
