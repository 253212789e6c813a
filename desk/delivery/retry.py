"""When to try again. Pure: chance is passed in."""

from __future__ import annotations

from desk.delivery.store.channels import Channel
from desk.delivery.store.queue import Message

FIRST_S, LONGEST_S = 5.0, 3_600.0
GIVE_UP_MS = 3 * 86_400_000
"""A message that could not be sent for three days is failed, and stays to be seen and sent again by hand."""


def pause_s(failures: int, wish_s: float | None, chance: float) -> float:
    """Seconds until the next try after so many failures in a row (1 or more): doubling from 5 s to an hour.

    ``chance`` (0 to 1) spreads it over its upper half, so that many don't come back at once. Never before the receiver's wish.
    """
    whole = min(FIRST_S * 2.0 ** min(failures - 1, 20), LONGEST_S)
    spread = whole * (0.5 + chance / 2)
    return spread if wish_s is None else max(wish_s * (1 + chance / 10), spread)


def gives_up(message: Message, now_ms: int) -> bool:
    """Whether a message that just failed again is not tried any more."""
    return now_ms - message.queued_ms >= GIVE_UP_MS


def pace_ms(channel: Channel) -> int:
    """Milliseconds between two messages on a channel; 0 for no limit."""
    return 0 if channel.per_minute <= 0 else -(-60_000 // channel.per_minute)
