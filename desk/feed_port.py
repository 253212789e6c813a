"""What the desk needs from the component that polls feeds, and feeds as the desk shows them. Pure.

The desk doesn't import connectors: ``wirewatch desk`` gives it a ``FeedPort`` that they implement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from core.errors import FailureKind
from core.records.article import FeedCounts, FeedOutlet, WallCount
from core.saying import Said

WEB_FEED = "feed"
"""The kind of connector that pages and the API add. Other kinds may read local files, so only the command line adds them."""


class FeedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A feed and its health. ``state``: ok, early, new, unverified, failing, silent, gone, ended or removed.

    ``early``: watched for less than an hour; ``unverified``: never read successfully. ``problem``: the last failure, in
    English; ``problem_kind``: its kind. ``expected_per_day``: items that its own rhythm predicts; ``seen_last_day``: items of
    the last 24 hours. ``last_new`` is UTC, null before the first item. ``country``: ISO 3166; ``language``: ISO 639-1.
    ``risks``: what may be missing because of it, in English.
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
    risks: tuple[Said, ...] = ()


class CoverageView(msgspec.Struct, frozen=True, kw_only=True):
    """All feeds. ``countries`` and ``languages`` map each to (working feeds, all feeds). ``risks``: the worst first.

    ``walls``: pages of the last week that were served instead of an article, by outlet and kind, the most frequent first.
    ``again``: pages that are fetched again, by reason and state (waiting, asked, over).
    """

    feeds: tuple[FeedLine, ...] = ()
    states: Mapping[str, int] = {}
    countries: Mapping[str, tuple[int, int]] = {}
    languages: Mapping[str, tuple[int, int]] = {}
    risks: tuple[Said, ...] = ()
    walls: tuple[WallCount, ...] = ()
    again: Mapping[str, Mapping[str, int]] = {}


class DiscoveredFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that discovery fetched and read. For an index of sitemaps, ``items`` counts the sitemaps."""

    url: str
    how: str
    format: str
    title: str | None = None
    language: str | None = None
    items: int = 0
    notes: tuple[str, ...] = ()


class CheckedFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed that was fetched to check whether it can be read. If ``problem`` is None, it can, and had ``items`` items."""

    url: str
    problem: str | None = None
    items: int = 0


class FeedPort(Protocol):
    """The operations on feeds that the desk needs. Safe to use from several threads."""

    def outlets(self) -> Sequence[FeedOutlet]:
        """One entry per feed, including removed feeds, whose articles remain. Raises StoreError."""

    def counts(self) -> FeedCounts:
        """The watched feeds by health. Cheap, since it is called every few seconds. Raises StoreError."""

    def report(self) -> CoverageView:
        """The current health of all feeds. Raises StoreError."""

    def shown(self, url: str) -> str:
        """An address as it may be shown and logged: without user name and password."""

    def add(self, url: str, source: str = "", kind: str = WEB_FEED) -> bool:
        """Watch a feed. Returns False if it is watched already. Raises UsageError if ``url`` is not an address of this kind."""

    def add_catalogue(self, topics: Sequence[str] = ()) -> tuple[int, int]:
        """Watch the catalogue's feeds for these topics, or all of them. Returns (new, total). Raises InputError."""

    def check(self, urls: Sequence[str] = (), *, every: bool = False) -> Iterator[CheckedFeed]:
        """Fetch feeds now and record whether they can be read. Raises InputError.

        Without ``urls``, fetches the feeds that were never read, or all feeds if ``every``.
        """

    def remove(self, url: str) -> bool:
        """Stop watching a feed, given by its address or its shown address. Returns False if there is no such feed."""

    def ask_again(self, url: str) -> None:
        """Schedule a page to be fetched again at once. Raises NotFound if no watched feed led to it, StoreError."""

    def find(self, url: str) -> Iterator[DiscoveredFeed]:
        """Yields the feeds of a site as it finds them, which can take minutes. Raises WirewatchError."""

    def import_opml(self, body: bytes, name: str, most: int | None = None) -> tuple[int, int, Sequence[str]]:
        """Watch the feeds of a list. Returns (new, total, remarks).

        Raises InputError, also if the list has more than ``most`` feeds; then it adds none.
        """

    def export_opml(self) -> str:
        """The watched feeds as OPML."""

    def close(self) -> None:
        """Ask running operations to end soon."""


STATE_ORDER = ("failing", "gone", "silent", "unverified", "new", "early", "ended", "ok", "removed")


def worst_first(feeds: Sequence[FeedLine]) -> list[FeedLine]:
    """Feeds that need attention first; among equals, the feed with the most expected items."""
    return sorted(feeds, key=lambda feed: (STATE_ORDER.index(feed.state), -feed.expected_per_day, feed.url))


def state_words(state: str) -> str:
    """The word for a state. ``early`` (watched for less than an hour) says nothing about the feed's health yet."""
    return "too early to tell" if state == "early" else state


def share_seen(feed: FeedLine) -> float:
    """The share of the last day's expected items that arrived, from 0 to 1; 1 if none is expected."""
    return min(1.0, feed.seen_last_day / feed.expected_per_day) if feed.expected_per_day > 0 else 1.0
