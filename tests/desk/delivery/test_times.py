"""Digests and quiet hours across changes of the clock, with a driven clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.records.alert import Schedule
from desk.delivery.times import after_quiet, check_schedule, next_digest, quiet_until


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def daily(at: str, zone: str = "Europe/Berlin", **more: Any) -> Schedule:
    return Schedule(kind="daily", at=at, zone=zone, **more)


# Summer time in Berlin begins on 2026-03-29 at 01:00 UTC (02:00 becomes 03:00) and ends on 2026-10-25 at 01:00 UTC.
@pytest.mark.parametrize(
    ("schedule", "now", "due"),
    [
        (daily("07:30"), "2026-03-02T05:00", "2026-03-02T06:30"),
        (daily("07:30"), "2026-03-02T06:30", "2026-03-03T06:30"),
        (daily("07:30"), "2026-03-28T07:00", "2026-03-29T05:30"),
        # 02:30 does not exist on that day: the first moment after the gap, once; the day after, at its usual time.
        (daily("02:30"), "2026-03-28T12:00", "2026-03-29T01:00"),
        (daily("02:30"), "2026-03-29T01:00", "2026-03-30T00:30"),
        (daily("02:00"), "2026-03-28T12:00", "2026-03-29T01:00"),
        # 02:30 comes twice: the first.
        (daily("02:30"), "2026-10-24T12:00", "2026-10-25T00:30"),
        (daily("02:30"), "2026-10-25T00:30", "2026-10-26T01:30"),
        (daily("02:30"), "2026-10-25T01:30", "2026-10-26T01:30"),
        # A whole day that did not exist (Samoa went over the date line).
        (daily("09:00", "Pacific/Apia"), "2011-12-29T20:00", "2011-12-30T10:00"),
        # A gap of half an hour, and zones off the hour.
        (daily("02:15", "Australia/Lord_Howe"), "2026-10-03T12:00", "2026-10-03T15:30"),
        (Schedule(kind="hourly", zone="Asia/Kolkata"), "2026-03-02T12:00", "2026-03-02T12:30"),
        (Schedule(kind="hourly", zone="Asia/Kathmandu"), "2026-03-02T12:00", "2026-03-02T12:15"),
        (Schedule(kind="hourly", zone="Europe/Berlin"), "2026-03-29T00:59:59", "2026-03-29T01:00"),
        (Schedule(kind="hourly"), "2026-03-02T12:00", "2026-03-02T13:00"),
    ],
)
def test_the_next_digest(schedule: Schedule, now: str, due: str) -> None:
    assert next_digest(schedule, utc(now)) == utc(due)


@pytest.mark.parametrize(
    ("quiet", "zone", "now", "until"),
    [
        ("22:00-07:00", "Europe/Berlin", "2026-03-02T20:59:59", None),
        ("22:00-07:00", "Europe/Berlin", "2026-03-02T21:00", "2026-03-03T06:00"),
        # Across midnight, both sides of it.
        ("22:00-07:00", "Europe/Berlin", "2026-03-02T23:30", "2026-03-03T06:00"),
        ("22:00-07:00", "Europe/Berlin", "2026-03-03T05:59:59", "2026-03-03T06:00"),
        ("22:00-07:00", "Europe/Berlin", "2026-03-03T06:00", None),
        # The short night and the long one.
        ("22:00-07:00", "Europe/Berlin", "2026-03-28T22:00", "2026-03-29T05:00"),
        ("22:00-07:00", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T06:00"),
        # An end that does not exist, one that comes twice, and a beginning that does.
        ("22:00-02:30", "Europe/Berlin", "2026-03-29T00:30", "2026-03-29T01:00"),
        ("22:00-02:30", "Europe/Berlin", "2026-10-25T00:45", "2026-10-25T01:30"),
        ("02:30-07:00", "Europe/Berlin", "2026-10-25T01:15", "2026-10-25T06:00"),
        ("02:30-07:00", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T05:00"),
        # By day, and in another zone.
        ("12:00-13:30", "UTC", "2026-03-02T12:15", "2026-03-02T13:30"),
        ("22:00-07:00", "Asia/Tokyo", "2026-03-02T13:00", "2026-03-02T22:00"),
        ("22:00-07:00", "America/New_York", "2026-03-02T13:00", None),
        ("", "UTC", "2026-03-02T03:00", None),
    ],
)
def test_quiet_hours_end_at_the_local_time_across_changes_of_the_clock(
    quiet: str, zone: str, now: str, until: str | None
) -> None:
    found = quiet_until(Schedule(quiet=quiet, zone=zone), utc(now))
    assert found == (utc(until) if until else None)


@pytest.mark.parametrize(
    "wrong",
    [
        Schedule(zone="Mars/Olympus"),
        Schedule(zone="../../etc/passwd"),
        Schedule(zone=""),
        Schedule(at="7:30"),
        Schedule(at="24:00"),
        Schedule(quiet="22-7"),
        Schedule(quiet="22:00-22:00"),
        Schedule(per_hour=-1),
    ],
)
def test_unreadable_input_is_reported(wrong: Schedule) -> None:
    with pytest.raises(UsageError):
        check_schedule(wrong)


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"]
)
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
MOMENTS = st.integers(1_700_000_000, 1_900_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(TIMES, ZONES, MOMENTS)
def test_every_day_has_one_digest(at: str, zone: str, now: datetime) -> None:
    first = next_digest(daily(at, zone), now)
    second = next_digest(daily(at, zone), first)
    assert now < first <= now + timedelta(hours=26)
    assert timedelta(hours=22) <= second - first <= timedelta(hours=26)


@given(TIMES, TIMES, ZONES, MOMENTS)
def test_quiet_hours_end_and_are_over_then(start: str, end: str, zone: str, now: datetime) -> None:
    if start == end:
        return
    schedule = Schedule(quiet=f"{start}-{end}", zone=zone)
    until = quiet_until(schedule, now)
    assert until is None or now < until <= now + timedelta(hours=26)
    # What is put off lands outside, unless one night's end is the next one's beginning.
    if until is not None:
        assert quiet_until(schedule, until - timedelta(seconds=1)) is not None
        assert after_quiet(schedule, now) == until
