"""The breaker of an outlet, by event time: open while most of its latest pages are slow, and only for that outlet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.transforms.breaker import TRIES, TRY_EACH, BreakerRule, Breakers

WINDOW_MS = 1_000
RULE = BreakerRule(3, WINDOW_MS)
TRIED = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3 * WINDOW_MS), st.booleans()), max_size=TRIES)


@given(TRIED, st.integers(0, 3 * WINDOW_MS))
def test_it_is_open_when_three_and_half_of_the_tries_in_the_window_were_slow(
    tried: list[tuple[str, int, bool]], now_ms: int
) -> None:
    breakers = Breakers(RULE)
    for outlet, time_ms, slow in tried:
        breakers.note(outlet, time_ms, slow=slow)
    for outlet in "ab":
        mine = [(time_ms, slow) for name, time_ms, slow in tried if name == outlet]
        counted = [slow for time_ms, slow in mine if abs(now_ms - time_ms) <= WINDOW_MS]
        assert breakers.open(outlet, now_ms) == (sum(counted) >= 3 and 2 * sum(counted) >= len(counted))


def test_it_shuts_when_the_slow_pages_are_out_of_the_window_and_opens_again() -> None:
    breakers = Breakers(RULE)
    for time_ms in (0, 10, 20):
        assert not breakers.open("a", time_ms)
        breakers.note("a", time_ms, slow=True)
    assert [breakers.open("a", time_ms) for time_ms in (20, WINDOW_MS, WINDOW_MS + 1)] == [True, True, False]
    assert not breakers.open("b", 20)
    for time_ms in (2_000, 2_001, 2_002):
        breakers.note("a", time_ms, slow=True)
    assert breakers.open("a", 2_002)


def test_a_few_slow_pages_of_many_open_nothing_and_without_a_number_none_does() -> None:
    breakers, never = Breakers(RULE), Breakers(BreakerRule(0, WINDOW_MS))
    for time_ms in range(60):
        for each in (breakers, never):
            each.note("a", time_ms, slow=time_ms % 4 == 0)
            never.note("b", time_ms, slow=True)
    assert not breakers.open("a", 60)
    assert not never.open("b", 60)
    assert (breakers.idle, never.idle) == (False, True)


def test_an_open_breaker_lets_one_page_in_ten_be_tried_and_shuts_when_those_are_good() -> None:
    breakers = Breakers(BreakerRule(3, 1_000_000))
    for time_ms in range(4):
        breakers.note("a", time_ms, slow=True)
    sent_away = 0
    while breakers.open("a", 100):
        if breakers.sends_away("a", 100):
            sent_away += 1
        else:
            breakers.note("a", 100, slow=False)
        assert sent_away < 1_000
    # Of nine tries four were slow: five had to be good.
    assert sent_away == 5 * (TRY_EACH - 1)
    assert not breakers.sends_away("a", 100)
