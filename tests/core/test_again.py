"""When something is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.again import WALL, Pauses

STEPS = st.lists(st.floats(0.1, 1e4), min_size=1, max_size=5).map(sorted).map(tuple)


@given(STEPS, st.one_of(st.none(), st.floats(0.1, 1e6)), st.integers(0, 10_000), st.floats(0, 1e6))
def test_pauses_grow_up_to_their_limit_and_are_never_shorter_than_asked_for(
    steps: tuple[float, ...], longest_s: float | None, failures: int, least_s: float
) -> None:
    pauses = Pauses(steps, longest_s)
    here, there = pauses.after(failures), pauses.after(failures + 1)
    if longest_s is None:
        assert (here is None) is (failures >= len(steps))
    if here is None:
        assert there is None
        return
    assert there is None or there >= here
    assert longest_s is None or here <= longest_s
    assert pauses.after(failures, least_s=least_s) == max(here, least_s)


def test_a_feed_doubles_and_a_page_has_its_steps() -> None:
    feed, page = Pauses((300.0,), 86_400.0), Pauses((60.0, 300.0, 1_800.0))
    assert [feed.after(times) for times in (0, 1, 2, 8, 9, 400)] == [300, 600, 1_200, 76_800, 86_400, 86_400]
    assert [page.after(times) for times in range(5)] == [60, 300, 1_800, None, None]
    assert WALL.after(len(WALL.steps_s)) is None


@pytest.mark.parametrize("longest_s", [None, 5.0])
def test_without_steps_nothing_is_tried_again(longest_s: float | None) -> None:
    assert Pauses((), longest_s).after(0) is None
