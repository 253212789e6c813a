"""Feeds that change from poll to poll though nothing is new in them: each item is one article, and its page is fetched once."""

from __future__ import annotations

import random

import pytest

from connectors.feeds import FeedItem
from tests.connectors.test_identity import item, play

COUNT, POLLS = 8, 10
ROOT = "https://played.example"


def story(n: int, poll: int, link: str, guid: str | None = None) -> FeedItem:
    return item(
        link,
        f"The council of town {'abcdefgh'[n]} met",
        guid=guid,
        summary=f"Words that only {'abcdefgh'[n]} has.",
        published=f"Mon, 30 Nov 2026 0{n}:00:00 GMT",
    )


def same(poll: int) -> list[FeedItem]:
    return [story(n, poll, f"{ROOT}/{n}", f"g{n}") for n in range(COUNT)]


def shuffled(poll: int) -> list[FeedItem]:
    items = same(poll)
    random.Random(poll).shuffle(items)
    return items


PLAYED = {
    "tracking in the link, another one at each poll, no guid": lambda poll: [
        story(n, poll, f"{ROOT}/{n}?utm_source=rss&fbclid=x{poll}") for n in range(COUNT)
    ],
    "a parameter that no one knows, another value at each poll; the guid stays": lambda poll: [
        story(n, poll, f"{ROOT}/{n}?sid={poll * 31 + n:x}", f"post-{n}") for n in range(COUNT)
    ],
    "a counter in a guid that is the permalink": lambda poll: [
        story(n, poll, f"{ROOT}/{n}", f"{ROOT}/{n}?v={poll}") for n in range(COUNT)
    ],
    "another order at each poll": shuffled,
    "links and guids of another scheme from the fifth poll on": lambda poll: [
        story(n, poll, f"{ROOT}/{'new/' if poll > 4 else ''}{n}", f"{'new' if poll > 4 else 'old'}-{n}")
        for n in range(COUNT)
    ],
    "two caches that give two states of the list in turn": lambda poll: same(poll)[: COUNT - 3 * (poll % 2)],
    "an empty list for a while": lambda poll: [] if poll in (3, 4) else same(poll),
    "http and https, www and not, in turn": lambda poll: [
        story(n, poll, f"http{'s' * (poll % 2)}://{'www.' * (poll // 2 % 2)}played.example/{n}") for n in range(COUNT)
    ],
    "all dated at the moment of the poll": lambda poll: [
        item(f"{ROOT}/{n}", f"Town {n}", guid=f"g{n}", published=f"Mon, 30 Nov 2026 10:{poll:02}:00 GMT")
        for n in range(COUNT)
    ],
}


@pytest.mark.parametrize("name", PLAYED)
def test_nothing_new(name: str) -> None:
    played = play([PLAYED[name](poll) for poll in range(POLLS)])
    assert (len(set(played.articles)), len(played.pages)) == (COUNT, COUNT)
