"""Subscriptions and the alerts that they raise."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from core.records.article import Match

Level = Literal["low", "normal", "high", "urgent"]
LEVELS: tuple[Level, ...] = ("low", "normal", "high", "urgent")
"""Levels of urgency of an alert, ascending."""

NewsKind = Literal["sources", "figures", "quotes", "developments", "corrections", "edits"]
ALL_NEWS: tuple[NewsKind, ...] = ("sources", "figures", "quotes", "developments", "corrections", "edits")
"""The kinds of news that can raise a further alert in a story for which a subscription already has one."""

State = Literal["active", "paused", "muted"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When alerts go out. Times are local times of ``zone`` (an IANA name), as ``HH:MM``.

    ``kind``: ``immediate``, or gathered into a digest: ``hourly`` at the full hour, ``daily`` at ``at``. During
    ``quiet`` (``22:00-07:00``, empty: none), alerts below ``breakthrough`` are held back for a digest at its end.
    Beyond ``per_hour`` messages in an hour (0: no limit), alerts are held back for a digest at the next full hour.
    Further alerts of one story are gathered, and sent together every ``gather_s`` seconds at most. Nothing that is held
    back is dropped.
    """

    kind: Literal["immediate", "hourly", "daily"] = "immediate"
    at: str = "08:00"
    zone: str = "UTC"
    quiet: str = ""
    breakthrough: Literal["low", "normal", "high", "urgent", "never"] = "urgent"
    per_hour: int = 20
    gather_s: int = 600


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a stored query with an owner.

    ``effective_from_ms`` is the event time (UTC) from which this version is in force: the time it was saved plus a
    margin, or the smallest time if it is in force from a run's beginning. A version with ``active`` False ends the
    subscription.

    An article must match the query and have one of ``topics``, one of ``languages`` (ISO 639-1) and one of ``outlets``
    (source names), ignoring case; an empty list does not filter. ``delivery`` names channels. ``state``: ``paused``
    raises no alerts; ``muted`` raises them for the desk and sends none. ``news`` is what raises further alerts in a
    story. ``level`` is that of its alerts (a retraction is always ``urgent``). ``edited_by`` and ``saved_ms`` (UTC)
    belong to this version. ``words_version`` is the version of the rules for splitting words when the query was written
    (``core.query.words.VERSION``; 1: before it was recorded).
    """

    id: str
    query: str
    name: str = ""
    owner: str = ""
    version: int = 1
    effective_from_ms: int = 0
    active: bool = True
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    delivery: tuple[str, ...] = ()
    schedule: Schedule = Schedule()
    state: State = "active"
    news: tuple[NewsKind, ...] = ALL_NEWS
    level: Level = "normal"
    note: str = ""
    edited_by: str = ""
    saved_ms: int = 0
    words_version: int = 1
    schema: int = 1


class Snippet(msgspec.Struct, frozen=True):
    """Matched words in context. ``spans`` are code points of ``text``, end exclusive; ``field``: title or text."""

    field: str
    text: str
    spans: tuple[tuple[int, int], ...] = ()


class News(msgspec.Struct, frozen=True):
    """What is new in a story: ``kind`` is one of story, sources, figures, quotes, development, correction, retraction,
    edit, takedown.

    ``text`` is the figure with its context, the quote, the subject of another event, or the sentence of the correction.
    """

    kind: str
    text: str


class Rewording(msgspec.Struct, frozen=True):
    """A changed stretch of an edited article: its words before and after the edit. ``field``: title or text."""

    field: str
    before: str
    after: str


class AlertLink(msgspec.Struct, frozen=True):
    """A link to an article of the story. ``published_at`` is the publisher's claim."""

    url: str
    title: str
    source: str
    published_at: datetime | None = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """News in a story, for one subscription.

    ``id`` is a hash of subscription, story, ``reason`` and ``parameter``, so raising it again changes nothing. ``raised_at``
    is the event time of the article that raised it, UTC. ``reason`` is the first of ``news``.

    ``labels`` are those of ``source``. ``snippets`` show the matched words, ``clause`` is the part of the query that
    matched, ``outlets`` are those that have carried the story so far (at most 20, sorted), ``sources`` is how many of
    them are independent. A further alert has ``previous`` (the alert before it); ``news`` lists what is new,
    ``changes`` how an article was reworded, ``withdrawn`` the articles that were withdrawn. ``channels`` are those of
    the subscription's version.
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
    labels: tuple[str, ...] = ()
    language: str | None = None
    matches: tuple[Match, ...] = ()
    topics: tuple[str, ...] = ()
    level: Level = "normal"
    article_version: int = 1
    published_at: datetime | None = None
    fetched_at: datetime | None = None
    outlets: tuple[str, ...] = ()
    sources: int = 0
    snippets: tuple[Snippet, ...] = ()
    clause: str = ""
    news: tuple[News, ...] = ()
    changes: tuple[Rewording, ...] = ()
    links: tuple[AlertLink, ...] = ()
    previous: str | None = None
    withdrawn: tuple[str, ...] = ()
    told: int = 0
    channels: tuple[str, ...] = ()
    schema: int = 1
