"""Decides from dates and places whether an item that a feed lists for the first time is news or archive. Pure.

A feed that was empty, a list that was rebuilt or grew at its old end, and a part of a sitemap that was not read before
bring old items as new ones. Archive is stored and searchable, but never alerted (backfill). By its date, an item is
archive if that is clearly before the newest date that the feed has shown, and before the last time it was read. A date
shared by most of a list is ignored. Dates in other formats than RFC 822 and ISO (in other languages and calendars) are
read by the function that the connector gets for it, since feedparser reads the digits of an epoch as a year. Without a
date, its place decides: an item is archive if it is below all known items in a feed that puts new items on top, or in a
part of a sitemap that was not read before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from connectors.feeds.items import FeedItem
from core.durations import DAY_MS
from core.records import to_ms

ReadDate = Callable[[str, str | None], datetime | None]
"""Returns the moment (UTC) of a publisher's date, given the language's tag or None; None if it can't be read."""

_EARLIEST_MS = 631_152_000_000
"""1990: earlier dates are defaults of programs."""

_LEAST_KNOWN = 3


class Past(NamedTuple):
    """The state of a feed before this list. ``read_ms``: its last successful read, ``newest_ms``: the newest date of an item.

    ``on_top``: polls with new items above all known ones, minus those with new items below. ``new_part``: the list is a
    part of a sitemap that was not read before.
    """

    read_ms: int | None = None
    newest_ms: int | None = None
    on_top: int = 0
    new_part: bool = False


_USUAL = re.compile(
    r"\s*(?:(?:[A-Z][a-z]{2,8},?\s+)?\d{1,2}\s+(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\s+\d{4}"
    r"(?:\s+\d\d?:\d\d(?::\d\d)?(?:\s*(?:[+-]\d\d:?\d\d|GMT|UTC?|Z|[ECMP][SD]T))?)?"
    r"|(?:19|20)\d\d-\d\d-\d\d(?:[T\s]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)\s*"
)
"""Formats that feedparser reads correctly. It treats unknown zones such as BST or MSK as UTC, and loses the time before
a named zone after an ISO 8601 date.
"""
_SMALL_ZONE = re.compile(r"(?<=:\d\d )[a-z]{2,4}(?=\s*$)")
"""In text, "est" and "met" may be words; here they can only be zones."""


def with_dates(listed: Sequence[FeedItem], language: str | None, read_date: ReadDate) -> tuple[FeedItem, ...]:
    """The items, with dates in unusual formats read by ``read_date`` if possible. ``language``: the feed's."""

    def dated(item: FeedItem) -> FeedItem:
        for claim in filter(None, (item.published, item.updated)):
            if item.dated_ms is not None and _USUAL.fullmatch(claim):
                break
            claim = _SMALL_ZONE.sub(lambda zone: zone[0].upper(), claim)
            if (moment := read_date(claim, item.language or language)) is not None:
                return replace(item, dated_ms=to_ms(moment))
        return item

    return tuple(map(dated, listed))


def told_dates(listed: Sequence[FeedItem], now_ms: int) -> list[int | None]:
    """The items' meaningful dates: not in the future, not a default, not shared by most of the list."""
    dates = [
        item.dated_ms if item.dated_ms is not None and _EARLIEST_MS < item.dated_ms <= now_ms + DAY_MS else None
        for item in listed
    ]
    minutes = Counter(date // 60_000 for date in dates if date is not None)
    shared = {minute for minute, count in minutes.items() if count >= _LEAST_KNOWN and 2 * count > len(listed)}
    return [None if date is not None and date // 60_000 in shared else date for date in dates]


def archived(dates: Sequence[int | None], known: Sequence[bool], past: Past, age_days: float) -> list[bool]:
    """Whether each item of a list is archive. ``known``: it was known before. ``age_days`` 0: none is."""
    if age_days <= 0:
        return [False] * len(dates)
    bounds = [bound for bound in (past.read_ms, past.newest_ms) if bound is not None]
    oldest_ms = min(bounds) - int(age_days * DAY_MS) if bounds else None
    last_known = max((place for place, one in enumerate(known) if one), default=-1)
    below = past.on_top > 0 and sum(known) >= _LEAST_KNOWN

    def one(place: int, date: int | None) -> bool:
        if date is not None:
            return oldest_ms is not None and date < oldest_ms
        return past.new_part or (below and place > last_known)

    return [not known[place] and one(place, date) for place, date in enumerate(dates)]


def seen_on_top(known: Sequence[bool]) -> int:
    """1 if a new item is above all known ones, -1 if below all, otherwise 0."""
    if sum(known) < _LEAST_KNOWN or all(known):
        return 0
    first, last = known.index(True), len(known) - 1 - list(reversed(known)).index(True)
    return (first > 0) - (first == 0 and last < len(known) - 1)


def newest(dates: Sequence[int | None], before_ms: int | None, now_ms: int) -> int | None:
    """The newest date that the feed has shown so far."""
    return max((min(date, now_ms) for date in (*dates, before_ms) if date is not None), default=None)
