from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.net.retry_after import retry_after_s

NOON = datetime(2031, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", 0.0),
        ("30", 30.0),
        ("999999", 86_400.0),
        ("9" * 9_000, 86_400.0),
        ("٣٠", None),
        ("1_000", None),
        ("Tue, 04 Mar 2031 12:00:45 GMT", 45.0),
        ("Tue, 04 Mar 2031 12:00:45 -0000", 45.0),
        ("Tue, 04 Mar 2031 11:00:00 GMT", 0.0),
        ("Tue, 04 Mar 2031 14:01:00 +0200", 60.0),
        ("Fri, 04 Apr 2031 12:00:00 GMT", 86_400.0),
        ("Fri, 99 Zzz 2031 12:00:00 GMT", None),
        # No date has these numbers, but a number is what the reader takes them for.
        ("Tue, 04 Mar 99999999999 12:00:00 GMT", None),
        ("Tue, 04 Mar 2031 99999999999999999999:00:00 GMT", None),
        ("Tue, 04 Mar 2031 12:00:00 +99999999999999999999", None),
        ("Tue, 04 Mar 0001 00:00:00 +2359", 0.0),
        ("Tue, 04 Mar 9999 23:59:59 -2359", 86_400.0),
    ],
)
def test_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOON) == seconds


_NUMBERS = st.integers(0, 70) | st.integers(1_990, 2_100) | st.integers(-(10**25), 10**25)


@given(
    st.text(max_size=60)
    | st.builds(
        "{}, {} Mar {} {}:{}:{} {}{}".format,
        st.sampled_from(["Tue", "x", ""]),
        *[_NUMBERS] * 5,
        st.sampled_from(["+", "-", "", "GMT"]),
        _NUMBERS,
    )
)
def test_anything_gives_sane_seconds_or_none(value: str) -> None:
    seconds = retry_after_s(value, NOON)
    assert seconds is None or 0 <= seconds <= 86_400
