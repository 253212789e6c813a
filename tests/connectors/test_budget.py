"""How much a poll is worth: by the number of requests that may be made; and the simulated weeks with the defaults that ship."""

from __future__ import annotations

import random
import statistics
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.connect import simulate
from connectors.feeds.cursor import FeedFacts
from connectors.feeds.decide import FeedPolicy
from connectors.feeds.kind import PollBudget
from connectors.feeds.schedule import LEAST_WORTH_S, MOST_WORTH_S, Rhythm, worth_for
from core.settings import Settings
from tests.connectors.support import NOON

LIMITS = {"floor_s": 120.0, "ceiling_s": 86_400.0}


def rhythm(per_day: float) -> Rhythm:
    return Rhythm(hours=(per_day,) * 24, days=24.0, at_ms=1)


@pytest.mark.slow
def test_four_weeks_of_a_desk_half_the_delay_for_no_more_requests_with_the_defaults() -> None:
    outlets = simulate.desk(random.Random(9), 24)
    times = [list(simulate.published(outlet, random.Random(n))) for n, outlet in enumerate(outlets)]
    ours = simulate.by_rhythm(times)
    fixed = [simulate.fixed(one, random.Random(n)) for n, one in enumerate(times)]

    def median(watched: list[simulate.Watched]) -> float:
        return statistics.median(delay for one in watched for delay in one.delays)

    assert simulate.DEFAULT.interval_s == Settings().poll_interval_s
    assert sum(len(one.delays) for one in fixed) > 5_000
    assert sum(one.requests for one in ours) <= sum(one.requests for one in fixed)
    assert median(ours) <= median(fixed) / 2
    assert sum(one.missed for one in ours) == 0


@given(st.lists(st.floats(0.01, 2_000), min_size=1, max_size=20), st.floats(300, 7_200))
def test_the_worth_lies_in_its_bounds_and_more_requests_make_it_less(rates: list[float], average_s: float) -> None:
    rhythms = [rhythm(rate) for rate in rates]
    worth = worth_for(rhythms, average_s, **LIMITS)
    assert LEAST_WORTH_S <= worth <= MOST_WORTH_S
    assert worth_for(rhythms, average_s * 2, **LIMITS) >= worth


def test_without_feeds_there_is_nothing_to_share() -> None:
    assert worth_for([], 600, **LIMITS) == LEAST_WORTH_S


def test_busy_feeds_raise_the_worth_of_a_poll() -> None:
    quiet, busy = ([rhythm(rate)] * 10 for rate in (5, 500))
    assert worth_for(quiet, 600, **LIMITS) < worth_for(busy, 600, **LIMITS)


def test_the_policy_is_worked_out_every_ten_minutes_from_the_feeds_there_are() -> None:
    feeds = [FeedFacts(listed=True, rhythm=rhythm(500))] * 5
    looks = []

    def facts() -> list[FeedFacts]:
        looks.append(len(feeds))
        return feeds

    budget = PollBudget(FeedPolicy(interval_s=120, ceiling_s=86_400), facts, 600)
    dear = budget.policy(NOON).worth_s
    feeds = [*feeds, *[FeedFacts(listed=True, rhythm=rhythm(0.1))] * 100]
    assert budget.policy(NOON + timedelta(minutes=9)).worth_s == dear
    assert budget.policy(NOON + timedelta(minutes=10)).worth_s < dear
    assert looks == [5, 105]
    gone = FeedFacts(listed=True, gone=True, failures=5)
    assert PollBudget(FeedPolicy(ceiling_s=86_400), lambda: [gone], 600).policy(NOON).worth_s == LEAST_WORTH_S


def test_feeds_with_a_fixed_interval_have_nothing_to_share() -> None:
    def facts() -> list[FeedFacts]:
        pytest.fail("nobody should ask")

    policy = FeedPolicy(interval_s=2)
    assert PollBudget(policy, facts, 600).policy(NOON) is policy
