"""Articles made for tests: distinct texts, copies and new versions, a record that is no article now and then."""

from __future__ import annotations

import random
from collections.abc import Iterator

from core.records import RawArticle, article_id, encode, from_ms
from core.streams import NewRecord, Stream

_WORDS = (
    *(
        "harbour",
        "council",
        "river",
        "market",
        "teacher",
        "bridge",
        "winter",
        "report",
        "minister",
        "village",
        "engine",
    ),
    *(
        "garden",
        "lantern",
        "copper",
        "mountain",
        "library",
        "station",
        "meadow",
        "captain",
        "window",
        "orchard",
        "thunder",
    ),
    *("velvet", "compass", "island", "justice", "kitchen", "sailor", "forest", "museum"),
)


def raw_articles(start: int, end: int) -> Iterator[tuple[str, RawArticle]]:
    """(key, raw article) of numbers ``start`` to ``end`` − 1: a function of the numbers alone.

    Every 10th is a copy of the one before it at another outlet, every 15th a new version of an earlier URL, every 25th
    has no text.
    """
    for number in range(start, end):
        yield _raw(number)


def append_articles(stream: Stream, start: int, end: int) -> None:
    """Append the raw articles of these numbers in one go, each to the partition of its key."""
    stream.append([NewRecord(key.encode(), encode(raw)) for key, raw in raw_articles(start, end)])


def _raw(number: int) -> tuple[str, RawArticle]:
    told, url = number, f"https://outlet{number % 7}.example/{number}"
    if number % 10 == 9:
        told = number - 1
    elif number % 15 == 14:
        url = f"https://outlet{(number - 12) % 7}.example/{number - 12}"
    text = "" if number % 25 == 24 else _text(told)
    raw = RawArticle(
        url=url,
        source=f"outlet{number % 7}",
        fetched_at=from_ms(1_790_000_000_000 + number),
        title=f"Report {told}",
        text=text,
    )
    return article_id(url), raw


def _text(number: int) -> str:
    rng = random.Random(number)
    sentences = [" ".join(rng.choices(_WORDS, k=12)).capitalize() + "." for _ in range(8)]
    parity, talks = "even" if number % 2 == 0 else "odd", "seven" if number % 7 == 0 else "nothing"
    sentences.append(f"This is number {number}, {parity}, with talks about {talks}.")
    return "\n".join(sentences)
