"""A circuit breaker per outlet: if most of an outlet's latest pages are slow, its next pages are not tried in the order. Pure.

It counts by event time. Its effect is the late place of a record, which is stored with the outcome, so a replay needs
no breaker.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

# For an outlet that publishes much, only the latest tries count.
TRIES = 20
# One in this many of the pages that an open breaker would send to the slow lane is tried, so that the breaker can close.
TRY_EACH = 10
# The outlets that were not tried for the longest time are forgotten.
OUTLETS = 10_000


@dataclass(frozen=True)
class BreakerRule:
    """Opens when ``pages`` (0: never) of an outlet's tries in ``window_ms`` of event time, and half of them, were slow."""

    pages: int = 3
    window_ms: int = 600_000


DEFAULT = BreakerRule()


class Breakers:
    """The breakers of all outlets. Not thread-safe."""

    def __init__(self, rule: BreakerRule) -> None:
        self._rule = rule
        self._tries: OrderedDict[str, deque[tuple[int, bool]]] = OrderedDict()
        self._untried: dict[str, int] = {}
        self._any_slow = False

    @property
    def idle(self) -> bool:
        """Whether no outlet has had a slow page, so that no check is needed."""
        return not self._any_slow

    def note(self, outlet: str, time_ms: int, *, slow: bool) -> None:
        """Record a try. Good ones count too, since an outlet is judged by its share of slow pages."""
        if not self._rule.pages:
            return
        self._any_slow = self._any_slow or slow
        tries = self._tries.setdefault(outlet, deque(maxlen=TRIES))
        tries.append((time_ms, slow))
        self._tries.move_to_end(outlet)
        if len(self._tries) > OUTLETS:
            forgotten, _ = self._tries.popitem(last=False)
            self._untried.pop(forgotten, None)

    def sends_away(self, outlet: str, time_ms: int) -> bool:
        """Whether the outlet's page of this event time goes directly to the slow lane: nine in ten do if it is open."""
        if not self.open(outlet, time_ms):
            self._untried.pop(outlet, None)
            return False
        count = self._untried[outlet] = (self._untried.get(outlet, 0) + 1) % TRY_EACH
        return count != 0

    def open(self, outlet: str, time_ms: int) -> bool:
        """Whether most of the outlet's latest pages, as of this event time, were slow."""
        counted = [slow for at_ms, slow in self._tries.get(outlet, ()) if abs(time_ms - at_ms) <= self._rule.window_ms]
        slow = sum(counted)
        return 0 < self._rule.pages <= slow and 2 * slow >= len(counted)
