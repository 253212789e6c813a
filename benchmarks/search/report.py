"""Figures of the bench as CSV, with the machine's facts."""

from __future__ import annotations

import csv
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


class Figure(NamedTuple):
    """One figure. ``most``: its target."""

    group: str
    name: str
    value: float
    unit: str
    most: float | None = None


class Report:
    """Figures as they come, and how busy the machine was meanwhile."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self._loads = [os.getloadavg()[0]]

    def add(self, group: str, name: str, value: float, unit: str, *, most: float | None = None) -> None:
        """Note a figure."""
        self.figures.append(Figure(group, name, value, unit, most))
        self._loads.append(os.getloadavg()[0])

    def write(self, path: Path) -> None:
        """Keep them."""
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(["group", "name", "value", "unit", "target", "verdict"])
            rows.writerow(["machine", self._machine(), "", "", "", ""])
            for one in self.figures:
                verdict = "" if one.most is None else "met" if one.value <= one.most else "MISSED"
                most = "" if one.most is None else f"{one.most:g}"
                rows.writerow([one.group, one.name, round(one.value, 3), one.unit, most, verdict])
        print(f"figures: {path.name}")

    def _machine(self) -> str:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
        return (
            f"{os.cpu_count()} cores ({platform.machine()}), {memory} GB, Python {platform.python_version()}, "
            f"tantivy {version('tantivy')}, load {min(self._loads):.1f} to {max(self._loads):.1f}"
        )
