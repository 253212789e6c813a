"""Times for people, in the desk's time zone. Pure: the clock is passed in."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from core.records import from_ms


def iso(ms: int) -> str:
    """For machines: UTC, with a Z."""
    return from_ms(ms).isoformat(timespec="seconds").replace("+00:00", "Z")


def clock(ms: int, zone: tzinfo, now_ms: int) -> str:
    """Hour and minute of today; the day too for any other."""
    moment, now = from_ms(ms).astimezone(zone), from_ms(now_ms).astimezone(zone)
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment.day} {moment:%b %Y %H:%M}"


def short(moment: datetime, zone: tzinfo, now_ms: int) -> str:
    """``clock`` of a record's own time; one without a zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return clock(int(aware.timestamp() * 1000), zone, now_ms)


def full(ms: int, zone: tzinfo) -> str:
    """Day, time to the second, and the zone."""
    moment = from_ms(ms).astimezone(zone)
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M:%S} {moment.tzname() or 'UTC'}"


def age(ms: int, now_ms: int) -> str:
    """How long ago, in one unit: now, 3 min, 5 h, 2 d."""
    seconds = max(0, now_ms - ms) // 1000
    if seconds < 60:
        return "now"
    if seconds < 3_600:
        return f"{seconds // 60} min"
    return f"{seconds // 3_600} h" if seconds < 86_400 else f"{seconds // 86_400} d"


def span(seconds: float) -> str:
    """A length of time for a sentence: 40 seconds, 3 minutes, 5 hours, 2 days."""
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'' if count == 1 else 's'}"
    return "0 seconds"


def from_datetime(moment: datetime, zone: tzinfo) -> str:
    """A record's own time, in full."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    local = aware.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} {local.tzname() or 'UTC'}"
