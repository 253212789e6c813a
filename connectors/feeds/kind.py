"""``feed``, the built-in kind of connectors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import msgspec

from connectors.base import Source, SourceFacts, StoredCursor, Tools
from connectors.feeds.connector import FeedConnector
from connectors.feeds.cursor import FeedCursor, FeedFacts
from connectors.feeds.decide import FeedPolicy, retired
from connectors.feeds.schedule import worth_for
from core.durations import DAY_S
from core.errors import UsageError
from core.settings import ConnectorSettings

LOOK_AGAIN = timedelta(minutes=10)


class PollBudget:
    """Provides the policy for a poll. Thread-safe: while one thread computes it, the others use the previous one.

    ``facts`` returns those of all feeds, whichever process polls them, so that several processes get the same result;
    it may raise StoreError. ``average_s``: all feeds together get as many polls as if each were polled once in this
    many seconds.
    """

    def __init__(self, policy: FeedPolicy, facts: Callable[[], Collection[FeedFacts]], average_s: float) -> None:
        self._policy, self._facts, self._average_s = policy, facts, average_s
        self._look_at: datetime | None = None
        self._lock = threading.Lock()

    def policy(self, now: datetime) -> FeedPolicy:
        """Return the policy. Without a ceiling, rhythms are not used and nothing is computed."""
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


class FeedKind:
    """RSS, Atom, JSON Feed and sitemaps over HTTP. See ``ConnectorKind``."""

    schemes = ("http", "https")

    def __init__(self) -> None:
        # One for each process that polls, and for each test.
        self._budgets: WeakKeyDictionary[Tools, PollBudget] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def address(self, given: str) -> str:
        """See ConnectorKind.address."""
        scheme, mark, rest = given.strip().partition("://")
        if scheme.lower() not in self.schemes or not mark or not rest:
            hint = "give one that begins with http:// or https://"
            raise UsageError(f"{given or 'nothing'}: not an address", hint=hint)
        return f"{scheme.lower()}://{rest}"

    def open(self, source: Source, tools: Tools) -> FeedConnector:
        """See ConnectorKind.open."""
        with self._lock:
            budget = self._budgets.get(tools)
            if budget is None:
                self._budgets[tools] = budget = _budget(source.kind, tools)
        policy = budget.policy(tools.clock())
        return FeedConnector(
            source.url,
            source.outlet,
            tools.http,
            tools.pacing,
            policy=policy,
            robots=tools.robots,
            read_date=tools.read_date,
        )

    def encode(self, cursor: FeedCursor) -> StoredCursor:
        """See ConnectorKind.encode."""
        return StoredCursor(msgspec.json.encode(cursor.facts).decode(), cursor.items)

    def decode(self, stored: StoredCursor) -> FeedCursor:
        """See ConnectorKind.decode."""
        facts = msgspec.json.decode(stored.state, type=FeedFacts)
        if facts.asked_ms < stored.requested_ms < facts.poll_at_ms:
            facts = msgspec.structs.replace(facts, poll_at_ms=stored.requested_ms)
        return FeedCursor(facts=facts, items=stored.items)

    def facts(self, cursor: FeedCursor) -> SourceFacts:
        """See ConnectorKind.facts."""
        facts = cursor.facts
        return SourceFacts(
            health="gone" if facts.gone else "failing" if facts.failures else "ok" if facts.listed else "new",
            problem=facts.problem,
            problem_kind=facts.problem_kind,
            failures=facts.failures,
            ok_at_ms=facts.ok_at_ms,
            asked_ms=facts.asked_ms,
            title=facts.title,
            language=facts.language,
            rhythm=facts.rhythm,
            restless=facts.restless,
        )


def _budget(kind: str, tools: Tools) -> PollBudget:
    # A reference to the tools would keep them alive in a cycle, so only to their source of cursors.
    cursors = tools.cursors
    return PollBudget(
        policy_of(tools.settings), lambda: [one.facts for one in cursors(kind)], tools.settings.poll_average_s
    )


def policy_of(settings: ConnectorSettings) -> FeedPolicy:
    """The policy for feeds, from the settings."""
    policy = FeedPolicy(
        interval_s=settings.poll_interval_s,
        pages_per_poll=settings.pages_per_poll,
        archive_days=settings.archive_days,
        ceiling_s=DAY_S,
    )
    if settings.poll_interval_s < policy.change_gap_s:
        # If feeds are polled every few seconds (the demo, a test), edits should appear as quickly.
        policy = replace(policy, ceiling_s=None, change_gap_s=0.0, touch_gap_s=0.0, page_retries_s=(1.0, 2.0))
    return policy
