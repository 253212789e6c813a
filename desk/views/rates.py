"""The last 24 hours against a usual day: rates, bursts, silence. Pure; floats affect only what a page shows.

The usual day is the mean of the ``BASELINE_DAYS`` days before, hour by hour, without days before the store began.

**A burst** follows rule C1 of the Early Aberration Reporting System (Hutwagner, Thompson, Seeman and Treadwell, "The
bioterrorism preparedness and response Early Aberration Reporting System (EARS)", Journal of Urban Health 80, 2003, i89-i96):
the count exceeds the mean of the seven days before by more than three standard deviations. We add two floors, since most
labels have few articles: the deviation is at least the square root of the mean (that of a Poisson count) and at least 1, and
the count is at least ``FEWEST``.

**Quiet** means: no article for a time in which the usual day has ``QUIET_EXPECTED`` or more. In a Poisson process, that happens
in one of a hundred cases (exp(-4.6) = 0.01).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from core.durations import HOUR_MS
from desk.language import gettext, number
from desk.views.wording import COUNTED

DAY_HOURS = 24
BASELINE_DAYS, FEWEST_DAYS = 7, 3
HOURS_NEEDED = DAY_HOURS * (BASELINE_DAYS + 1)
FEWEST, DEVIATIONS, QUIET_EXPECTED = 5, 3.0, 4.6
SPARK_WIDTH, SPARK_HEIGHT = 120.0, 24.0

Kind = str
"""``article`` (all of them, label ""), ``topic``, ``subscription`` (alerts), ``country``, ``language``."""
Counts = Counter[tuple[Kind, str]]


class Rate(NamedTuple):
    """The last 24 hours of one label. ``hours``: the counts, the current hour last; ``usual``: those of the usual day.

    ``usual`` is empty, and ``expected`` and ``over`` are None, while fewer than three days are known.

    ``number`` and ``expected`` are their sums, counting only the elapsed part of the current hour. ``over``: a burst exceeds
    this. ``quiet_hours``: hours without an article if that is unusual, else 0; ``missed``: the usual count for that time.
    """

    hours: tuple[int, ...]
    usual: tuple[float, ...]
    number: int
    expected: float | None
    over: float | None
    burst: bool
    quiet_hours: int
    missed: float

    @property
    def weight(self) -> tuple[bool, bool, int]:
        """The sort key of rates on a page, descending: bursts, quiet labels, the largest numbers."""
        return self.burst, self.quiet_hours > 0, self.number


class Spark(NamedTuple):
    """A chart of ``SPARK_WIDTH`` by ``SPARK_HEIGHT``, y downwards: bars (x, y, width, height); points of the usual day."""

    bars: tuple[tuple[float, float, float, float], ...]
    usual: str


def window_of(now_ms: int) -> list[int]:
    """The 24 hours that end with the current one, each by its beginning (ms, UTC)."""
    hour = now_ms - now_ms % HOUR_MS
    return [hour - (DAY_HOURS - 1 - place) * HOUR_MS for place in range(DAY_HOURS)]


def rate_of(hours: Mapping[int, Counts], kind: Kind, label: str, now_ms: int, begins_ms: int) -> Rate:
    """The rate of one label. ``begins_ms``: the first hour in the store; hours missing after it count as zero."""
    window = window_of(now_ms)
    part = (now_ms - window[-1]) / HOUR_MS

    def at(hour: int) -> int:
        return hours[hour][kind, label] if hour in hours else 0

    days = [
        [at(hour - day * DAY_HOURS * HOUR_MS) for hour in window]
        for day in range(1, BASELINE_DAYS + 1)
        if window[0] - day * DAY_HOURS * HOUR_MS >= begins_ms
    ]
    return rate([at(hour) for hour in window], days, part)


def rate(now: Sequence[int], days: Sequence[Sequence[int]], part: float) -> Rate:
    """The rate from the counts of 24 hours and of earlier days; ``part``: the elapsed part of the last hour (0 to 1)."""
    number = sum(now)
    if len(days) < FEWEST_DAYS:
        return Rate(tuple(now), (), number, None, None, False, 0, 0.0)
    usual = [fmean(column) for column in zip(*days, strict=True)]
    so_far = [sum(day[:-1]) + day[-1] * part for day in days]
    expected = fmean(so_far)
    over = expected + DEVIATIONS * max(stdev(so_far), sqrt(expected), 1.0)
    silent = next((back for back, count in enumerate(reversed(now)) if count), len(now))
    missed = sum(usual[len(usual) - silent : -1]) + (usual[-1] * part if silent else 0.0)
    quiet = silent if missed >= QUIET_EXPECTED else 0
    return Rate(
        tuple(now),
        tuple(usual),
        number,
        expected,
        over,
        number >= FEWEST and number > over,
        quiet,
        missed if quiet else 0.0,
    )


def spark(one: Rate) -> Spark:
    """The sparkline of a rate."""
    top = max(*one.hours, *one.usual, 1)
    slot = SPARK_WIDTH / len(one.hours)

    def height(value: float) -> float:
        return round(value / top * SPARK_HEIGHT, 2)

    bars = tuple(
        (round(place * slot, 2), round(SPARK_HEIGHT - height(count), 2), round(slot * 0.8, 2), height(count))
        for place, count in enumerate(one.hours)
        if count
    )
    points = (f"{(place + 0.4) * slot:.2f},{SPARK_HEIGHT - height(value):.2f}" for place, value in enumerate(one.usual))
    return Spark(bars, " ".join(points))


def rate_words(one: Rate, what: str) -> str:
    """A rate as a sentence, for people who can't see the chart. ``what``: a key of ``desk.views.wording.COUNTED``."""
    count = COUNTED[what](one.number)
    if one.expected is None:
        return gettext("%(count)s in 24 hours; the usual day is not known yet", count=count)
    usual = number(one.expected, 1)
    if one.burst:
        return gettext("%(count)s in 24 hours, usually %(usual)s: a burst", count=count, usual=usual)
    if one.quiet_hours:
        return gettext(
            "%(count)s in 24 hours, usually %(usual)s: quiet for %(hours)s h, which usually bring %(missed)s",
            count=count,
            usual=usual,
            hours=one.quiet_hours,
            missed=number(one.missed or 0, 1),
        )
    return gettext("%(count)s in 24 hours, usually %(usual)s", count=count, usual=usual)
