"""Local times: the next digest and quiet hours, across daylight saving changes. Pure; all datetimes are aware.

A local time that a day skips (02:30 on the day summer time begins) means the first time after the gap, so a digest is sent once
on that day too. If a day has a local time twice, a digest uses the first; quiet hours begin with the first and end with the
second, so they are never shorter than configured.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.errors import UsageError
from core.records.alert import Schedule
from desk.language import gettext

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_QUIET = re.compile(r"(\d\d:\d\d)\s*[-–]\s*(\d\d:\d\d)")
DAY = timedelta(days=1)


def check_schedule(schedule: Schedule) -> None:
    """Raise UsageError, naming the fault, for a zone, time or quiet hours that can't be parsed."""
    zone_of(schedule.zone)
    clock_time(schedule.at)
    quiet_hours(schedule.quiet)
    if schedule.per_hour < 0 or schedule.gather_s < 0:
        raise UsageError(gettext("per_hour and gather_s must be 0 or more"))


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The time zone with an IANA name. Raises UsageError if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(
            gettext("there is no time zone %(name)s", name=repr(name)),
            hint=gettext("use a name such as Europe/Berlin or UTC"),
        ) from error


def clock_time(text: str) -> time:
    """Parses ``HH:MM``. Raises UsageError."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise UsageError(
            gettext("%(text)s is not a time of day", text=repr(text)), hint=gettext("use HH:MM, as in 07:30")
        )
    return time(int(found[1]), int(found[2]))


def quiet_hours(text: str) -> tuple[time, time] | None:
    """Parses ``22:00-07:00`` into two times; None for an empty text. Raises UsageError."""
    if not text.strip():
        return None
    found = _QUIET.fullmatch(text.strip())
    if not found:
        raise UsageError(
            gettext("%(text)s are not quiet hours", text=repr(text)), hint=gettext("use HH:MM-HH:MM, as in 22:00-07:00")
        )
    start, end = clock_time(found[1]), clock_time(found[2])
    if start == end:
        raise UsageError(
            gettext("quiet hours %(text)s would last all day or not at all", text=repr(text)),
            hint=gettext("mute the subscription instead"),
        )
    return start, end


def next_digest(schedule: Schedule, now: datetime) -> datetime:
    """When the schedule's next digest after ``now`` is due: the full local hour, or the daily time; in UTC."""
    zone = zone_of(schedule.zone)
    local = now.astimezone(zone)
    if schedule.kind == "daily":
        at = clock_time(schedule.at)
        for days in range(3):
            due = moment_of(local.date() + days * DAY, at, zone)
            if due > now:
                return due
        raise AssertionError("every day has every time, or a moment in its place")
    return next_hour(now, zone)


def next_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """The next full hour of local time, in UTC."""
    local = now.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now.astimezone(UTC) - past + timedelta(hours=1)


def quiet_until(schedule: Schedule, now: datetime) -> datetime | None:
    """The end (exclusive) of the quiet hours that contain ``now``, in UTC; None outside quiet hours."""
    hours = quiet_hours(schedule.quiet)
    if hours is None:
        return None
    start, end = hours
    zone = zone_of(schedule.zone)
    today = now.astimezone(zone).date()
    for day in (today - DAY, today):
        begins = moment_of(day, start, zone)
        ends = moment_of(day if start < end else day + DAY, end, zone, last=True)
        if begins <= now < ends:
            return ends
    return None


def after_quiet(schedule: Schedule, due: datetime) -> datetime:
    """``due``, or the end of the quiet hours that contain it."""
    return quiet_until(schedule, due) or due


def moment_of(day: date, at: time, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """A local time in UTC; the module says how skipped and repeated times are handled (``last``: use the second)."""
    first, second = (datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:
        return _end_of_gap(second, first, zone)
    return second if last else first


def _end_of_gap(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The time of the clock change between two times, to the second."""
    after = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return (high + timedelta(milliseconds=500)).replace(microsecond=0)
