"""What the delivery service does beside delivering: canaries are marked, and what was sent long ago is forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import structlog

from core.store import Store
from core.store.canary import Canary, CanaryRepository
from desk.delivery.store.delivered import forget_sent

log = structlog.get_logger()
LOOK_EVERY_MS = 5_000
FORGET_EVERY_MS = 3_600_000
FORGET_BATCH = 500


class _Submit(Protocol):
    def __call__(self, work: Callable[[], None], /) -> Future[None]: ...


class CanaryMarks:
    """Marks canaries as delivered once the service has been through an outbox that held them; nobody is sent one.

    ``submit`` hands work to the threads that channels send on, so that a service whose threads all hang marks none.
    """

    def __init__(self, book: CanaryRepository, clock_ms: Callable[[], int], submit: _Submit) -> None:
        self._book, self._clock_ms, self._submit = book, clock_ms, submit
        self._looked_ms: int | None = None
        self._seen: Sequence[Canary] = ()
        self._marking: Future[None] | None = None

    def before(self, now_ms: int) -> None:
        """Look which are in the outbox, before it is gone through; every 5 s at most. Raises StoreError."""
        if self._marking is not None and not self._marking.done():
            return
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LOOK_EVERY_MS:
            return
        self._looked_ms = now_ms
        self._seen = self._book.undelivered()

    def after(self) -> None:
        """The outbox has been gone through: mark what was seen before."""
        if not self._seen:
            return
        identities, self._seen = [one.id for one in self._seen], ()
        self._marking = self._submit(lambda: self._book.delivered(identities, self._clock_ms()))
        self._marking.add_done_callback(_say)

    def wait(self) -> None:
        """Wait until what was handed over is marked, or has failed."""
        if self._marking is not None:
            self._marking.exception()


def _say(marking: Future[None]) -> None:
    if not marking.cancelled() and (error := marking.exception()) is not None:
        log.warning("canaries could not be marked as delivered; they are tried again", error=str(error))


class Forgetting:
    """Deletes what was sent more than ``keep_ms`` ago (0: nothing), a batch at a time, so that nobody waits for it."""

    def __init__(self, store: Store, keep_ms: int) -> None:
        self._store, self._keep_ms = store, keep_ms
        self._done_ms: int | None = None

    def tend(self, now_ms: int) -> int:
        """Delete a batch where it is time; how many deliveries and messages went. Raises StoreError."""
        if self._keep_ms <= 0 or (self._done_ms is not None and 0 <= now_ms - self._done_ms < FORGET_EVERY_MS):
            return 0
        gone = forget_sent(self._store, before_ms=now_ms - self._keep_ms, limit=FORGET_BATCH)
        if not gone:
            self._done_ms = now_ms
        return gone
