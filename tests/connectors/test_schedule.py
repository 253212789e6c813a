"""The schedule of a feed: laws, and simulated weeks and years of publishing."""

from __future__ import annotations

import bisect
import random
import statistics
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.feeds.schedule import Listed, Rhythm, expected, is_silent, next_wait_s, observed

HOUR, DAY = 3_600_000, 86_400_000
FLOOR_S, CEILING_S = 600.0, 86_400.0
START = 1_930_000_000_000 // DAY * DAY


def wait_s(rhythm: Rhythm, now_ms: int, floor_s: float = FLOOR_S) -> float:
    return next_wait_s(rhythm, now_ms, floor_s=floor_s, ceiling_s=CEILING_S, worth_s=50.0)


def published(rng: random.Random, per_day: float, days: int, *, by_day_only: bool = False) -> Iterator[int]:
    """Times of an outlet that publishes at random, by day only or around the clock."""
    at = float(START)
    while at < START + days * DAY:
        at += rng.expovariate(per_day) * DAY
        if not by_day_only or 6 <= (at // HOUR) % 24 < 18:
            yield int(at)


def poll_all(
    times: list[int], days: int, *, floor_s: float = FLOOR_S, list_size: int = 30
) -> tuple[int, list[float], Rhythm, int]:
    """Poll through it all: requests, delays in seconds, the rhythm at the end, items that were never seen."""
    now, seen, requests, missed = START, 0, 0, 0
    delays: list[float] = []
    rhythm = observed(Rhythm(), Listed(), now, first=True)
    while now < START + days * DAY:
        now += int(wait_s(rhythm, now, floor_s) * 1000)
        until = bisect.bisect_right(times, now)
        new = until - seen
        requests += 1
        missed += max(new - list_size, 0)
        delays += [(now - at) / 1000 for at in times[max(seen, until - list_size) : until]]
        seen = until
        rhythm = observed(rhythm, Listed(min(new, list_size), max(list_size - new, 0), list_size), now, first=False)
    return requests, delays, rhythm, missed


def test_a_simulated_year_of_a_daily_rhythm_a_rush_and_a_death() -> None:
    """An outlet that works by day; for a month it publishes twenty times as much; then it dies."""
    rng = random.Random(7)
    quiet = list(published(rng, 6, 200, by_day_only=True))
    rush = [at + 200 * DAY for at in published(rng, 240, 30)]
    requests, delays, rhythm, missed = poll_all(quiet + rush, 365)
    assert missed == 0, "no wait was so long that the list overran"
    assert statistics.median(delays) < 900
    fixed = 365 * 144
    assert requests < fixed * 0.4, "a fixed ten minutes would ask two and a half times as often"
    assert wait_s(rhythm, START + 365 * DAY) > 3_600, "dead for four months: asked seldom"
    assert is_silent(rhythm, START + 365 * DAY)
    *_, then, _ = poll_all(quiet, 200)
    noon, midnight = START + 200 * DAY + 12 * HOUR, START + 200 * DAY + 20 * HOUR
    assert wait_s(then, midnight) > 3 * wait_s(then, noon), "by night it is left alone"


def test_four_weeks_against_fixed_ten_minutes_half_the_delay_for_no_more_requests() -> None:
    """Many feeds of very different rates, as a desk has them; the floor is 2 minutes here."""
    rng = random.Random(3)
    rates = [600, 300, 200, 120, 100, 60, 40, 30, 20, 10, 10, 5, 5, 3, 2, 1, 1, 0.5, 0.2, 0.1]
    requests, delays, waits_at_random = 0, [], []
    for number, rate in enumerate(rates):
        times = list(published(rng, rate, 28, by_day_only=number % 2 == 0))
        asked, seen, _, missed = poll_all(times, 28, floor_s=120)
        requests += asked
        delays += seen
        waits_at_random += [600 - (at / 1000) % 600 for at in times]
        assert missed == 0
    assert requests < len(rates) * 28 * 144
    assert statistics.median(delays) < statistics.median(waits_at_random) * 0.5


def test_a_list_that_overruns_halves_the_wait_and_is_reported() -> None:
    rhythm = observed(Rhythm(), Listed(), START, first=True)
    rhythm = observed(rhythm, Listed(0, 30, 30), START + HOUR, first=False)
    rhythm = Rhythm(**{**{name: getattr(rhythm, name) for name in rhythm.__struct_fields__}, "wait_ms": 4 * HOUR})
    tight = observed(rhythm, Listed(25, 5, 30), START + 5 * HOUR, first=False)
    assert (tight.tight, tight.gaps) == (1, 0)
    assert wait_s(tight, START + 5 * HOUR) <= 2 * 3_600
    gap = observed(tight, Listed(30, 0, 30), START + 9 * HOUR, first=False)
    assert (gap.tight, gap.gaps, gap.gap_ms) == (2, 1, START + 9 * HOUR)


@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(0, 1_000), st.integers(0, 1_000)), max_size=30),
    st.floats(1, 3_600),
)
def test_whatever_is_seen_the_wait_lies_between_floor_and_ceiling(
    polls: list[tuple[int, int, int]], floor_s: float
) -> None:
    now, rhythm = START, observed(Rhythm(), Listed(), START, first=True)
    for passed, new, known in polls:
        now += passed
        rhythm = observed(rhythm, Listed(new, known, new + known), now, first=False)
        assert floor_s <= wait_s(rhythm, now, floor_s) <= CEILING_S
        assert all(count >= 0 for count in rhythm.hours)
        assert expected(rhythm, now, now + DAY) == pytest.approx(
            expected(rhythm, now, now + 7 * HOUR) + expected(rhythm, now + 7 * HOUR, now + DAY)
        )


def test_silence_is_distinguished_from_a_quiet_night() -> None:
    rng = random.Random(5)
    times = list(published(rng, 48, 30, by_day_only=True))
    *_, rhythm, _ = poll_all(times, 30)
    end = START + 30 * DAY
    assert not is_silent(rhythm, end + 5 * HOUR), "before it opens"
    silent = rhythm
    for hour in range(1, 40):
        silent = observed(silent, Listed(0, 30, 30), end + hour * HOUR, first=False)
    assert is_silent(silent, end + 40 * HOUR)
    seldom = list(published(rng, 0.2, 30))
    *_, rhythm, _ = poll_all(seldom, 30)
    assert not is_silent(rhythm, rhythm.last_new_ms + 5 * DAY), "five days without news are usual for it"


def test_one_that_never_gave_anything_is_not_called_silent() -> None:
    assert not is_silent(Rhythm(), START)
