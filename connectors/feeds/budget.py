"""How much waiting is worth a poll, so that all feeds together get as many polls as they may. Pure.

For a given number of requests the least delay comes of one worth for all feeds (``schedule``): a feed of rate r is polled
every sqrt(2 * worth / r) seconds. What the worth has to be for that number depends on the feeds that there are, so it is
worked out from their rhythms.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from connectors.feeds.cursor import FeedFacts
from connectors.feeds.decide import FeedPolicy, retired
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


LOOK_AGAIN = timedelta(minutes=10)


class Budget:
    """Gives the policy for a poll. Safe for threads: while one works it out, the others take the last one.

    ``facts`` gives those of all feeds, whoever polls them, so that several processes come to the same answer; it may
    raise StoreError. ``average_s``: all feeds together get as many polls as if each were asked once in so many seconds.
    """

    def __init__(self, policy: FeedPolicy, facts: Callable[[], Collection[FeedFacts]], average_s: float) -> None:
        self._policy, self._facts, self._average_s = policy, facts, average_s
        self._look_at: datetime | None = None
        self._lock = threading.Lock()

    def policy(self, now: datetime) -> FeedPolicy:
        """Return the policy. Without a ceiling there is no rhythm, and nothing to compute."""
        ceiling_s = self._policy.ceiling_s
        if ceiling_s is None or (self._look_at and now < self._look_at) or not self._lock.acquire(blocking=False):
            return self._policy
        try:
            self._look_at = now + LOOK_AGAIN
            rhythms = [one.rhythm for one in self._facts() if not retired(one)]
            worth_s = worth_for(rhythms, self._average_s, floor_s=self._policy.interval_s, ceiling_s=ceiling_s)
            self._policy = replace(self._policy, worth_s=worth_s)
            return self._policy
        finally:
            self._lock.release()
