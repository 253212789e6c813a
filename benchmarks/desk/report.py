"""The figures as a table for people and as CSV, each with its target where it has one, and the machine's facts."""

from __future__ import annotations

import csv
import os
import platform
import sqlite3
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.desk.build import Built


class Figure(NamedTuple):
    """One figure. ``most``: its target."""

    group: str
    name: str
    value: float
    unit: str
    most: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty without one."""
        if self.most is None:
            return ""
        return "met" if self.value <= self.most else "MISSED"


class Report:
    """Figures as they come: each is printed at once, all of them at the end."""

    def __init__(self, built: Built, parts: list[str]) -> None:
        self._built, self._parts = built, parts
        self.figures: list[Figure] = []
        self._loads = [os.getloadavg()[0]]

    @property
    def met(self) -> bool:
        """Whether no target is missed."""
        return all(one.verdict != "MISSED" for one in self.figures)

    def add(self, group: str, name: str, value: float, unit: str, *, most: float | None = None) -> None:
        """Note a figure."""
        made = Figure(group, name, value, unit, most)
        self.figures.append(made)
        self._loads.append(os.getloadavg()[0])
        print(f"{group}: {name}: {shown(value)} {unit} {made.verdict}".rstrip(), flush=True)

    def write(self, path: Path) -> None:
        """Print the table and keep the CSV."""
        table = Table(title=f"desk on {self._built.articles:,} articles; {self._machine()}", title_justify="left")
        for name in ("what", "figure", "target"):
            table.add_column(name, justify="left" if name == "what" else "right")
        group = ""
        for one in self.figures:
            if one.group != group:
                group = one.group
                table.add_section()
                table.add_row(group, style="bold")
            target = f"<= {shown(one.most)}: {one.verdict}" if one.most is not None else ""
            table.add_row(f"  {one.name}", f"{shown(one.value)} {one.unit}", target)
        Console().print(table)
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(["group", "name", "value", "unit", "target", "verdict"])
            rows.writerow(["machine", self._machine(), "", "", "", ""])
            rows.writerow(["store", "articles", self._built.articles, "", "", ""])
            rows.writerow(["store", "stories", self._built.stories, "", "", ""])
            rows.writerow(["store", "alerts", self._built.alerts, "", "", ""])
            for one in self.figures:
                most = "" if one.most is None else shown(one.most)
                rows.writerow([one.group, one.name, round(one.value, 2), one.unit, most, one.verdict])

    def _machine(self) -> str:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
        return (
            f"{os.cpu_count()} cores ({platform.machine()}), {memory} GB, Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version}, load {min(self._loads):.1f} to {max(self._loads):.1f}"
        )


def shown(value: float) -> str:
    """A figure as people read it."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"
