"""The contract of a connector, of a kind of connectors, and of the repository that keeps their cursors.

::

    repository.load ──cursor──► Connector.poll ──items, cursor, wake time──► Stream.append ──acknowledged──► repository.save

A connector never sleeps: where it has to wait, it says when to call again. It never blocks longer than the time-outs of
its own requests. It keeps nothing of value in memory: what must outlive the process is in the cursor, and the cursor is
saved only after the stream acknowledged the items. So a crash at any place repeats items at most; none is lost. What
comes later in the pipeline expects repeats.

A kind of connectors is found by the entry point group ``wirewatch.connectors``: the entry point's name is the kind's, its
object a class that is called without arguments and gives a ``ConnectorKind``. ``connectors.testing.ConnectorContract``
checks one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from core.errors import FailureKind, FeedError, StoreError
from core.records import RawArticle
from core.settings import ConnectorSettings

if TYPE_CHECKING:
    from connectors.feeds.cursor import ItemState
    from connectors.feeds.schedule import Rhythm
    from connectors.http.client import Http
    from connectors.http.pacing import HostPacing
    from connectors.http.robots import Robots

Cursor = TypeVar("Cursor")


class PageFailure(NamedTuple):
    """A page that could not be fetched: ``problem`` in plain words, ``kind`` for machines."""

    url: str
    problem: str
    kind: FailureKind


@dataclass(frozen=True, slots=True)
class PollReport:
    """What a poll found, in numbers of items. ``page_failures`` are the pages that could not be fetched.

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


class Source(NamedTuple):
    """A source that is watched: ``url`` as its kind stored it, credentials included; ``outlet`` is its outlet's id."""

    id: str
    kind: str
    url: str
    outlet: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Tools:
    """What a connector is given. All are safe for threads, and shared by all connectors of the process.

    ``http`` is the only way to the network: bounded in time and size, and guarded. ``pacing`` says when a host may be
    asked next, ``robots`` what a site allows. ``clock`` gives UTC. ``cursors`` gives those of all active sources of a kind
    (by its name), whoever polls them, without their items; it raises StoreError. ``read_date`` gives the moment (UTC) of a date
    in any language and calendar, given the language's tag if it is known; None if it can't be read.
    """

    settings: ConnectorSettings
    http: Http
    pacing: HostPacing
    robots: Robots | None
    clock: Callable[[], datetime]
    cursors: Callable[[str], Collection[Any]] = lambda _kind: ()
    read_date: Callable[[str, str | None], datetime | None] = lambda _claim, _language: None


class StoredCursor(NamedTuple):
    """A cursor as the store keeps it: ``state`` is JSON, opaque to everyone but its kind.

    ``items`` are for kinds that remember thousands of items: rows of their own, of which only the changed ones are
    written, and which are read only when the mapping is asked. Others leave them out. ``requested_ms``: when a poll was last
    asked for from outside (a push), in ms since the epoch; the store wakes the source, but its cursor may have a
    schedule of its own.
    """

    state: str
    items: Mapping[str, ItemState] = {}
    requested_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What people and metrics see of a source, taken from its cursor after each poll.

    ``health``: new (nothing was read yet), ok, failing, gone (the publisher took it away). ``problem`` is None if the last
    poll went well; ``failures`` counts polls that failed since. Times are ms since the epoch, UTC: ``ok_at_ms`` of the last
    good poll, ``asked_ms`` of the last time that the source itself was asked. ``rhythm`` is its pace, for what to expect.
    ``restless``: polls in a row at which most of what was known had changed.
    """

    health: Literal["new", "ok", "failing", "gone"]
    problem: str | None = None
    problem_kind: FailureKind | None = None
    failures: int = 0
    ok_at_ms: int | None = None
    asked_ms: int = 0
    title: str | None = None
    language: str | None = None
    rhythm: Rhythm | None = None
    restless: int = 0


class ConnectorKind(Protocol[Cursor]):
    """A kind of connectors. Safe for threads.

    ``schemes`` are those of the addresses that it polls (``wirewatch feed add SCHEME:…``); any address can be given to it as
    ``wirewatch feed add KIND:ADDRESS``.
    """

    @property
    def schemes(self) -> Collection[str]:
        """Schemes of addresses, lower case, without the colon."""

    def address(self, given: str) -> str:
        """Return the address as it is to be stored; it is the source's identity. Does not ask the network.

        Raises UsageError if it can't be one.
        """

    def open(self, source: Source, tools: Tools) -> Connector[Cursor]:
        """Make the connector for one poll of ``source``. Asks the network for nothing; raises UsageError."""

    def encode(self, cursor: Cursor) -> StoredCursor:
        """Write a cursor."""

    def decode(self, stored: StoredCursor) -> Cursor:
        """Read a cursor that this version or an earlier one wrote. Raises ValueError (msgspec's errors are)."""

    def facts(self, cursor: Cursor) -> SourceFacts:
        """Return what people see of the source."""


class SavedCursor(NamedTuple, Generic[Cursor]):
    """A cursor as it was loaded (None: never polled). ``revision`` is the repository's, for its ``save_all``."""

    cursor: Cursor | None = None
    revision: int = 0


class SourceRepository(Protocol[Cursor]):
    """Which sources are due, and the cursors. Its methods are called from one thread and raise StoreError."""

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """Names of at most ``limit`` sources to poll now, the longest overdue first, without those in ``skip``."""

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """When the next source is due (UTC); None if there is none."""

    def load_all(self, names: Sequence[str]) -> Mapping[str, SavedCursor[Cursor] | StoreError]:
        """Return the cursors last saved, by name; for one that can't be read, why."""

    def save_all(self, polls: Sequence[tuple[str, SavedCursor[Cursor], PollResult[Cursor]]]) -> Sequence[bool]:
        """Save cursor, wake time and health of each (name, cursor before, result), all in one transaction.

        False: the saved cursor is not the one before any more (another process polled, or the source was removed), and
        nothing was written for this one.
        """

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """Leave the cursor as it is and poll no sooner than ``until``: for a connector that raised."""
