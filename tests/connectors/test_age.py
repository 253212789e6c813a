"""Old is not new: which of the items that a feed lists later are archive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds.age import Past, archived, newest, seen_on_top, told_dates
from connectors.feeds.items import FeedItem

DAY = 86_400_000
NOW = 1_780_000_000_000
K, N = True, False  # known and new


def item(dated_ms: int | None) -> FeedItem:
    return FeedItem(key="k", url="https://a.example/1", dated_ms=dated_ms)


def days(*ages: float | None) -> list[FeedItem]:
    return [item(None if age is None else NOW - int(age * DAY)) for age in ages]


READ = Past(read_ms=NOW - 300_000, newest_ms=NOW - DAY)

CASES = {
    "news of today": (days(0), [N], READ, [False]),
    "of yesterday, late": (days(2, 1), [N, K], READ, [False, False]),
    "years old": (days(0, 4000), [N, N], READ, [False, True]),
    "a list that was empty at first": (days(0, 4000), [N, N], Past(read_ms=NOW - 300_000), [False, True]),
    "a slow feed's next item": (days(10, 40), [N, K], Past(NOW - 300_000, NOW - 40 * DAY), [False, False]),
    "a slow feed's older item": (days(40, 50), [K, N], Past(NOW - 300_000, NOW - 40 * DAY), [False, True]),
    "what was known is not judged": (days(4000), [K], READ, [False]),
    "a date in the future tells nothing": (days(-30), [N], READ, [False]),
    "a program's default tells nothing": ([item(0), item(1)], [N, N], READ, [False, False]),
    "a date that the list shares tells nothing": (days(90, 90, 90, 90), [N, N, N, N], READ, [False] * 4),
    "no date, on top": (days(None, 1, 2, 3), [N, K, K, K], READ._replace(on_top=2), [False] * 4),
    "no date, below all in a feed that grows on top": (
        days(1, 2, 3, None, None),
        [K, K, K, N, N],
        READ._replace(on_top=2),
        [False] * 3 + [True] * 2,
    ),
    "no date, below all in a feed that grows below": (
        days(1, 2, 3, None),
        [K, K, K, N],
        READ._replace(on_top=-2),
        [False] * 4,
    ),
    "no date, between": (days(1, None, 2, 3), [K, N, K, K], READ._replace(on_top=2), [False] * 4),
    "a part not read before, no dates": (days(None, None), [N, N], READ._replace(new_part=True), [True, True]),
    "a part not read before, with news": (
        days(0, None, 900),
        [N, N, N],
        READ._replace(new_part=True),
        [False, True, True],
    ),
}


@pytest.mark.parametrize(("listed", "known", "past", "expected"), CASES.values(), ids=CASES.keys())
def test_old_is_not_new(listed: list[FeedItem], known: list[bool], past: Past, expected: list[bool]) -> None:
    assert archived(told_dates(listed, NOW), known, past, 3.0) == expected


@pytest.mark.parametrize(("listed", "known", "past"), [case[:3] for case in CASES.values()])
def test_a_desk_can_have_it_otherwise(listed: list[FeedItem], known: list[bool], past: Past) -> None:
    assert not any(archived(told_dates(listed, NOW), known, past, 0))


@given(st.lists(st.none() | st.integers(NOW - 5000 * DAY, NOW + 3 * DAY), max_size=8))
def test_what_is_newer_than_all_before_is_news(ages: list[int | None]) -> None:
    dates = told_dates([item(date) for date in ages], NOW)
    past = Past(NOW - DAY, newest(dates, None, NOW))
    old = archived(dates, [False] * len(dates), past, 3.0)
    for date, one in zip(dates, old, strict=True):
        if date is not None and date >= (past.newest_ms or 0):
            assert not one


def test_the_place_of_new_items_is_learnt() -> None:
    assert seen_on_top([N, K, K, K]) == 1
    assert seen_on_top([K, K, K, N]) == -1
    assert seen_on_top([N, K, K, K, N]) == 1
    assert seen_on_top([K, N, K, K]) == 0
    assert seen_on_top([N, K, K]) == 0, "too few to tell"
    assert seen_on_top([K, K, K]) == 0
