"""Raw records, which connectors append to the raw stream; their positions, their places in the order, and their outcomes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class HttpFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Facts about the server's response when the page was fetched."""

    status: int | None = None
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """A publisher's claims about an article in a feed, a list or a push; not facts. ``published`` and ``guid`` are verbatim.

    A new field here is copied from all of these to the raw record: they carry these fields by name.
    """

    guid: str | None = None
    title: str | None = None
    summary: str | None = None
    authors: tuple[str, ...] = ()
    published: str | None = None
    language: str | None = None


def claims_of(one: object) -> dict[str, Any]:
    """The claims in a record, by name, to make another record with."""
    return {name: getattr(one, name) for name in Claims.__struct_fields__ if hasattr(one, name)}


class RawArticle(Claims, frozen=True, kw_only=True):
    """One article as fetched. Normally at most one of ``html`` and ``text`` is set.

    ``url`` is final (after redirects). ``fetched_at`` is UTC. ``backfill``: the feed already contained it at the first
    poll; it is stored and searchable, but never alerted. ``stub``: why the body was dropped (for example
    ``too_large``); such a record still has a position and an outcome. ``language`` is the feed's hint, not a fact.
    """

    url: str
    source: str
    fetched_at: datetime
    schema: int = 1
    feed_url: str | None = None
    html: str | None = None
    text: str | None = None
    http: HttpFacts | None = None
    backfill: bool = False
    stub: str | None = None


class Position(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """Position of one raw record in one run. ``stream`` is the stream's UUID, so a recreated stream is a different one."""

    run: str
    stream: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.run}/{self.stream}/{self.partition}/{self.offset}"


class OrderKey(msgspec.Struct, frozen=True, order=True):
    """Total order of a run's raw records, independent of partitions and readers.

    ``time_ms`` is the event time, UTC. ``occurrence`` distinguishes records with the same time, article and bytes.
    ``late`` is 0 for a record that arrived in time. One that arrived after a later record had been processed comes
    directly after that record, as its ``late``-th follower.
    """

    time_ms: int
    article: str
    raw_hash: str
    occurrence: int = 0
    late: int = 0

    def follower(self) -> OrderKey:
        """The key directly after this one, for a record that arrived too late for its own place."""
        return OrderKey(self.time_ms, self.article, self.raw_hash, self.occurrence, self.late + 1)

    def sortable(self) -> str:
        """A string that sorts by code point like the key, for an index of the store. For times from 0 to the year 5138."""
        return f"{self.time_ms:015d}:{self.article}:{self.raw_hash}:{self.occurrence:06d}:{self.late:06d}"

    @classmethod
    def parse(cls, text: str) -> OrderKey:
        """The key of a ``sortable()`` string. Raises ValueError."""
        time_ms, article, digest, occurrence, late = text.split(":")
        return cls(int(time_ms), article, digest, int(occurrence), int(late))


class OutcomeKind(StrEnum):
    """The outcome of a raw record. Every raw record has exactly one in a run."""

    PUBLISHED = "published"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    LOST = "lost"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the raw records ``first_offset`` to ``last_offset`` of a partition, both inclusive.

    Only ``lost`` covers more than one record. ``key`` is the effective order key (None for ``lost``). ``stage`` and
    ``reason`` are set for ``rejected`` and ``lost``. ``item`` identifies the record for people: a URL, or the file and
    line of a bounded input.
    """

    run: str
    stream: str
    partition: int
    first_offset: int
    last_offset: int
    kind: OutcomeKind
    item: str = ""
    article: str | None = None
    version: int | None = None
    stage: str | None = None
    reason: str | None = None
    key: OrderKey | None = None
    schema: int = 1
