"""Decides when to poll a feed again, by its own rhythm. Pure.

The rhythm is the observed number of items by hour of the day (UTC), with a half-life of a week. The next poll is due
when the items expected since this one have together waited ``worth_s`` seconds: so a feed with rate r is polled every
sqrt(2 * worth_s / r) seconds, which gives the least delay for a given number of requests over many feeds, and a feed
that is silent at night is not polled at night. To avoid missing items (Media Cloud's rule of thumb), the wait is never
so long that more than a third of the list is expected to be new, and it is halved if less than a third was already
known.

The value of ``worth_s`` for a given number of requests depends on the feeds, so it is computed from their rhythms
(``worth_for``). One value for all feeds gives the least delay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.durations import HOUR_MS

HOURS = 24
_DAY_MS = HOURS * HOUR_MS
_HALF_LIFE_MS = 7 * _DAY_MS
# The prior: 2.4 items a day, with the weight of half a day's observation.
_PRIOR_PER_HOUR = 0.1
_PRIOR_DAYS = 0.5
_LEAST_LIST = 5
SILENT_EXPECTED = 8.0
"""The number of expected items without any after which a feed is silent: by chance that happens to one feed in 3,000."""

SILENT_LEAST_MS = 6 * HOUR_MS
LEAST_WORTH_S, MOST_WORTH_S = 5.0, 5_000.0
"""With the least value, a feed with one item a day is already polled every quarter of an hour."""

_STEPS = 30


class Rhythm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The observed pace of a feed. ``hours``: items seen in each hour of the day; old ones count less.

    ``days``: days observed, weighted in the same way. ``at_ms``: when it was last updated. ``last_new_ms``: when
    something new was last seen. ``wait_ms``: the last chosen wait. ``size``: items in the list. ``tight``: polls that
    found less than a third known; ``gaps``: polls that found nothing known, so that items were missed, the last at
    ``gap_ms``.
    """

    hours: tuple[float, ...] = (0.0,) * HOURS
    days: float = 0.0
    at_ms: int = 0
    last_new_ms: int = 0
    wait_ms: int = 0
    size: int = 0
    tight: int = 0
    gaps: int = 0
    gap_ms: int = 0
    is_tight: bool = False


class Listed(NamedTuple):
    """The result of a good poll: numbers of new, known and listed items; all 0 for a 304."""

    new: int = 0
    known: int = 0
    size: int = 0


def observed(rhythm: Rhythm, listed: Listed, now_ms: int, *, first: bool) -> Rhythm:
    """The rhythm after a good poll. ``first``: nothing was known before, so nothing counts as new."""
    if first or not rhythm.at_ms:
        return Rhythm(at_ms=now_ms, last_new_ms=now_ms, size=listed.size)
    passed_ms = max(now_ms - rhythm.at_ms, 0)
    fade = 0.5 ** (passed_ms / _HALF_LIFE_MS)
    hours = [count * fade for count in rhythm.hours]
    if listed.new and passed_ms:
        for hour, part_ms in _hours_between(rhythm.at_ms, now_ms):
            hours[hour] += listed.new * part_ms / passed_ms
    tight = listed.size >= _LEAST_LIST and listed.known * 3 < listed.size
    gap = listed.size >= _LEAST_LIST and not listed.known
    return msgspec.structs.replace(
        rhythm,
        hours=tuple(round(count, 6) for count in hours),
        days=rhythm.days * fade + passed_ms / _DAY_MS,
        at_ms=now_ms,
        last_new_ms=now_ms if listed.new else rhythm.last_new_ms,
        size=listed.size or rhythm.size,
        tight=rhythm.tight + tight,
        gaps=rhythm.gaps + gap,
        gap_ms=now_ms if gap else rhythm.gap_ms,
        is_tight=tight,
    )


def per_hour(rhythm: Rhythm, hour: int) -> float:
    """Items expected in this hour of the day (UTC), smoothed over neighbouring hours."""
    hours = rhythm.hours
    seen = (hours[hour - 1] + 2 * hours[hour] + hours[(hour + 1) % HOURS]) / 4
    return (seen + _PRIOR_PER_HOUR * _PRIOR_DAYS) / (rhythm.days + _PRIOR_DAYS)


def expected(rhythm: Rhythm, from_ms: int, to_ms: int) -> float:
    """Items expected between the two times."""
    days, rest_ms = divmod(max(to_ms - from_ms, 0), _DAY_MS)
    whole = days * sum(per_hour(rhythm, hour) for hour in range(HOURS)) if days else 0.0
    return whole + sum(
        per_hour(rhythm, hour) * part / HOUR_MS for hour, part in _hours_between(from_ms, from_ms + rest_ms)
    )


def next_wait_s(rhythm: Rhythm, now_ms: int, *, floor_s: float, ceiling_s: float, worth_s: float) -> float:
    """Seconds until the next poll, from ``floor_s`` to ``ceiling_s``. The module explains ``worth_s``."""
    rates = [per_hour(rhythm, hour) / HOUR_MS for hour in range(HOURS)]
    most = rhythm.size / 3 if rhythm.size >= _LEAST_LIST else float("inf")
    waited_ms = count = 0.0
    at_ms, end_ms = now_ms, now_ms + int(ceiling_s * 1000)
    while at_ms < end_ms:
        # Small steps while the wait is short, larger ones later.
        step_ms = max((at_ms - now_ms) // 20, 15_000)
        here = rates[at_ms // HOUR_MS % HOURS] * step_ms
        waited_ms += (count + here / 2) * step_ms
        count += here
        at_ms += step_ms
        if waited_ms >= worth_s * 1000 or count >= most:
            break
    wait_s = (at_ms - now_ms) / 1000
    if rhythm.is_tight and rhythm.wait_ms:
        wait_s = min(wait_s, rhythm.wait_ms / 2000)
    return min(max(wait_s, floor_s), ceiling_s)


def is_silent(rhythm: Rhythm, now_ms: int) -> bool:
    """Whether the feed has been silent for so long that something is probably wrong."""
    if not rhythm.last_new_ms or rhythm.days < 1 or now_ms - rhythm.last_new_ms < SILENT_LEAST_MS:
        return False
    # As of the last new item: while it is silent, the rate fades.
    fade = 0.5 ** (max(rhythm.at_ms - rhythm.last_new_ms, 0) / _HALF_LIFE_MS)
    then = msgspec.structs.replace(
        rhythm, hours=tuple(count / max(fade, 1e-3) for count in rhythm.hours), days=max(rhythm.days, 7.0)
    )
    return expected(then, rhythm.last_new_ms, now_ms) >= SILENT_EXPECTED


def _hours_between(from_ms: int, to_ms: int) -> Iterator[tuple[int, int]]:
    """Each hour of the day in between, with its milliseconds. In long spans an hour may occur several times."""
    at_ms = from_ms
    while at_ms < to_ms:
        until_ms = min((at_ms // HOUR_MS + 1) * HOUR_MS, to_ms)
        yield at_ms // HOUR_MS % HOURS, until_ms - at_ms
        at_ms = until_ms


def worth_for(rhythms: Sequence[Rhythm], average_s: float, *, floor_s: float, ceiling_s: float) -> float:
    """Find ``worth_s`` such that all feeds together are polled as often as if each were polled every ``average_s`` seconds.

    It is bounded, so with few and quiet feeds there are fewer polls than allowed.
    """
    if not rhythms:
        return LEAST_WORTH_S
    rates = np.array([[per_hour(rhythm, hour) / 3_600 for hour in range(HOURS)] for rhythm in rhythms])
    wanted = len(rhythms) * 86_400 / average_s
    low, high = LEAST_WORTH_S, MOST_WORTH_S
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        if _polls_a_day(rates, middle, floor_s, ceiling_s) > wanted:
            low = middle
        else:
            high = middle
    return high


def _polls_a_day(rates: NDArray[np.float64], worth_s: float, floor_s: float, ceiling_s: float) -> float:
    """``rates``: items per second, by feed and hour."""
    waits = np.clip(np.sqrt(2 * worth_s / rates), floor_s, ceiling_s)
    return float((3_600 / waits).sum())
