"""Which item of a list is which: feeds played poll by poll. What counts is how many articles there are and what is fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds import FeedItem, FeedPolicy, decide
from connectors.feeds.cursor import ItemState
from connectors.feeds.items import build_items
from core.records import article_id

FEED = "https://ticker.example/rss"
POLICY = FeedPolicy(interval_s=300)
POLL_MS = 300_000


@dataclass
class Played:
    """A feed over several polls, with every due page fetched in between."""

    articles: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    titles: dict[str, list[str]] = field(default_factory=dict)


def play(polls: list[list[FeedItem]], policy: FeedPolicy = POLICY) -> Played:
    played = Played()
    items: dict[str, ItemState] = {}
    restless = 0
    for number, drafts in enumerate(polls):
        now_ms = number * POLL_MS
        listed = build_items(drafts, FEED)
        merged = decide.merge(items, listed, first=number == 0, now_ms=now_ms, policy=policy, restless=restless)
        items, restless = dict(merged.items), merged.restless
        for key in decide.due_pages(items, now_ms):
            item = items[key].item
            assert item is not None
            if item.fetchable:
                played.pages.append(item.url)
            played.articles.append(article_id(item.url))
            played.titles.setdefault(article_id(item.url), []).append(item.title or "")
            items[key] = decide.settled(items[key], now_ms)
    return played


def item(
    url: str, title: str, *, guid: str | None = None, summary: str | None = None, published: str | None = None
) -> FeedItem:
    return FeedItem(key="", url=url, title=title, guid=guid, summary=summary, published=published)


def tail(count: int, make: Callable[[int, int], FeedItem], polls: int = 10) -> list[list[FeedItem]]:
    """Each poll the newest ``count`` items, one more each time; ``make`` is given the item's number and the poll's."""
    return [[make(number, poll) for number in range(poll + count - 1, max(poll - 1, -1), -1)] for poll in range(polls)]


ALL = 14
"""Items that a feed of five shows in ten polls."""

ONE_ARTICLE_AN_ITEM: dict[str, Callable[[int, int], FeedItem]] = {
    "guid and link": lambda n, _: item(f"https://a.example/{n}", f"Title {n}", guid=f"g{n}"),
    "link alone": lambda n, _: item(f"https://a.example/{n}", f"Title {n}"),
    "guids that change": lambda n, p: item(f"https://a.example/{n}", f"Title {n}", guid=f"https://a.example/{n}#{p}"),
    "guids that change whole": lambda n, p: item(f"https://a.example/{n}", f"Title {n}", guid=f"{p}-{n}"),
    "guids that change beside a counter": lambda n, p: item(
        f"https://a.example/{n}", f"Title {n}", guid=f"{p}-{n}", summary=f"Comments: {p * 7}"
    ),
    "links with a session": lambda n, p: item(
        f"https://a.example/s{p}/{n}", f"Title {n}", guid=f"g{n}", published=f"day {n}"
    ),
    "guid and link with a session": lambda n, p: item(
        f"https://a.example/s{p}/{n}", f"Title {n}", guid=f"https://a.example/s{p}/{n}", published=f"day {n}"
    ),
    "one link": lambda n, _: item("https://a.example/", f"Title {'ABCDEFGHIJKLMN'[n]}", guid=f"g{n}"),
    "one link, the guid is the link with a fragment": lambda n, _: item(
        f"https://a.example/live#block-{n}", f"Title {'ABCDEFGHIJKLMN'[n]}", guid=f"https://a.example/live#block-{n}"
    ),
    "one link and no guids": lambda n, _: item("https://a.example/news", f"Title {'ABCDEFGHIJKLMN'[n]}"),
    "one page's blocks and no guids": lambda n, _: item(f"https://a.example/live#b{n}", f"Title {'ABCDEFGHIJKLMN'[n]}"),
    "one link and guids that change": lambda n, p: item(
        "https://a.example/", f"Title {'ABCDEFGHIJKLMN'[n]}", guid=f"{p}-{n}", published=f"day {n}"
    ),
    "one guid for all": lambda n, _: item(f"https://a.example/{n}", f"Title {n}", guid="news"),
}


@pytest.mark.parametrize("make", ONE_ARTICLE_AN_ITEM.values(), ids=ONE_ARTICLE_AN_ITEM.keys())
def test_each_item_is_one_article_and_is_fetched_once(make: Callable[[int, int], FeedItem]) -> None:
    played = play(tail(5, make))
    assert len(played.titles) == len(played.articles) == ALL
    assert len(played.pages) == len(set(played.pages))


@pytest.mark.parametrize(
    "make", [ONE_ARTICLE_AN_ITEM["one link"], ONE_ARTICLE_AN_ITEM["one page's blocks and no guids"]]
)
def test_a_shared_page_is_not_fetched_for_each_item(make: Callable[[int, int], FeedItem]) -> None:
    assert play(tail(5, make)).pages == []


ONE_AT_A_TIME = {
    "one guid, other links": [item(f"https://a.example/{n}", f"Title {n}", guid="breaking") for n in range(6)],
    "the front page": [item("https://a.example/", f"Title {'ABCDEF'[n]}", guid=f"g{n}") for n in range(6)],
    "a link of its own, other guids and words": [
        item("https://a.example/flash", f"Flash {'ABCDEF'[n]}", guid=f"g{n}", summary=f"Words {'ABCDEF'[n]}")
        for n in range(6)
    ],
}


@pytest.mark.parametrize("shown", ONE_AT_A_TIME.values(), ids=ONE_AT_A_TIME.keys())
def test_a_feed_of_one_item_loses_no_item(shown: list[FeedItem]) -> None:
    assert len(play([[one] for one in shown]).titles) == len(shown)


def test_a_headline_that_is_rewritten_beside_a_new_guid_is_one_article() -> None:
    polls = [
        [item("https://a.example/1", f"Title {word}", guid=f"https://a.example/1#{n}")] for n, word in enumerate("ABCD")
    ]
    played = play([[*poll, item("https://a.example/2", "Other", guid="https://a.example/2#0")] for poll in polls])
    assert len(played.titles) == 2
    assert played.titles[article_id("https://a.example/1")][-1] == "Title D"


def test_a_link_that_several_items_begin_to_share_keeps_its_article() -> None:
    one = item("https://a.example/live", "First", guid="g1")
    two = item("https://a.example/live", "Second", guid="g2")
    played = play([[one], [two, one], [two], [item("https://a.example/live", "Third", guid="g3"), two]])
    assert len(played.titles) == len(played.articles) == 3
    assert played.titles[article_id("https://a.example/live")] == ["First"]


def test_twins_are_one() -> None:
    twins = [item("https://a.example/1", "Same", guid=f"g{n}") for n in range(3)]
    assert len(play([twins, twins]).articles) == 1


COUNTERS: dict[str, Callable[[int, int], FeedItem]] = {
    "points in the summary": lambda n, p: item(
        f"https://a.example/{n}", f"T {n}", summary=f"Points: {p * 3} Comments: {p}"
    ),
    "points in the title": lambda n, p: item(f"https://a.example/{n}", f"T {n} ({p} comments)", guid=f"g{n}"),
    "a date of now": lambda n, p: FeedItem(key="", url=f"https://a.example/{n}", title=f"T {n}", updated=f"{p}"),
    "full text with a nonce": lambda n, p: FeedItem(
        key="", url=f"https://a.example/{n}", title=f"T {n}", content=f"x {p}"
    ),
    "tracking in the link": lambda n, p: item(f"https://a.example/{n}?utm_source=rss{p}", f"T {n}", guid=f"g{n}"),
}


@pytest.mark.parametrize("make", COUNTERS.values(), ids=COUNTERS.keys())
def test_items_that_change_at_every_poll_cause_no_further_fetch(make: Callable[[int, int], FeedItem]) -> None:
    polls = [[make(n, poll) for n in range(8)] for poll in range(36)]
    assert len(play(polls).pages) == 8


def test_among_counters_an_item_whose_words_change_is_fetched_again() -> None:
    polls = [[COUNTERS["points in the summary"](n, poll) for n in range(8)] for poll in range(10)]
    polls[6][5] = item("https://a.example/5", "T 5", summary="Points: 1 Comments: 2 Correction: it was the obelisk")
    assert play(polls).pages.count("https://a.example/5") == 2 + 1, "for the correction, and for its end in this play"


def test_summaries_that_change_at_every_poll_are_ignored_after_some() -> None:
    words = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
    polls = [
        [item(f"https://a.example/{n}", f"T {n}", guid=f"g{n}", summary=words[poll]) for n in range(8)]
        for poll in range(36)
    ]
    assert len(play(polls).pages) <= 4 * 8


def test_one_item_that_never_rests_is_fetched_ever_less_often() -> None:
    words = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
    still = [item(f"https://a.example/{n}", f"T {n}") for n in range(8)]
    polls = [[item("https://a.example/live", "Live", summary=words[poll]), *still] for poll in range(36)]
    fetched = play(polls).pages.count("https://a.example/live")
    assert 6 <= fetched <= 12, "three hours of polls"


def test_a_figure_that_changes_in_one_item_is_news() -> None:
    still = [item(f"https://a.example/{n}", f"T {n}") for n in range(8)]
    polls = [[item("https://a.example/quake", f"Quake kills {toll}"), *still] for toll in (12, 12, 15)]
    assert play(polls).pages.count("https://a.example/quake") == 2


def test_new_items_go_before_changed_ones() -> None:
    before = [item(f"https://a.example/{n}", f"T {n}") for n in range(6)]
    listed = build_items(before, FEED)
    items = {
        key: decide.settled(state, 1)
        for key, state in decide.merge({}, listed, first=True, now_ms=0, policy=POLICY).items.items()
    }
    later = build_items(
        [item("https://a.example/new", "New"), item("https://a.example/3", "Rewritten"), *before[:3]], FEED
    )
    merged = decide.merge(items, later, first=False, now_ms=10 * POLL_MS, policy=POLICY)
    due = [merged.items[key].item for key in decide.due_pages(merged.items, 10 * POLL_MS)]
    assert [one.title for one in due if one] == ["New", "Rewritten"]


ENTRIES = st.builds(
    item,
    st.sampled_from(["https://a.example/", "https://a.example/1", "https://a.example/2", "https://a.example/2#x"]),
    st.sampled_from(["A", "B", "C 1", "C 2", ""]),
    guid=st.none() | st.sampled_from(["g", "h", "https://a.example/1#2"]),
    summary=st.none() | st.sampled_from(["x", "y"]),
    published=st.none() | st.just("day"),
)


@given(st.lists(st.lists(ENTRIES, max_size=6), max_size=6))
def test_a_list_that_stays_the_same_brings_nothing_new(polls: list[list[FeedItem]]) -> None:
    twice = play([poll for poll in polls for _ in range(2)])
    once = play([poll for poll in polls for _ in range(1)])
    assert twice.titles.keys() == once.titles.keys()
