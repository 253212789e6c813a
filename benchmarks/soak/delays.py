"""Whether delays stay as they are: per minute of the load, quick pages apart from slow ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import linear_regression, median
from typing import NamedTuple

from benchmarks.figures import at_most

MOST_RATIO, LEAST_S = 1.3, 0.3
"""Flat: the median of the last third's minutes is at most so many times that of the first, or so many seconds more."""
COLUMNS = ("minute", "quick", "p50_s", "p90_s", "p99_s", "max_s", "slow", "slow_p50_s", "slow_max_s")


class Delay(NamedTuple):
    """A record: when it was appended (ms since the epoch), seconds until its outcome was stored, whether its page is slow."""

    appended_ms: int
    seconds: float
    slow: bool


def matched(
    appended: Iterable[tuple[str, int]], stored: Iterable[tuple[str, int]], slow: str
) -> tuple[list[Delay], list[str]]:
    """Delays from the addresses as appended and as stored (each with its ms), and the addresses without an outcome.

    Records of one address must be in their order in both. ``slow``: what the address of a slow page has in it.
    """
    times: dict[str, list[int]] = {}
    for address, at_ms in appended:
        times.setdefault(address, []).append(at_ms)
    found = []
    for address, stored_ms in stored:
        if waiting := times.get(address):
            at_ms = waiting.pop(0)
            found.append(Delay(at_ms, (stored_ms - at_ms) / 1000, bool(slow) and slow in address))
    return sorted(found), [address for address, left in times.items() for _ in left]


def by_minute(delays: Sequence[Delay], began_ms: int, minutes: int) -> list[dict[str, float | int | None]]:
    """A row of ``COLUMNS`` for each minute of the load, by when records were appended. None: there was none."""
    quick: list[list[float]] = [[] for _ in range(minutes)]
    slow: list[list[float]] = [[] for _ in range(minutes)]
    for one in delays:
        minute = (one.appended_ms - began_ms) // 60_000
        if 0 <= minute < minutes:
            (slow if one.slow else quick)[minute].append(one.seconds)
    return [
        {
            "minute": minute,
            "quick": len(some),
            **{name: _at(some, share) for name, share in (("p50_s", 0.5), ("p90_s", 0.9), ("p99_s", 0.99))},
            "max_s": _at(some, 1.0),
            "slow": len(others),
            "slow_p50_s": _at(others, 0.5),
            "slow_max_s": _at(others, 1.0),
        }
        for minute, (some, others) in enumerate(zip(quick, slow, strict=True))
    ]


@dataclass(frozen=True)
class Trend:
    """How a column went: medians of the first and the last third of the minutes, and seconds more an hour (least squares)."""

    first_s: float
    last_s: float
    slope_s_per_h: float

    @property
    def ratio(self) -> float:
        """Last to first third; 1 if both are nothing."""
        return self.last_s / self.first_s if self.first_s else 1.0 if not self.last_s else float("inf")

    @property
    def flat(self) -> bool:
        """Whether it did not rise."""
        return self.last_s <= max(MOST_RATIO * self.first_s, self.first_s + LEAST_S)


def trend_of(rows: Sequence[Mapping[str, float | int | None]], column: str) -> Trend | None:
    """The trend of a column over the minutes; None for fewer than three minutes."""
    found = [(float(row["minute"] or 0), float(value)) for row in rows if (value := row[column]) is not None]
    if len(found) < 3:
        return None
    minutes, values = zip(*found, strict=True)
    third = len(values) // 3
    slope = linear_regression([minute / 60 for minute in minutes], values).slope
    return Trend(median(values[:third]), median(values[-third:]), float(slope))


def _at(values: list[float], share: float) -> float | None:
    found = at_most(values, share)
    return None if found is None else round(found, 3)
