"""Feeds that change from poll to poll though nothing is new in them: each item is one article, and its page is fetched once."""

from __future__ import annotations

import random

import msgspec
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
    "an address with a slash at its end and without, in turn, no guid": lambda poll: [
        story(n, poll, f"{ROOT}/{n}{'/' * (poll % 2)}") for n in range(COUNT)
    ],
    "each item twice, with another campaign in its link": lambda poll: [
        story(n, poll, f"{ROOT}/{n}?utm_campaign={place}") for n in range(COUNT) for place in ("top", "side")
    ],
    "items that go and come back": lambda poll: [
        each for n, each in enumerate(same(poll)) if (n + poll // 2) % 3 or not poll
    ],
    "the place in a list of the most read before the title": lambda poll: [
        msgspec.structs.replace(each, title=f"{place + 1}. {each.title}") for place, each in enumerate(shuffled(poll))
    ],
    "how long ago, in words": lambda poll: [
        msgspec.structs.replace(each, summary=f"{5 * poll + n + 2} minutes ago. {each.summary}")
        for n, each in enumerate(same(poll))
    ],
    "the list written again from the fifth poll on: turned round, with the date of that moment": lambda poll: [
        msgspec.structs.replace(each, published="Mon, 30 Nov 2026 10:25:00 GMT") if poll > 4 else each
        for each in same(poll)[:: -1 if poll > 4 else 1]
    ],
    "dates in the zone of the server that answers": lambda poll: [
        msgspec.structs.replace(
            each, published=f"Mon, 30 Nov 2026 {n + poll % 3:02}:00:00 {('GMT', '+0100', '+0200')[poll % 3]}"
        )
        for n, each in enumerate(same(poll))
    ],
    "all dated at the moment of the poll": lambda poll: [
        item(f"{ROOT}/{n}", f"Town {n}", guid=f"g{n}", published=f"Mon, 30 Nov 2026 10:{poll:02}:00 GMT")
        for n in range(COUNT)
    ],
}


@pytest.mark.parametrize("name", PLAYED)
def test_a_feed_that_changes_without_news_gives_each_article_once(name: str) -> None:
    played = play([PLAYED[name](poll) for poll in range(POLLS)])
    assert (len(set(played.articles)), len(played.pages)) == (COUNT, COUNT)
