"""Logging of a broker, database or cluster that can't be reached: at once, then once a minute, and when it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from core.errors import StoreUnavailable, StreamUnavailable, WirewatchError

T = TypeVar("T")

EVERY_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0


class Away:
    """Logs whether one thing, such as ``the raw stream``, can be reached. One instance belongs to one thread."""

    def __init__(self, what: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what, self._monotonic = what, monotonic
        self._log = structlog.get_logger()
        self._since_s: float | None = None
        self._said_s = 0.0

    def failed(self, problem: str, **fields: Any) -> None:
        """Note that it could not be reached. Logs a line if that is new, or if the last line is a minute old."""
        now_s = self._monotonic()
        if self._since_s is None:
            self._since_s = now_s
            self._log.warning(f"{self._what} can't be reached; waiting until it can", problem=problem, **fields)
        elif now_s - self._said_s < EVERY_S:
            return
        else:
            still_s = round(now_s - self._since_s)
            self._log.warning(f"{self._what} still can't be reached", problem=problem, for_s=still_s, **fields)
        self._said_s = now_s

    def back(self) -> None:
        """Note that it was reached. Logs a line if it could not be reached before."""
        if self._since_s is not None:
            for_s = round(self._monotonic() - self._since_s)
            self._since_s = None
            self._log.warning(f"{self._what} is back", for_s=for_s)


def wait_for(
    what: str,
    open_it: Callable[[], T],
    *,
    wait: Callable[[float], object],
    stop: Callable[[], bool],
    also: tuple[type[WirewatchError], ...] = (),
) -> T | None:
    """The result of ``open_it``, which is retried while ``what`` can't be reached. None if it is stopped first.

    ``also``: further errors with this meaning, beside StreamUnavailable and StoreUnavailable. Other errors are raised
    at once: waiting does not help against a wrong password or address.
    """
    away, pause_s = Away(what), FIRST_PAUSE_S
    gone: tuple[type[WirewatchError], ...] = (StreamUnavailable, StoreUnavailable, *also)
    while not stop():
        try:
            found = open_it()
        except gone as error:
            away.failed(error.message)
            wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            away.back()
            return found
    return None
