"""When the next request to a host is allowed. One instance serves all connectors of a process; the store coordinates several.

Publishers block pollers that make two requests within a second, and many feeds are on few hosts, so the pace is per
host, not per feed. A site's Crawl-delay in robots.txt can only make its pace slower, never faster.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

MAX_CRAWL_DELAY_S = 60.0
"""Longest Crawl-delay: some sites ask for a day, at which an hour's news would take weeks."""

_PAST = datetime.min.replace(tzinfo=UTC)
_PRUNE_OVER = 1_000
_MAX_DELAYS = 20_000


def host_of(url: str) -> str:
    """Host and port of ``url``, lower case; the URL itself if it has none."""
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return url
    return f"{split.hostname}:{port}" if port else (split.hostname or url)


class Shared(Protocol):
    """The pace that other processes keep too (``shared_pace``)."""

    def take(self, host: str, now: datetime, until: datetime) -> datetime | None:
        """Take the host's turn until then. Returns None, or, if another process has it, when the host will be free."""

    def hold(self, host: str, until: datetime) -> None:
        """Keep all processes from requests to the host until then."""


class HostPacing:
    """When the next request to each host is allowed. ``gap_s``: least seconds between the starts of two requests.

    Thread-safe. Remembers hosts only while they have to wait, and the delays that hosts asked for. With ``shared``, a
    turn counts for all processes that share it; without a gap, it is not used.
    """

    def __init__(self, gap_s: float = 5.0, shared: Shared | None = None) -> None:
        self._gap = timedelta(seconds=gap_s)
        self._shared = shared
        self._free: dict[str, datetime] = {}
        self._delays: dict[str, timedelta] = {}
        self._lock = threading.Lock()

    def take(self, url: str, now: datetime) -> bool:
        """Return True if a request to the host is allowed now; then the next one has to wait. False: see ``free_at``."""
        host = host_of(url)
        with self._lock:
            if self._free.get(host, _PAST) > now:
                return False
            gap = max(self._gap, self._delays.get(host, self._gap))
            self._free[host] = now + gap
            if len(self._free) > _PRUNE_OVER:
                self._free = {name: free for name, free in self._free.items() if free > now}
        # Outside the lock: it may wait for a disk. Other threads already see the turn as taken.
        free = self._shared.take(host, now, now + gap) if self._shared and gap else None
        if free is not None:
            with self._lock:
                self._free[host] = free
        return free is None

    def free_at(self, url: str) -> datetime:
        """When a request to the host is allowed; a time long past if it is at once."""
        with self._lock:
            return self._free.get(host_of(url), _PAST)

    def slow_down(self, url: str, until: datetime) -> None:
        """Make no requests to the host until then, as it asked (429, 503)."""
        host = host_of(url)
        with self._lock:
            self._free[host] = max(self._free.get(host, _PAST), until)
        if self._shared and self._gap:
            self._shared.hold(host, until)

    def keep_apart(self, url: str, delay_s: float | None) -> None:
        """Make at most one request to the host per ``delay_s`` (at most 60 s); None: like any other host."""
        host = host_of(url)
        with self._lock:
            if delay_s is None or not delay_s > 0:
                self._delays.pop(host, None)
                return
            if len(self._delays) >= _MAX_DELAYS and host not in self._delays:
                self._delays.pop(next(iter(self._delays)))
            delay, before = timedelta(seconds=min(delay_s, MAX_CRAWL_DELAY_S)), self._delays.get(host, timedelta())
            self._delays[host] = delay
            if host in self._free:
                # The request for robots.txt has just been made at the earlier pace.
                self._free[host] += max(delay - max(self._gap, before), timedelta())
            free = self._free.get(host)
        if self._shared and self._gap and free:
            self._shared.hold(host, free)
