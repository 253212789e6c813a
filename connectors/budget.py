"""The policy in force: as generous as the number of requests allows, worked out anew now and then from all feeds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.feeds.budget import worth_for
from connectors.feeds.cursor import FeedFacts
from connectors.feeds.decide import FeedPolicy, retired

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
        """Return the policy. Without a ceiling there is no rhythm, and nothing to work out."""
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
