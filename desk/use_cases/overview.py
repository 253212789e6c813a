"""The overview: the last 24 hours against a usual day, the largest stories, what is new to a person, silence, countries.

It uses what the desk holds in memory (``desk.hours``, the board). It reads the person's last look, the topics and the feeds
from the store, but no articles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from core.durations import DAY_MS
from desk.feed_port import FeedLine
from desk.hour_counts import since_look
from desk.people.roles import Caller
from desk.use_cases.desk import Desk
from desk.use_cases.shifts import Handed, handed
from desk.use_cases.topics import topic_pages
from desk.views.cards import Card
from desk.views.countries import country_name, country_query, tiles
from desk.views.rates import Counts, Rate, rate_of, window_of

LOOK_GAP_MS = 1_800_000
"""Looks within half an hour count as one, so that a reloaded page still shows what was new."""
LINES, LARGEST, NEW, SILENT = 40, 8, 8, 12
FEEDS_SILENT = ("failing", "gone", "silent")
SHADES = 4


class Line(NamedTuple):
    """A topic or subscription with its rate. ``name`` is its displayed name."""

    id: str
    name: str
    rate: Rate


class CountryLine(NamedTuple):
    """A country on the map. ``shade``: from 0 (not named) to ``SHADES``; ``query`` finds its articles."""

    code: str
    name: str
    column: int
    row: int
    number: int
    shade: int
    query: str


class Overview(NamedTuple):
    """The overview as of ``now_ms`` (the desk's clock, UTC). ``window``: the 24 hours, each by its beginning.

    ``counted``: whether all hours have been counted; until then numbers are too low. ``begins_ms``: the first hour in the
    store, if it is within the eight days that are read. ``board_from_ms``: older stories are not in ``largest`` and ``new``.
    ``looked_ms``: when the person last looked; if None (never), ``new`` covers the last 24 hours. ``new`` leaves out the
    ``largest``. ``…_more``: how many are not listed.
    """

    now_ms: int
    window: tuple[int, ...]
    counted: bool
    begins_ms: int | None
    everything: Rate
    topics: tuple[Line, ...]
    topics_more: int
    subscriptions: tuple[Line, ...]
    subscriptions_more: int
    largest: tuple[Card, ...]
    board_from_ms: int | None
    looked_ms: int | None
    new: Handed
    silent: tuple[FeedLine, ...]
    silent_more: int
    countries: tuple[CountryLine, ...]


def overview(desk: Desk, person: Caller | None) -> Overview:
    """The overview for a person, recorded as a look; for a program (None), no look is recorded. Raises StoreError."""
    now_ms = desk.clock_ms()
    hours, window = desk.hours.hours, window_of(now_ms)
    begins_ms = min(hours, default=window[-1])

    def lines(kind: str, names: Iterable[tuple[str, str]]) -> list[Line]:
        made = [Line(label, name, rate_of(hours, kind, label, now_ms, begins_ms)) for label, name in names]
        return sorted(made, key=lambda line: (tuple(-part for part in line.rate.weight), line.name, line.id))

    pages = topic_pages(desk)
    topics = lines("topic", ((one.stored.name, one.topic.title if one.topic else one.stored.name) for one in pages))
    subscriptions = lines("subscription", desk.follower.names.items())
    looked_ms = None
    if person is not None:
        looked_ms = since_look(desk.store, desk.settings.run, person.id, now_ms, gap_ms=LOOK_GAP_MS)
    since_ms = now_ms - DAY_MS if looked_ms is None else looked_ms
    board = desk.board.snapshot()
    great = largest(board, window[0])
    silent = silent_feeds(desk.feeds.report().feeds if desk.feeds is not None else ())
    last_day = Counts()
    for hour in window:
        last_day.update(hours.get(hour, {}))
    return Overview(
        now_ms=now_ms,
        window=tuple(window),
        counted=desk.hours.complete,
        begins_ms=begins_ms if begins_ms > window[0] - 7 * DAY_MS else None,
        everything=rate_of(hours, "article", "", now_ms, begins_ms),
        topics=tuple(topics[:LINES]),
        topics_more=max(0, len(topics) - LINES),
        subscriptions=tuple(subscriptions[:LINES]),
        subscriptions_more=max(0, len(subscriptions) - LINES),
        largest=great,
        board_from_ms=board[-1].last_ms if board and board[-1].last_ms > min(since_ms, window[0]) else None,
        looked_ms=looked_ms,
        # The largest are not listed a second time.
        new=handed((card for card in board if card not in great), since_ms, shown=NEW),
        silent=tuple(silent[:SILENT]),
        silent_more=max(0, len(silent) - SILENT),
        countries=country_lines(last_day),
    )


def largest(cards: Iterable[Card], since_ms: int, shown: int = LARGEST) -> tuple[Card, ...]:
    """Stories that changed since ``since_ms`` and have several independent sources, those with the most first. Pure."""
    recent = [card for card in cards if card.last_ms >= since_ms and card.sources > 1 and not card.backfill]
    return tuple(sorted(recent, key=lambda card: (-card.sources, -card.copies, -card.last_ms, card.id))[:shown])


def silent_feeds(feeds: Sequence[FeedLine]) -> list[FeedLine]:
    """Feeds that usually have items and now have none, by the rules of coverage; those with the most expected first. Pure."""
    return sorted(
        (feed for feed in feeds if feed.state in FEEDS_SILENT and feed.expected_per_day > 0),
        key=lambda feed: (-feed.expected_per_day, feed.url),
    )


def country_lines(counts: Counts) -> tuple[CountryLine, ...]:
    """The map, from the counts of a day. A country's query uses the languages that were counted. Pure."""
    numbers = Counter({label: number for (kind, label), number in counts.items() if kind == "country"})
    languages = sorted(label for kind, label in counts if kind == "language")
    most = max(numbers.values(), default=0)
    return tuple(
        CountryLine(
            tile.code,
            country_name(tile.code),
            tile.column,
            tile.row,
            number := numbers[tile.code],
            shade_of(number, most),
            country_query(tile.code, languages) if number else "",
        )
        for tile in tiles()
    )


def shade_of(number: int, most: int) -> int:
    """0 for none, else 1 to ``SHADES`` by the square root of ``number / most``, so that small numbers differ too. Pure."""
    return 0 if not number else max(1, round((number / most) ** 0.5 * SHADES))
