"""The figures as a table for people and as CSV, each with its target if it has one, and facts about the machine."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.desk.build import Built
from benchmarks.figures import Figure, Report, shown


class DeskReport(Report):
    """Figures as they come: each is printed at once, all of them at the end."""

    def __init__(self, built: Built) -> None:
        super().__init__(f"SQLite {sqlite3.sqlite_version}", digits=2)
        self._built = built

    def add(self, group: str, name: str, value: float, unit: str, *, most: float | None = None) -> Figure:
        """Note a figure."""
        made = super().add(group, name, value, unit, most=most)
        print(f"{group}: {name}: {shown(value)} {unit} {made.verdict}".rstrip(), flush=True)
        return made

    def write(self, path: Path) -> None:
        """Print the table and keep the CSV."""
        table = Table(title=f"desk on {self._built.articles:,} articles; {self.machine()}", title_justify="left")
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
        self.keep(path, [("store", name, getattr(self._built, name)) for name in ("articles", "stories", "alerts")])
