"""How much waiting is worth a poll, so that all feeds together get as many polls as they may. Pure.

For a given number of requests the least delay comes of one worth for all feeds (``schedule``): a feed of rate r is polled
every sqrt(2 * worth / r) seconds. What the worth has to be for that number depends on the feeds that there are, so it is
worked out from their rhythms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.feeds.schedule import HOURS, Rhythm, per_hour

LEAST_WORTH_S, MOST_WORTH_S = 5.0, 5_000.0
"""At the least, a feed of one item a day is asked every quarter of an hour already."""

_STEPS = 30


def worth_for(rhythms: Sequence[Rhythm], average_s: float, *, floor_s: float, ceiling_s: float) -> float:
    """Find ``worth_s`` so that the feeds are polled as often, all together, as if each were every ``average_s`` seconds.

    Bounded, see above: with few and quiet feeds fewer polls are made than may be.
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
    """``rates``: items a second, by feed and hour."""
    waits = np.clip(np.sqrt(2 * worth_s / rates), floor_s, ceiling_s)
    return float((3_600 / waits).sum())
