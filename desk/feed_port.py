"""What the desk asks of whoever polls feeds, and feeds as it shows them. Pure.

The desk doesn't import connectors: ``wirewatch desk`` gives it a ``FeedPort`` that they stand behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from core.errors import FailureKind
from core.records.article import FeedCounts, FeedOutlet, WallCount

WEB_FEED = "feed"
"""The kind of connector that pages and API add. Another kind may read what is on this machine: the command line adds those."""


class FeedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One feed. ``state``: ok, early, new, unverified, failing, silent, gone, ended, removed. ``risks``: what may be missing.

    ``problem`` in plain English, ``problem_kind`` what kind of failure it is.
    ``expected_per_day`` by its own rhythm; ``seen_last_day`` what came. Times are ms, UTC.
    """

    url: str
    source: str
    outlet: str
    state: str
    expected_per_day: float
    seen_last_day: int
    country: str | None = None
    language: str | None = None
    kind: str | None = None
    problem: str | None = None
    problem_kind: FailureKind | None = None
    poll_every_s: float | None = None
    last_new_ms: int | None = None
    risks: tuple[str, ...] = ()


class CoverageView(msgspec.Struct, frozen=True, kw_only=True):
    """All feeds. ``countries`` and ``languages``: for each (working feeds, all feeds). ``risks``, the worst first.

    ``walls``: pages of the last week that stood in an article's place, by outlet and kind, the most first. ``again``: pages
    that are asked for again, by reason and state (waiting, asked, over).
    """

    feeds: tuple[FeedLine, ...] = ()
    states: Mapping[str, int] = {}
    countries: Mapping[str, tuple[int, int]] = {}
    languages: Mapping[str, tuple[int, int]] = {}
    risks: tuple[str, ...] = ()
    walls: tuple[WallCount, ...] = ()
    again: Mapping[str, Mapping[str, int]] = {}


class DiscoveredFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that discovery fetched and read. ``items``: of an index of sitemaps, those sitemaps."""

    url: str
    how: str
    format: str
    title: str | None = None
    language: str | None = None
    items: int = 0
    notes: tuple[str, ...] = ()


class CheckedFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that was fetched to see whether it can be read. ``problem`` None: it can, and held so many items."""

    url: str
    problem: str | None = None
    items: int = 0


class FeedPort(Protocol):
    """What polls feeds, as far as the desk needs it. Safe to use from several threads."""

    def outlets(self) -> Sequence[FeedOutlet]:
        """One for each feed, removed ones too: their articles stay. Raises StoreError."""

    def counts(self) -> FeedCounts:
        """How the watched feeds do. Cheap: it is asked every few seconds. Raises StoreError."""

    def report(self) -> CoverageView:
        """How the feeds do now. Raises StoreError."""

    def shown(self, url: str) -> str:
        """An address as it may be shown and written down: without a name and a password."""

    def add(self, url: str, source: str = "", kind: str = WEB_FEED) -> bool:
        """Watch a feed. False: it is watched already. Raises UsageError for what is not an address of this kind."""

    def add_catalogue(self, topics: Sequence[str] = ()) -> tuple[int, int]:
        """Watch the catalogue's feeds of these topics, or all: how many were new, how many there are. Raises InputError."""

    def check(self, urls: Sequence[str] = (), *, every: bool = False) -> Iterator[CheckedFeed]:
        """Fetch feeds now and record whether they can be read; without ``urls`` those never read, or all. Raises InputError."""

    def remove(self, url: str) -> bool:
        """Stop watching a feed, by its address or as that is shown. False: no such feed."""

    def ask_again(self, url: str) -> None:
        """Let the page at an address be fetched again at once. Raises NotFound if no watched feed led to it, StoreError."""

    def find(self, url: str) -> Iterator[DiscoveredFeed]:
        """The feeds of a site, as they are found; takes up to minutes. Raises WirewatchError."""

    def import_opml(self, body: bytes, name: str, most: int | None = None) -> tuple[int, int, Sequence[str]]:
        """Watch the feeds of a list: how many were new, how many there are, remarks.

        Raises InputError, also if there are more than ``most``; then none is watched.
        """

    def export_opml(self) -> str:
        """The watched feeds as OPML."""

    def close(self) -> None:
        """Let what is under way end soon."""


STATE_ORDER = ("failing", "gone", "silent", "unverified", "new", "early", "ended", "ok", "removed")


def worst_first(feeds: Sequence[FeedLine]) -> list[FeedLine]:
    """What needs attention first; among equals, the feed of which most is expected."""
    return sorted(feeds, key=lambda feed: (STATE_ORDER.index(feed.state), -feed.expected_per_day, feed.url))


def state_words(state: str) -> str:
    """A state as people read it: ``early``, watched for less than an hour, is not a verdict."""
    return "too early to tell" if state == "early" else state


def share_seen(feed: FeedLine) -> float:
    """Seen of expected in the last day, from 0 to 1; 1 where nothing is expected."""
    return min(1.0, feed.seen_last_day / feed.expected_per_day) if feed.expected_per_day > 0 else 1.0
