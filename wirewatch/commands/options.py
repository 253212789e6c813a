"""Moments as people write them on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from core.errors import UsageError
from core.settings import Settings
from desk.delivery.times import zone_of

YESTERDAY = "yesterday"
_AGO = re.compile(r"(\d{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CLOCK = re.compile(rf"(?:({YESTERDAY})\s+)?([01]?\d|2[0-3]):([0-5]\d)")


def desk_zone(settings: Settings) -> ZoneInfo:
    """The time zone of the desk. Raises UsageError where the setting names none."""
    try:
        return zone_of(settings.desk_zone)
    except UsageError as error:
        raise UsageError(f"desk_zone: {error.message}", hint=error.hint) from error


def parse_moment(text: str, now: datetime, zone: tzinfo | None) -> datetime:
    """A time, in UTC: ``2026-03-05``, ``2026-03-05T10:00``, ``7d`` (ago), ``now``, ``07:20``, ``yesterday``. Raises UsageError.

    Dates are UTC where they name no zone. ``07:20`` is today's and ``yesterday 07:20`` that of the day before, in ``zone``;
    ``yesterday`` is the time that it is now, a day before. ``zone``: that in which times are shown; None: this machine's.
    """
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    if text == YESTERDAY:
        return _local(now, 1, None, zone)
    if clock := _CLOCK.fullmatch(text):
        return _local(now, 1 if clock[1] else 0, time(int(clock[2]), int(clock[3])), zone)
    try:
        found = datetime.fromisoformat(text)
        aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if 1970 <= aware.year < 2200:
            return aware
    except (ValueError, OverflowError):
        pass
    raise UsageError(
        f"{text!r} is no time",
        hint="write 2026-03-05, 2026-03-05T10:00Z, 07:20, yesterday, yesterday 07:20, or 7d for seven days ago",
    )


def _local(now: datetime, days_before: int, clock: time | None, zone: tzinfo | None) -> datetime:
    """A day's time as the clocks of ``zone`` show it, whatever they were changed by in between."""
    local = now.astimezone(zone)
    day = local.date() - timedelta(days=days_before)
    plain = datetime.combine(day, clock or local.time())
    # Without a zone of its own astimezone() takes it for the machine's.
    return (plain.replace(tzinfo=zone) if zone is not None else plain).astimezone(UTC)
