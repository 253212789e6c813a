"""Rows of measured figures in CSV files, each with what machine and commit they come from."""

from __future__ import annotations

import csv
import os
import platform
import subprocess
import time
from pathlib import Path


def machine(*, dirty: bool = False) -> dict[str, object]:
    """Time (UTC), cores, processor, memory, load, Python and commit; nothing that names the machine.

    ``dirty``: the commit's name says whether files differ from it. Not for benches that add to a file under version control.
    """
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine() or "?",
    )
    naming = ["describe", "--always", "--dirty"] if dirty else ["rev-parse", "--short", "HEAD"]
    commit = subprocess.run(["git", *naming], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return {
        "when": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime()),
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_gib": round(memory_gib(), 1),
        "load_before": round(load(), 2),
        "python": platform.python_version(),
        "commit": commit.stdout.strip() or "?",
    }


def memory_gib() -> float:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)


def load() -> float:
    """How many processes wanted to run, on the average of the last minute."""
    return os.getloadavg()[0]


def keep(path: Path, facts: dict[str, object], row: dict[str, object]) -> None:
    """Add a row to the CSV file, which is created if it is missing. If it has other columns, a new file is begun beside it."""
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
