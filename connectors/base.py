"""The contract of a connector, of a kind of connectors, and of the repository that keeps their cursors.

::

    repository.load ──cursor──► Connector.poll ──items, cursor, wake time──► Stream.append ──acknowledged──► repository.save

A connector never sleeps: if it has to wait, it returns when to call it again. It never blocks longer than the time-outs
of its own requests. It keeps no state in memory: everything that must outlive the process is in the cursor, and the
cursor is saved only after the stream has acknowledged the items. So a crash at any point can only repeat items, not
lose any. The rest of the pipeline expects repeats.

Kinds of connectors are found by the entry point group ``wirewatch.connectors``: the entry point's name is that of the
kind, its object is a class that is called without arguments and returns a ``ConnectorKind``.
``connectors.testing.ConnectorContract`` checks a kind.
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
    """Numbers of items that a poll found. ``page_failures`` are the pages that could not be fetched.

    ``deferred``: seen, but left for a later poll because too many are already waiting. ``pending``: waiting after this poll.
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
    """The result of a poll.

    ``items`` are appended in this order. ``cursor`` is valid once they are acknowledged. ``wake_at`` (UTC) is when to
    poll again; now or a past time means "at once", None that this source has ended. ``error`` is a problem with the
    source as a whole; items and cursor are valid nevertheless.
    """

    items: tuple[RawArticle, ...]
    cursor: Cursor
    wake_at: datetime | None
    error: FeedError | None = None
    report: PollReport = field(default_factory=PollReport)


class Connector(Protocol[Cursor]):
    """A source of raw articles. May be polled from any thread, but only one at a time."""

    def poll(self, cursor: Cursor | None, now: datetime) -> PollResult[Cursor]:
        """Poll once. ``cursor`` None: never polled before. ``now`` is UTC.

        Bad input is returned as ``error`` or in the report, never raised. Polling again with the same cursor returns
        the same items, or newer versions of them.
        """


class Source(NamedTuple):
    """A watched source: ``url`` as stored by its kind, including credentials; ``outlet`` is its outlet's id."""

    id: str
    kind: str
    url: str
    outlet: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Tools:
    """The tools that a connector gets. All are thread-safe and shared by all connectors of the process.

    ``http`` is the only access to the network: bounded in time and size, and guarded. ``pacing`` decides when the next
    request to a host is allowed, ``robots`` what a site allows. ``clock`` returns UTC. ``cursors`` returns those of all
    active sources of a kind (by name), whichever process polls them, without their items; it raises StoreError.
    ``read_date`` returns the moment (UTC) of a date in any language and calendar, given the language's tag if known;
    None if it can't be read.
    """

    settings: ConnectorSettings
    http: Http
    pacing: HostPacing
    robots: Robots | None
    clock: Callable[[], datetime]
    cursors: Callable[[str], Collection[Any]] = lambda _kind: ()
    read_date: Callable[[str, str | None], datetime | None] = lambda _claim, _language: None


class StoredCursor(NamedTuple):
    """A stored cursor: ``state`` is JSON, opaque except to its kind.

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
    """The facts about a source for people and metrics, taken from its cursor after each poll.

    ``health``: new (nothing read yet), ok, failing, gone (removed by the publisher). ``problem`` is None if the last
    poll succeeded; ``failures`` counts failed polls since the last good one. Times are ms since the epoch, UTC:
    ``ok_at_ms`` of the last good poll, ``asked_ms`` of the last request to the source itself. ``rhythm`` is its pace,
    to know what to expect. ``restless``: polls in a row in which most known items had changed.
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
    """A kind of connectors. Thread-safe.

    ``schemes`` are those of the addresses that it polls (``wirewatch feed add SCHEME:…``);
    ``wirewatch feed add KIND:ADDRESS`` passes it any address.
    """

    @property
    def schemes(self) -> Collection[str]:
        """Schemes of addresses, lower case, without the colon."""

    def address(self, given: str) -> str:
        """Return the address to store, which is the source's identity. Makes no network requests.

        Raises UsageError if it is not an address.
        """

    def open(self, source: Source, tools: Tools) -> Connector[Cursor]:
        """Create the connector for one poll of ``source``. Makes no network requests. Raises UsageError."""

    def encode(self, cursor: Cursor) -> StoredCursor:
        """Encode a cursor."""

    def decode(self, stored: StoredCursor) -> Cursor:
        """Decode a cursor that this version or an earlier one wrote. Raises ValueError (as msgspec's errors are)."""

    def facts(self, cursor: Cursor) -> SourceFacts:
        """Return the facts about the source for people."""


class SavedCursor(NamedTuple, Generic[Cursor]):
    """A loaded cursor (None: never polled). ``revision`` is the repository's, for its ``save_all``."""

    cursor: Cursor | None = None
    revision: int = 0


class SourceRepository(Protocol[Cursor]):
    """Due sources and their cursors. Its methods are called from one thread and raise StoreError."""

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """Names of at most ``limit`` sources to poll now, longest overdue first, except those in ``skip``."""

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """When the next source is due (UTC); None if there is none."""

    def load_all(self, names: Sequence[str]) -> Mapping[str, SavedCursor[Cursor] | StoreError]:
        """Return the last saved cursors by name or, if one can't be read, the reason."""

    def save_all(self, polls: Sequence[tuple[str, SavedCursor[Cursor], PollResult[Cursor]]]) -> Sequence[bool]:
        """Save cursor, wake time and health of each (name, previous cursor, result) in one transaction.

        False: the saved cursor has changed (another process polled, or the source was removed), so nothing was written
        for this one.
        """

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """Keep the cursor and poll no sooner than ``until``: for a connector that raised."""
