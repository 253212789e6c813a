"""The start of the canary: an artificial article on the raw stream every few minutes (``core.records.canary``)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from connectors.runner import to_records
from core.errors import StoreError, StreamUnavailable
from core.records import from_ms, to_ms
from core.records.canary import canary_page
from core.store.canary import CanaryRepository
from core.streams.base import Stream

log = structlog.get_logger()
# How often the store is checked at most; the first of several connectors services to check makes the canary.
LOOK_S = 10.0


class CanarySource:
    """Appends a canary when one is due. ``clock`` returns UTC; ``token`` a new one that can't be guessed.

    It runs in the loop of the connectors, so that a hanging loop makes no canaries. The stream belongs to the caller's thread.
    """

    def __init__(
        self,
        repository: CanaryRepository,
        stream: Stream,
        *,
        interval_s: float,
        clock: Callable[[], datetime],
        token: Callable[[], str],
    ) -> None:
        self._repository, self._stream, self._interval_s = repository, stream, interval_s
        self._clock, self._token = clock, token
        self._look_at: datetime | None = None

    def tend(self) -> bool:
        """Append one if it is due; returns whether it was. A stream or store that can't be reached is retried later."""
        now = self._clock()
        pause = timedelta(seconds=min(LOOK_S, self._interval_s))
        # Setting the clock back must not silence it.
        if self._interval_s <= 0 or (self._look_at is not None and self._look_at - pause <= now < self._look_at):
            return False
        self._look_at = now + pause
        try:
            return self._append(to_ms(now))
        except (StreamUnavailable, StoreError) as error:
            log.warning("the canary could not be appended; retrying", error=error.message)
            return False

    def _append(self, now_ms: int) -> bool:
        if not self._repository.due(now_ms=now_ms, interval_s=self._interval_s):
            return False
        canary = self._repository.claim(self._token(), now_ms=now_ms, interval_s=self._interval_s)
        if canary is None:
            return False
        # The same bytes in each attempt: a second copy ends as unchanged.
        page = canary_page(canary.token, from_ms(canary.made_ms))
        records, _ = to_records((page,), self._stream.max_value_bytes)
        self._stream.append(records)
        self._repository.appended(canary.id, to_ms(self._clock()))
        return True
