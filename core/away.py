"""Something that is away (a broker, a database, a cluster): said at once, then once a minute, and when it is back."""

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
    """The log of one thing that may be away, such as ``the raw stream``. One instance belongs to one thread."""

    def __init__(self, what: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what, self._monotonic = what, monotonic
        self._log = structlog.get_logger()
        self._since_s: float | None = None
        self._said_s = 0.0

    def failed(self, problem: str, **fields: Any) -> None:
        """It could not be reached: a line if that is new, or if the last one was a minute ago."""
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
        """It was reached: a line if it had been away."""
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
    """What ``open_it`` returns, tried again as long as it says that ``what`` can't be reached now. None: stopped before.

    ``also``: further errors that mean this, beside StreamUnavailable and StoreUnavailable. Other errors are raised at once:
    a wrong password or address does not get better by waiting.
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
