"""Subscriptions and the alerts that they raise."""

from __future__ import annotations

from datetime import datetime

import msgspec

from pipeline.records.article import Match


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a stored query with an owner.

    ``effective_from_ms`` is the event time from which this version holds (its saving plus a margin; the smallest time
    for one that holds from a run's beginning). A version with ``active`` False ends the subscription from then on.
    """

    id: str
    query: str
    name: str = ""
    owner: str = ""
    version: int = 1
    effective_from_ms: int = 0
    active: bool = True
    schema: int = 1


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription meeting news in one story.

    ``id`` is a hash of subscription, story, ``reason`` and ``parameter``, so raising it again changes nothing. ``raised_at``
    is the event time of the article that raised it, UTC.
    """

    id: str
    run: str
    subscription: str
    subscription_version: int
    story: str
    article: str
    reason: str
    parameter: str
    raised_at: datetime
    url: str
    title: str
    source: str
    language: str | None = None
    matches: tuple[Match, ...] = ()
    topics: tuple[str, ...] = ()
    schema: int = 1
