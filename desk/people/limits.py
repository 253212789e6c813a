"""Rate limits: token buckets in this process's memory. The caller passes the time."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """``burst`` at once, then one more every ``every_s`` seconds."""

    burst: int
    every_s: float


API = Limit(120, 0.1)
"""API requests of one token, session or address (for IPv6: one /56, as everywhere): 600 a minute."""
PAGES = Limit(240, 0.05)
"""All other requests of one person or address; even fast work stays far below."""
STREAMS = 12
"""Event streams that one person may hold open at once."""
ALL_STREAMS = 400
"""Event streams of all people together: each is a connection and receives every batch."""
PLACE_STREAMS = 200
"""Event streams from one address (for IPv6: one /56), of any person: enough for an office, but not all streams."""

OPENING = Limit(60, 1.0)
"""Event streams that one person may open: a stream that is reopened sends again what its client has not confirmed."""
CATCHING_UP = 2
"""Streams that read at the same time what their clients have missed."""

SIGNING_IN = 2
"""Passwords that are checked at the same time; each check takes 64 MiB."""

SEARCHES, SEARCHES_EACH = 4, 2
"""Searches, previews and explanations at the same time: in total, and per person. Python runs one at a time, so more would
only slow each of them; this number lets short ones overtake a long one."""

_KEYS = 20_000


class Buckets:
    """One bucket per key. Thread-safe. Full buckets are dropped once there are more than 20,000 keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # For each key, the time at which its bucket is full again.
        self._full_at: dict[str, float] = {}

    def take(self, key: str, limit: Limit, now_s: float) -> float:
        """Take one token. Returns 0, or if the bucket is empty, the seconds until there is one, and takes none."""
        with self._lock:
            full_at = max(self._full_at.get(key, now_s), now_s)
            wait_s = full_at - now_s - (limit.burst - 1) * limit.every_s
            if wait_s > 1e-9:
                return wait_s
            self._full_at[key] = full_at + limit.every_s
            if len(self._full_at) > _KEYS:
                self._forget(now_s)
            return 0.0

    def give_back(self, key: str, limit: Limit) -> None:
        """Return a token to the bucket, if the action turned out to be legitimate."""
        with self._lock:
            if key in self._full_at:
                self._full_at[key] -= limit.every_s

    def _forget(self, now_s: float) -> None:
        kept = sorted(((at, key) for key, at in self._full_at.items() if at > now_s), reverse=True)
        self._full_at = {key: at for at, key in kept[: _KEYS // 2]}


class Slots:
    """Counts how many slots each key holds at the same time. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most, self._lock, self._held = most, threading.Lock(), dict[str, int]()

    def full(self, key: str) -> bool:
        """Whether the key holds as many slots as it may."""
        with self._lock:
            return self._held.get(key, 0) >= self._most

    def take(self, key: str) -> bool:
        """Take a slot. Returns False if the key holds as many as it may."""
        with self._lock:
            held = self._held.get(key, 0)
            if held >= self._most:
                return False
            self._held[key] = held + 1
            return True

    def give_back(self, key: str) -> None:
        """Release a slot."""
        with self._lock:
            left = self._held.pop(key, 0) - 1
            if left > 0:
                self._held[key] = left
