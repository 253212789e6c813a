"""Limits of texts: what is gone as of a moment, whatever limits came before and after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.durations import DAY_MS
from core.errors import UsageError
from core.records.text_limits import DEFAULT, NO_LIMITS, TextLimit, TextLimits
from core.store import Store
from core.store.text_limits import keep_texts, text_limits_of

DAYS = st.integers(0, 60)
LIMITS = st.lists(
    st.builds(
        lambda source, day, keep: TextLimit(source=source, effective_from_ms=day * DAY_MS, keep_ms=keep),
        st.sampled_from((DEFAULT, "post")),
        DAYS,
        st.sampled_from((None, 0, 7 * DAY_MS, 20 * DAY_MS)),
    ),
    max_size=6,
    unique_by=lambda one: (one.source, one.effective_from_ms),
)


def deleted_by(limits: list[TextLimit], source: str, event_day: int, until_day: int) -> bool:
    """What a keeper that looks every hour, and knows only the limits of that hour, would have deleted."""
    for hour in range(24 * event_day, 24 * until_day + 1):
        now = hour * DAY_MS // 24
        mine = [one for one in limits if one.source == source and one.effective_from_ms <= now]
        rule = max(mine, key=lambda one: one.effective_from_ms, default=None)
        if rule is None or rule.keep_ms is None:
            common = [one for one in limits if one.source == DEFAULT and one.effective_from_ms <= now]
            rule = max(common, key=lambda one: one.effective_from_ms, default=None)
        if rule is not None and rule.keep_ms and event_day * DAY_MS < now - rule.keep_ms:
            return True
    return False


@given(limits=LIMITS, event_day=DAYS, until_day=DAYS)
def test_what_is_gone_is_what_a_keeper_would_have_deleted_by_then(
    limits: list[TextLimit], event_day: int, until_day: int
) -> None:
    until_day = max(event_day, until_day)
    at_ms, all_of = until_day * DAY_MS, TextLimits(limits)
    for source in ("post", "other"):
        expected = deleted_by(limits, source, event_day, until_day)
        found = all_of.gone(source, event_day * DAY_MS, at_ms)
        # The keeper looks by the hour, and a limit may have ended in between.
        assert found >= expected
        if found and not expected:
            assert all_of.before_ms(source, at_ms) - event_day * DAY_MS <= DAY_MS // 24
        assert not all_of.gone(source, event_day * DAY_MS, at_ms) or all_of.gone(source, event_day * DAY_MS, at_ms + 1)
        assert all_of.before_ms(source, at_ms) <= all_of.latest_before_ms(at_ms)


@given(limits=LIMITS, at_day=DAYS)
def test_later_limits_change_nothing_of_before(limits: list[TextLimit], at_day: int) -> None:
    at_ms = at_day * DAY_MS
    known = [one for one in limits if one.effective_from_ms <= at_ms]
    for source in ("post", "other"):
        assert TextLimits(limits).before_ms(source, at_ms) == TextLimits(known).before_ms(source, at_ms)


def test_limits_are_stored_once_and_an_outlet_falls_back_to_the_default(store: Store) -> None:
    assert text_limits_of(store) is NO_LIMITS
    keep_texts(store, DEFAULT, 0, by="settings", now_ms=0)
    assert text_limits_of(store) is NO_LIMITS, "without limit is how it begins"
    keep_texts(store, DEFAULT, 30, by="settings", now_ms=0)
    for _ in range(2):
        keep_texts(store, "post", 7, by="ann", now_ms=DAY_MS)
    keep_texts(store, "post", None, by="ann", now_ms=20 * DAY_MS)
    limits = text_limits_of(store)
    assert {source: one.keep_ms for source, one in limits.in_force(10 * DAY_MS).items()} == {
        DEFAULT: 30 * DAY_MS,
        "post": 7 * DAY_MS,
    }
    assert limits.shortest_ms(10 * DAY_MS) == 7 * DAY_MS
    assert list(limits.in_force(21 * DAY_MS)) == [DEFAULT]
    assert limits.words("post", 10 * DAY_MS) == "the text was removed: texts of post are kept for 7 days"
    assert limits.words("post", 21 * DAY_MS) == "the text was removed: texts of all outlets are kept for 30 days"
    # What went by the shorter limit does not come back.
    assert limits.gone("post", DAY_MS, 21 * DAY_MS)
    assert not limits.gone("other", DAY_MS, 21 * DAY_MS)


@pytest.mark.parametrize("days", [-1, 0.5, 6.9])
def test_rows_that_decisions_still_need_are_kept(store: Store, days: float) -> None:
    with pytest.raises(UsageError, match="7 days or more"):
        keep_texts(store, "post", days, by="", now_ms=0)


def test_a_files_mark_changes_when_more_of_its_time_is_gone() -> None:
    limits = TextLimits([TextLimit(source=DEFAULT, effective_from_ms=0, keep_ms=7 * DAY_MS)])
    marks = [limits.stamp(DAY_MS, 2 * DAY_MS, at) for at in (8 * DAY_MS, 8 * DAY_MS + 1, 9 * DAY_MS, 30 * DAY_MS)]
    assert marks[0] == ""
    assert len(set(marks)) == 3
    assert marks[2] == marks[3]
