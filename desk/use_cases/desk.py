"""What pages and API work with: one ``Desk`` an application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, cast
from zoneinfo import ZoneInfo

from fastapi import Depends, Request

from core.errors import UsageError
from core.search import SearchIndex
from core.settings import Settings
from core.store import Store, SubscriptionStore
from desk.live.board import Board
from desk.live.follow import Follower
from desk.live.hub import Hub
from desk.live.marks import StoryMarks
from desk.live.reading import DeskReader
from desk.people.addresses import Network, networks
from desk.people.directory import By, Directory
from desk.people.limits import STREAMS, Buckets, Slots
from desk.people.passwords import Passwords
from desk.people.roles import Caller
from desk.views.coverage import FeedPort
from desk.views.status import Status


@dataclass
class Desk:
    """All that a request may need. ``demo``: one person, no sign-in. ``feeds`` None: nothing polls feeds from here.

    ``clock_ms`` is the wall clock, ms UTC; ``monotonic`` gives seconds.
    """

    settings: Settings
    store: Store
    clock_ms: Callable[[], int]
    monotonic: Callable[[], float]
    feeds: FeedPort | None = None
    search: SearchIndex | None = None
    demo: bool = False
    passwords: Passwords | None = None
    board: Board = field(default_factory=Board)
    hub: Hub = field(default_factory=Hub)
    buckets: Buckets = field(default_factory=Buckets)
    streams: Slots = field(default_factory=lambda: Slots(STREAMS))
    rows: dict[tuple[str, int, str], str] = field(default_factory=dict)
    status: Status = field(default_factory=lambda: Status("ok", "Starting"))
    problem: str | None = None

    def __post_init__(self) -> None:
        run = self.settings.run
        self.zone = zone_named(self.settings.desk_zone)
        self.proxies: tuple[Network, ...] = networks(self.settings.desk_proxies)
        self.directory = Directory(self.store, clock_ms=self.clock_ms, passwords=self.passwords)
        self.reader, self.marks = DeskReader(self.store, run), StoryMarks(self.store, run)
        self.queries = SubscriptionStore(self.store)
        outlets = tuple if self.feeds is None else self.feeds.outlets
        self.follower = Follower(self.store, run, self.board, clock_ms=self.clock_ms, outlets=outlets)

    @property
    def secure(self) -> bool:
        """Whether people reach it by https, so that cookies must never go over anything else."""
        return self.settings.desk_public_url.startswith("https://")


def zone_named(name: str) -> ZoneInfo:
    """The time zone. Raises UsageError for a name that is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"desk_zone: {name!r} is no time zone", hint="as in Europe/Berlin, or UTC") from None


def desk_of(request: Request) -> Desk:
    """The desk that answers this request."""
    return cast("Desk", request.app.state.desk)


def caller_of(request: Request) -> Caller:
    """Who makes this request; for routes that ask for a role, which always have one."""
    caller: Caller | None = request.state.caller
    if caller is None:
        raise RuntimeError("a public route asked for its caller")
    return caller


def by_of(request: Request) -> By:
    """Who makes this request, for the audit trail."""
    return By(request.state.caller, request.state.address)


def base_url(request: Request, desk: Desk) -> str:
    """Where people reach the desk, without a slash at its end: the setting, or what the request was sent to."""
    return desk.settings.desk_public_url.rstrip("/") or str(request.base_url).rstrip("/")


TheDesk = Annotated[Desk, Depends(desk_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
TheActor = Annotated[By, Depends(by_of)]
