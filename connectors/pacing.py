"""How soon a host may be asked again. One instance serves all connectors of a process.

Publishers block pollers that come twice within a second, and many feeds live on few hosts: so the pace is the host's,
not the feed's.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from connectors.links import host_of

_PAST = datetime.min.replace(tzinfo=UTC)
_PRUNE_OVER = 1_000


class HostPacing:
    """When each host may be asked next. ``gap_s``: at least so many seconds between the starts of two requests.

    Safe for threads. Remembers a host only as long as it has to wait.
    """

    def __init__(self, gap_s: float = 5.0) -> None:
        self._gap = timedelta(seconds=gap_s)
        self._free: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def take(self, url: str, now: datetime) -> bool:
        """Return True if the host may be asked now: then the next one has to wait. False: see ``free_at``."""
        host = host_of(url)
        with self._lock:
            if self._free.get(host, _PAST) > now:
                return False
            self._free[host] = now + self._gap
            if len(self._free) > _PRUNE_OVER:
                self._free = {name: free for name, free in self._free.items() if free > now}
            return True

    def free_at(self, url: str) -> datetime:
        """When the host may be asked; a time long past if it may be at once."""
        with self._lock:
            return self._free.get(host_of(url), _PAST)

    def slow_down(self, url: str, until: datetime) -> None:
        """Leave the host alone until then: it asked for that (429, 503)."""
        host = host_of(url)
        with self._lock:
            self._free[host] = max(self._free.get(host, _PAST), until)
