"""What the samples say: slopes of memory, CPU while idle, percentiles of the delay. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import linear_regression

from benchmarks.figures import at_most
from benchmarks.soak.sampling import PARTS

OURS = ("pipeline", "extraction", "workers")
"""The Python processes: what runs our code. A JVM's memory goes up to its limit and says little."""

IDLE_LIMIT_PERCENT = 3.0
P99_LIMIT_S = {"slices": 1.0, "flink": 1.5}
"""By driver."""
FLAT_MB_PER_HOUR = 20.0
"""Beside the story index, which grows by design until its window of 72 hours is full."""


@dataclass(frozen=True)
class Verdict:
    """``slopes``: MB an hour after the warm-up, by part. ``idle``: per cent of a core, by part; ``all``: our own together."""

    slopes: Mapping[str, float]
    index_slope: float
    checkpoint_slope: float | None
    idle: Mapping[str, float]
    delays_s: Sequence[float] = field(default_factory=tuple)

    @property
    def ours(self) -> float:
        """MB an hour of our own processes together."""
        return sum(self.slopes.get(part, 0.0) for part in OURS)

    @property
    def beside_index(self) -> float:
        """The same without the story index."""
        return self.ours - self.index_slope

    def percentile(self, share: float) -> float | None:
        """The delay that this share of the alerts had at most, in seconds."""
        return at_most(self.delays_s, share)


def judge(rows: Sequence[Mapping[str, object]], *, warm_up_s: float, delays_s: Sequence[float]) -> Verdict:
    """Judge samples in the order in which they were taken. Slopes are of the phase ``load`` after ``warm_up_s``."""
    load = [row for row in rows if row["phase"] == "load" and _number(row, "t_s") >= warm_up_s]
    slopes = {part: slope for part in PARTS if (slope := slope_of(load, f"{part}_pss_mb")) is not None}
    return Verdict(
        slopes=slopes,
        index_slope=slope_of(load, "index_mb") or 0.0,
        checkpoint_slope=slope_of(load, "checkpoint_bytes"),
        idle=idle_of([row for row in rows if row["phase"] == "idle"]),
        delays_s=tuple(delays_s),
    )


def slope_of(rows: Sequence[Mapping[str, object]], column: str) -> float | None:
    """Change an hour of a column by least squares; None for fewer than three figures."""
    found = [(_number(row, "t_s") / 3600, _number(row, column)) for row in rows if row.get(column, "") != ""]
    if len(found) < 3:
        return None
    hours, values = zip(*found, strict=True)
    return float(linear_regression(hours, values).slope)


def idle_of(rows: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """Per cent of a core from the first idle sample to the last, by part; ``all`` is the sum of our own."""
    if len(rows) < 2:
        return {}
    first, last = rows[0], rows[-1]
    took_s = _number(last, "t_s") - _number(first, "t_s")
    found = {
        part: 100 * (_number(last, f"{part}_cpu_s") - _number(first, f"{part}_cpu_s")) / took_s
        for part in PARTS
        if first.get(f"{part}_cpu_s", "") != "" and last.get(f"{part}_cpu_s", "") != ""
    }
    return found | {"all": sum(found.get(part, 0.0) for part in OURS)}


def _number(row: Mapping[str, object], column: str) -> float:
    return float(str(row[column]))
