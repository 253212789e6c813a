"""What of a scope's stored queries is in force at an event time, for those who match articles and those who need not.

Free of Beam, because the processes that prepare drafts import it (``pipeline.transforms.record``).
"""

from __future__ import annotations

import hashlib
import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import cache
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from core.clock import wall_ms
from core.records import Subscription
from core.records.canary import is_canary
from core.store import StoredTopic, SubscriptionStore, open_store
from core.store.subscriptions import FRESH_MS, OutletVersion, StoredQueries
from pipeline.elements import Draft, Envelope, KeptDraft

V = TypeVar("V", StoredTopic, Subscription, OutletVersion)


class Versions(Generic[V]):
    """Versions of topics, subscriptions or outlets' labels, and which of them are in force at a time."""

    def __init__(self, versions: Iterable[V] = (), name: Callable[[V], str] = str) -> None:
        self._by_name: dict[str, list[V]] = {}
        for version in versions:
            self._by_name.setdefault(name(version), []).append(version)
        self._changes_ms = sorted({one.effective_from_ms for each in self._by_name.values() for one in each})
        self._known: dict[int, dict[str, V]] = {}

    def period(self, time_ms: int) -> int:
        """The number of the period, between two changes, in which an event time lies."""
        return bisect_right(self._changes_ms, time_ms)

    def in_force(self, time_ms: int) -> list[V]:
        """For each name, the newest version that applies at ``time_ms`` (event time), unless that version ends it."""
        return list(self.by_name(time_ms).values())

    def by_name(self, time_ms: int) -> dict[str, V]:
        """``in_force``, by name."""
        period = self.period(time_ms)
        if period not in self._known:
            held = {
                name: max((one for one in each if one.effective_from_ms <= time_ms), key=_version, default=None)
                for name, each in self._by_name.items()
            }
            self._known[period] = {name: one for name, one in held.items() if one is not None and one.active}
        return self._known[period]


def _version(one: StoredTopic | Subscription | OutletVersion) -> int:
    return one.version


class TopicVersions(Versions[StoredTopic]):
    """Versions of topics."""

    def __init__(self, versions: Iterable[StoredTopic] = ()) -> None:
        super().__init__(versions, lambda topic: topic.name)
        self._digests: dict[int, str] = {}

    def digest(self, time_ms: int) -> str:
        """A digest of the topics in force at an event time; equal for equal definitions, so also for equal results."""
        period = self.period(time_ms)
        if (known := self._digests.get(period)) is None:
            said = sorted((name, one.definition) for name, one in self.by_name(time_ms).items())
            known = hashlib.blake2b(msgspec.json.encode(said), digest_size=16).hexdigest()
            self._digests[period] = known
        return known


class LabelVersions(Versions[OutletVersion]):
    """Versions of outlets' labels."""

    def __init__(self, versions: Iterable[OutletVersion] = ()) -> None:
        super().__init__(versions, lambda one: one.outlet)

    def of(self, source: str, time_ms: int) -> tuple[str, ...]:
        """The labels of an outlet at an event time, sorted."""
        held = self.by_name(time_ms).get(source.casefold())
        return held.labels if held is not None else ()


class Freshness:
    """Whether what was read of a scope's queries is complete for a record: it is read again before a newer record.

    The last look is never older than a second by ``monotonic`` (seconds), even if ``clock_ms`` (the wall clock) is set.
    """

    def __init__(self, queries: SubscriptionStore, clock_ms: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._queries, self._clock_ms, self._monotonic = queries, clock_ms, monotonic
        self._good_until_ms, self._looked_s, self._looking_s = -1, -math.inf, -math.inf
        self._stamp: tuple[int, ...] | None = None

    def ended_ms(self, time_ms: int) -> int | None:
        """The clock, if the queries must be read again for a record of this event time; None if not. Raises StoreError."""
        now_s = self._monotonic()
        # Not by the wall clock alone: a read while the clock was ahead would stay valid until it reaches that time again.
        if time_ms <= self._good_until_ms and now_s - self._looked_s < FRESH_MS / 1000:
            return None
        now_ms = self._clock_ms()
        # This runs every second while articles arrive, and for each article from the future (clocks differ): it must be cheap.
        if self._stamp is not None and self._queries.stamp() == self._stamp:
            self._good_until_ms, self._looked_s = now_ms + FRESH_MS, now_s
            return None
        self._looking_s = now_s
        return now_ms

    def loaded(self, queries: StoredQueries) -> None:
        """Note that these were loaded, after ``ended_ms``. Only then, so that loading that failed midway is repeated."""
        self._stamp, self._good_until_ms, self._looked_s = queries.stamp, queries.good_until_ms, self._looking_s


class Finisher:
    """Finishes kept drafts that need no matching: the scope has no subscription. Belongs to one thread.

    It reads neither the subscriptions nor the rules of topics, since a replay's own process would load them for nothing.
    """

    def __init__(
        self, queries: SubscriptionStore, clock_ms: Callable[[], int], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._queries, self._fresh = queries, Freshness(queries, clock_ms, monotonic)
        self._topics, self._labels, self._subscribed = TopicVersions(), LabelVersions(), True

    def finished(self, envelope: Envelope, kept: KeptDraft) -> Draft | None:
        """The draft as ``RecordWork.do`` would return it; None if it must. Raises StoreError."""
        draft, article, time_ms = kept.draft, kept.draft.article, envelope.key.time_ms
        if article is None:
            return draft
        if (now_ms := self._fresh.ended_ms(time_ms)) is not None:
            queries = self._queries.read(now_ms=now_ms, subscriptions=False)
            self._topics, self._labels = TopicVersions(queries.topics), LabelVersions(queries.labels)
            self._subscribed = queries.subscribed
            self._fresh.loaded(queries)
        judged = draft.doubt is not None and draft.doubt.stand_in is not None
        if self._subscribed or judged or is_canary(article.url) or kept.topics != self._topics.digest(time_ms):
            return None
        return replace(draft, article=replace(article, labels=self._labels.of(article.source, time_ms)))


@cache
def shared_finisher(store_url: str, scope: str) -> Finisher:
    """The only one of a scope in the process, for its one thread that reads a replay's records."""
    return Finisher(SubscriptionStore(open_store(store_url), scope), wall_ms)
