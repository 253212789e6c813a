"""How a raw record ended. Every raw record ends exactly once in a run (docs/architecture.md, "Guarantees")."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from core.records.order import OrderKey


class OutcomeKind(StrEnum):
    """The six ways to end."""

    PUBLISHED = "published"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    LOST = "lost"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the raw records ``first_offset`` to ``last_offset`` (both in; more than one only for ``lost``) of a partition.

    ``key`` is the effective order key (None for ``lost``). ``stage`` and ``reason`` are set for ``rejected`` and ``lost``.
    ``item`` names what a person would look for: a URL, or the file and line of a bounded input.
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
