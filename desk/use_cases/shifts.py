"""What one shift leaves to the next: stories new and changed since a moment, in the order of their weight. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from core.records import to_ms
from desk.delivery.store.channels import Delivery
from desk.views.cards import Card

HOUR_MS = 3_600_000
HOURS = (4, 8, 12, 24)
USUAL_HOURS = 8
LONGEST_HOURS = 24 * 14
SHOWN = 40


class Handed(NamedTuple):
    """Stories since a moment, those with alerts first, then by independent sources; ``more`` are not shown."""

    new: tuple[Card, ...]
    new_more: int
    changed: tuple[Card, ...]
    changed_more: int


class HeldStory(NamedTuple):
    """A story of which messages were held back: the newest delivery, how many there were, and the reasons."""

    newest: Delivery
    number: int
    whys: tuple[str, ...]


def handed(cards: Iterable[Card], since_ms: int, *, shown: int = SHOWN) -> Handed:
    """``cards`` may hold older ones. What was there before a feed was first watched is no news."""
    recent = [card for card in cards if card.last_ms >= since_ms and not card.backfill]
    new = sorted((card for card in recent if card.first_ms >= since_ms), key=_weight)
    changed = sorted((card for card in recent if card.first_ms < since_ms), key=_weight)
    return Handed(tuple(new[:shown]), max(0, len(new) - shown), tuple(changed[:shown]), max(0, len(changed) - shown))


def held_stories(deliveries: Sequence[Delivery]) -> list[HeldStory]:
    """By subscription and story, in the order of their newest delivery, which is that of ``deliveries``."""
    grouped: dict[tuple[str, str], list[Delivery]] = {}
    for one in deliveries:
        grouped.setdefault((one.subscription, one.story), []).append(one)
    return [
        HeldStory(
            several[0],
            len(several),
            tuple(dict.fromkeys(f"{one.status}: {one.why}" if one.why else one.status for one in several)),
        )
        for several in grouped.values()
    ]


def moment_of(text: str, zone: tzinfo) -> int | None:
    """A moment of an address in ms: ``2026-03-05T06:00`` in the desk's zone, as a form sends it; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1971 <= moment.year <= 9000:
        return None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _weight(card: Card) -> tuple[bool, int, int, str]:
    return not card.subscriptions, -card.sources, -card.last_ms, card.id
