"""Figures with their targets as CSV, and how busy the machine was meanwhile: what the benches of search and desk write."""

from __future__ import annotations

import csv
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.results import load, machine, memory_gib

COLUMNS = ("group", "name", "value", "unit", "target", "verdict")


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
    """Figures as they come. ``library``: what is measured, with its version; ``digits`` of the figures are kept."""

    def __init__(self, library: str, *, digits: int) -> None:
        self._library, self._digits = library, digits
        self.figures: list[Figure] = []
        self._known = machine()
        self._loads = [load()]

    @property
    def met(self) -> bool:
        """Whether no target is missed."""
        return all(one.verdict != "MISSED" for one in self.figures)

    def add(self, group: str, name: str, value: float, unit: str, *, most: float | None = None) -> Figure:
        """Note a figure."""
        made = Figure(group, name, value, unit, most)
        self.figures.append(made)
        self._loads.append(load())
        return made

    def keep(self, path: Path, more: Iterable[tuple[str, str, object]] = ()) -> None:
        """Write the CSV: the machine, ``more`` facts (group, name, value), the figures. Raises OSError."""
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(COLUMNS)
            rows.writerow(["machine", self.machine(), "", "", "", ""])
            rows.writerows([*fact, "", "", ""] for fact in more)
            for one in self.figures:
                most = "" if one.most is None else shown(one.most)
                rows.writerow([one.group, one.name, round(one.value, self._digits), one.unit, most, one.verdict])

    def machine(self) -> str:
        """The machine in one line."""
        known = self._known
        return (
            f"{known['cores']} cores ({platform.machine()}), {int(memory_gib())} GB, Python {known['python']}, "
            f"{self._library}, load {min(self._loads):.1f} to {max(self._loads):.1f}"
        )


def quantile(values: Iterable[float], share: float) -> float:
    """``at_most`` of values that are there. Raises ValueError if there are none."""
    found = at_most(values, share)
    if found is None:
        raise ValueError("no values")
    return found


def at_most(values: Iterable[float], share: float) -> float | None:
    """One of the values, which at least this share of them does not exceed; None if there are none.

    All percentiles of all benches are measured values: none is interpolated.
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def shown(value: float) -> str:
    """A figure as people read it."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"
