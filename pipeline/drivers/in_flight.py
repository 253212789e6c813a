"""What was read and is not handled yet: back-pressure, and an alarm for a record that never comes through."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import structlog

log = structlog.get_logger()
# How often the store is asked how far it is; more often only where nothing may be read before the answer.
ASK_EVERY_S = 1.0


class InFlight:
    """Counts the bytes between the reader and the ledger. Single-threaded.

    ``handled`` gives the highest number of the epoch in the ledger. Where the limit is reached and the lowest number in
    flight stays the same for ``alarm_s`` seconds, the log names it, once for each record.
    """

    def __init__(
        self, handled: Callable[[], int], *, limit_bytes: int, alarm_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._handled, self._limit_bytes, self._alarm_s, self._monotonic = handled, limit_bytes, alarm_s, monotonic
        self._sent: deque[tuple[int, int, str]] = deque()
        self._asked_s = monotonic()
        self._waiting_since_s = self._asked_s
        self._alarmed: int | None = None
        self.bytes = 0

    def add(self, number: int, size: int, name: str) -> None:
        """A record was read. A number at or below an earlier one means that the runner went back: counting begins anew."""
        if self._sent and number <= self._sent[-1][0]:
            self._sent.clear()
            self.bytes = 0
        if not self._sent:
            self._waiting_since_s = self._monotonic()
        self._sent.append((number, size, name))
        self.bytes += size

    def full(self) -> bool:
        """Whether to stop reading for now."""
        now_s = self._monotonic()
        if self._sent and (self.bytes >= self._limit_bytes or now_s - self._asked_s >= ASK_EVERY_S):
            self._asked_s = now_s
            self._strike_off(self._handled(), now_s)
            self._watch(now_s)
        return self.bytes >= self._limit_bytes

    def _strike_off(self, handled: int, now_s: float) -> None:
        while self._sent and self._sent[0][0] <= handled:
            self.bytes -= self._sent.popleft()[1]
            self._waiting_since_s = now_s

    def _watch(self, now_s: float) -> None:
        if not self._sent or now_s - self._waiting_since_s < self._alarm_s or self._alarmed == self._sent[0][0]:
            return
        number, _, name = self._sent[0]
        self._alarmed = number
        waited_s = round(now_s - self._waiting_since_s)
        log.error(
            "a record does not come through; everything behind it waits", record=name, number=number, waited_s=waited_s
        )
