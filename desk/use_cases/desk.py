"""What requests to the desk need: one ``Desk`` per process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter

from core.errors import Unavailable, UsageError
from core.net.addresses import Network
from core.search import SearchIndex
from core.settings import Settings
from core.store import Store, SubscriptionStore
from core.store.decisions import Joins
from core.store.subscriptions import StoredTopic
from desk.feed_port import FeedPort
from desk.hour_counts import HourCounts
from desk.language import gettext
from desk.live.follow import Board, Follower, Hub
from desk.live.marks import StoryMarks
from desk.live.run_reader import DeskReader
from desk.people.accounts import By
from desk.people.addresses import networks
from desk.people.credentials import Passwords
from desk.people.limits import (
    ALL_STREAMS,
    CATCHING_UP,
    PLACE_STREAMS,
    SEARCHES,
    SEARCHES_EACH,
    SIGNING_IN,
    STREAMS,
    Buckets,
    Slots,
)
from desk.people.preferences import Preferences
from desk.story_port import StoryPort
from desk.use_cases.accounts import accounts_of
from desk.use_cases.channels import Channels, options_of
from desk.use_cases.devices import Devices
from desk.use_cases.subscriptions import Subscriptions
from desk.views.status_bar import Health


@dataclass
class Desk:
    """Everything that a request may need. ``demo``: one person, no sign-in. ``feeds`` is None if nothing polls feeds here,
    ``stories`` is None if nothing decides about stories.

    ``clock_ms`` is the wall clock, ms UTC; ``monotonic`` returns seconds. ``health`` is what the status bar shows. ``problem``
    says why the store can't be followed, if it can't. ``searches`` counts running searches, in total (key "") and by person.
    ``streams`` counts open streams. ``signing_in``: the threads on which passwords are checked;
    ``catching_up``: those that read what streams have missed.
    """

    settings: Settings
    store: Store
    clock_ms: Callable[[], int]
    monotonic: Callable[[], float]
    feeds: FeedPort | None = None
    stories: StoryPort | None = None
    search: SearchIndex | None = None
    demo: bool = False
    passwords: Passwords | None = None
    board: Board = field(default_factory=Board)
    hub: Hub = field(default_factory=Hub)
    buckets: Buckets = field(default_factory=Buckets)
    streams: tuple[Slots, Slots, Slots] = field(
        default_factory=lambda: (Slots(ALL_STREAMS), Slots(PLACE_STREAMS), Slots(STREAMS))
    )
    """Open streams in total, by address and by person."""
    searches: tuple[Slots, Slots] = field(default_factory=lambda: (Slots(SEARCHES), Slots(SEARCHES_EACH)))
    turn_wait_s: float = 2.0
    """For so long a search waits for others before it is refused."""
    health: Health = field(default_factory=lambda: Health(loading=True))
    problem: str | None = None
    signing_in: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(SIGNING_IN))
    catching_up: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(CATCHING_UP))

    def __post_init__(self) -> None:
        run = self.settings.run
        self.zone = zone_named(self.settings.desk_zone)
        self.proxies: tuple[Network, ...] = networks(self.settings.desk_proxies)
        self.accounts = accounts_of(self.store, self.clock_ms, self.passwords)
        self.reader, self.marks = DeskReader(self.store, run), StoryMarks(self.store, run)
        self.queries = SubscriptionStore(self.store)
        self.preferences = Preferences(self.store)
        self.hours = HourCounts(self.store, run, self.clock_ms)
        outlets = tuple if self.feeds is None else self.feeds.outlets
        self.follower = Follower(self.store, run, self.board, clock_ms=self.clock_ms, outlets=outlets)

    @property
    def secure(self) -> bool:
        """Whether people reach the desk by https, so that cookies must never be sent over anything else."""
        return self.settings.desk_public_url.startswith("https://")

    @property
    def index(self) -> SearchIndex:
        """The search index. Raises Unavailable if this desk has none."""
        if self.search is None:
            raise Unavailable(gettext("this desk has no search index"))
        return self.search

    @property
    def story_port(self) -> StoryPort:
        """The component that decides about stories. Raises Unavailable if there is none."""
        if self.stories is None:
            raise Unavailable(gettext("this desk can't change stories"))
        return self.stories

    @property
    def feed_port(self) -> FeedPort:
        """The component that polls the feeds. Raises Unavailable if there is none."""
        if self.feeds is None:
            raise Unavailable(gettext("this desk has no access to the connectors"))
        return self.feeds

    def close(self) -> None:
        """End searches for feeds, and close the store."""
        if self.feeds is not None:
            self.feeds.close()
        self.store.close()

    def joins(self) -> Joins:
        """Which stories were joined into others, to pass to all of a page's reads. Raises StoreError."""
        with self.store.reading() as connection:
            return Joins.read(connection, self.settings.run)

    def topics(self) -> list[StoredTopic]:
        """The newest version of each topic in force, by name. Raises StoreError."""
        newest = {one.name: one for one in self.queries.read(now_ms=self.clock_ms()).topics}
        return [one for _, one in sorted(newest.items()) if one.active]

    def subscriptions(self, by: By) -> Subscriptions:
        """The store's subscriptions, for actions of ``by``: each change is recorded in the audit trail."""
        return Subscriptions(self.store, self.clock_ms, audit=partial(self.accounts.note, by))

    def channels(self, by: By) -> Channels:
        """The store's channels, for actions of ``by``: each change is recorded in the audit trail."""
        audit = partial(self.accounts.note, by)
        return Channels(self.store, self.settings, self.clock_ms, self.monotonic, audit=audit)

    def devices(self, by: By) -> Devices:
        """The devices on which ``by`` is notified: each change is recorded in the audit trail."""
        options = options_of(self.settings, self.store, self.clock_ms, self.monotonic)
        audit = partial(self.accounts.note, by)
        return Devices(self.store, self.channels(by), options, by.person, audit=audit)


def zone_named(name: str) -> ZoneInfo:
    """The time zone with this name. Raises UsageError if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"desk_zone: {name!r} is not a time zone", hint="as in Europe/Berlin, or UTC") from None
