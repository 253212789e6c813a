"""What is known of outlets from their feeds, as connectors tell it and the desk shows it."""

from __future__ import annotations

from typing import NamedTuple


class FeedOutlet(NamedTuple):
    """Whose feed it is, as a catalogue, a list or the feed itself says."""

    source: str
    name: str | None
    country: str | None


class FeedCounts(NamedTuple):
    """Feeds that are watched, those of them that fail or are gone, and when any was last read well (ms, UTC)."""

    watched: int
    failing: int
    last_ok_ms: int | None
