"""Which versions of subscriptions are in force, for the alert rule."""

from __future__ import annotations

from collections.abc import Collection

from core.records import Subscription
from core.store import SubscriptionStore


class SubscriptionVersions:
    """Versions of a scope's subscriptions for the alert rule (``stories.alerts.InForce``). Not thread-safe.

    Versions never change and are cached; which version is in force is read again for every batch (``begin``). The margin before
    a version takes effect ensures that it is stored by the time a record needs it.
    """

    def __init__(self, queries: SubscriptionStore) -> None:
        self._queries = queries
        self._versions: dict[tuple[str, int], Subscription] = {}
        self._current: dict[str, list[Subscription]] | None = None

    def begin(self, needed: Collection[tuple[str, int]]) -> None:
        """Load versions that are not cached yet, and forget which ones are in force."""
        self._current = None
        if missing := [one for one in needed if one not in self._versions]:
            self._versions |= self._queries.versions(missing)

    def __call__(self, name: str, version: int | None, time_ms: int) -> Subscription | None:
        """The given version, or if None the version in force at the event time; None if there is none."""
        if version is not None:
            return self._versions.get((name, version))
        if self._current is None:
            self._current = {}
            for one in self._queries.read(now_ms=0).subscriptions:
                self._current.setdefault(one.id, []).append(one)
        held = [one for one in self._current.get(name, []) if one.effective_from_ms <= time_ms]
        newest = max(held, key=lambda one: one.version, default=None)
        return newest if newest is not None and newest.active else None
