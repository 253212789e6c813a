"""The Retry-After header: how long a server asks us to wait. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_S = 86_400.0


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (a number or an HTTP date), 0 to 24 h; None if there is none or it is invalid."""
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        # Longer numbers are over the cap anyway, and int() refuses to read very long ones.
        return min(float(text[:9]), MOST_S)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        wait_s = (moment - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        # The parser accepts any number as a year, an hour or a zone, and returns it unchecked.
        return None
    return min(max(wait_s, 0.0), MOST_S)
