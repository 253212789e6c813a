"""The contract of a connector, and of the repository that keeps its cursor.

::

    repository.load ──cursor──► Connector.poll ──items, cursor, wake time──► Stream.append ──acknowledged──► repository.save

A connector never sleeps: where it has to wait, it says when to call again. It never blocks longer than the time-outs of
its own requests. It keeps nothing of value in memory: what must outlive the process is in the cursor, and the cursor is
saved only after the stream acknowledged the items. So a crash at any place repeats items at most; none is lost. What
comes later in the pipeline expects repeats.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

from core.errors import FailureKind, FeedError
from core.records import RawArticle

Cursor = TypeVar("Cursor")


class PageFailure(NamedTuple):
    """A page that was not had: ``problem`` in plain words, ``kind`` for machines."""

    url: str
    problem: str
    kind: FailureKind


@dataclass(frozen=True, slots=True)
class PollReport:
    """What a poll met, in numbers of items. ``page_failures`` are the pages that were not had.

    ``deferred`` were seen, but left for a later poll because too many wait already. ``pending`` wait after this poll.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deferred: int = 0
    pending: int = 0
    not_modified: bool = False
    page_failures: tuple[PageFailure, ...] = ()
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class PollResult(Generic[Cursor]):
    """What one poll gave.

    ``items`` go onto the stream in this order. ``cursor`` is valid once they are acknowledged. ``wake_at`` (UTC) is
    when to poll again, now or in the past for "at once"; None says that this source has ended. ``error`` is what was
    wrong with the source as a whole; items and cursor count all the same.
    """

    items: tuple[RawArticle, ...]
    cursor: Cursor
    wake_at: datetime | None
    error: FeedError | None = None
    report: PollReport = field(default_factory=PollReport)


class Connector(Protocol[Cursor]):
    """One source of raw articles. May be polled from any thread, by one at a time."""

    def poll(self, cursor: Cursor | None, now: datetime) -> PollResult[Cursor]:
        """Look once. ``cursor`` None: never polled before. ``now`` is UTC.

        Bad input comes back as ``error`` or in the report, never as an exception. Polling again with the same cursor
        gives the same items again, or newer forms of them.
        """


class SourceRepository(Protocol[Cursor]):
    """Who is due, and the cursors. Its methods are called from one thread and raise StoreError."""

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """Names of at most ``limit`` sources to poll now, the longest overdue first, without those in ``skip``."""

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """When the next source is due (UTC); None if there is none."""

    def load_all(self, names: Sequence[str]) -> Mapping[str, Cursor | None]:
        """Return the cursors last saved, by name; None before the first."""

    def save_all(self, polls: Sequence[tuple[str, Cursor | None, PollResult[Cursor]]]) -> Sequence[bool]:
        """Save cursor, wake time and health of each (name, cursor before, result), all in one transaction.

        False: the cursor is not the one before any more (another process polled, or the source was removed), nothing
        was written for this one.
        """

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """Leave the cursor as it is and poll no sooner than ``until``: for a connector that broke."""
