"""What the connectors' loop tells of each poll."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.base import PollReport
from core.errors import FeedError


@dataclass(frozen=True, slots=True)
class Polled:
    """A poll was appended and its cursor saved. ``error``: what was wrong with the source as a whole.

    ``size_bytes``: of the records appended, before the stream's compression.
    """

    name: str
    report: PollReport
    appended: int
    stubs: int
    error: FeedError | None
    wake_at: datetime | None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Broke:
    """A connector raised, which it must not; its cursor stays and it is polled again later."""

    name: str
    problem: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Outrun:
    """Someone else saved this source's cursor meanwhile: ours is dropped, and its items may be on the stream twice."""

    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The stream or the store can't be reached; the poll's items are kept and tried again after ``wait_s``."""

    name: str
    problem: str
    wait_s: float


Event = Polled | Broke | Outrun | Waiting
