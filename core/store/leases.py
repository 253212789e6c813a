"""Leases on rows: which process works on a feed, a channel or a row of the outbox, and when another may take over.

One mechanism for all of them. A row has an owner (``core.processes.process_name``) and a time until which no other
process may take it. Leases are short; their holder renews them while it works (``Heartbeat``). When a process dies,

- another one on the same machine takes its rows at once, since it can see that the owner has ended (``free_dead``);
- one on another machine takes them when they expire, at most ``lease_ms`` after the last renewal.

A lease that is too far in the future was taken before the clock was set back: its holder may be dead, so it does not
count. The run itself has no lease: a new pipeline takes it over at once and fences the earlier one. Nor has the writer
of a search index, which holds a file lock that ends with the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
import structlog

from core.clock import Every
from core.errors import StoreError
from core.processes import is_dead
from core.store.engine import Store, chunks

log = structlog.get_logger()

LEASE_MS = 10_000
"""How long a lease lasts unless it is renewed."""
LOOK_MS = 1_000
LONGEST_WORK_MS = 600_000
"""Work that takes longer than this hangs: its lease is not renewed any more, so that others can try."""


class Leases:
    """The leases on the rows of one table, for one process (``owner``). Times are ms since the epoch.

    ``owner_column``, ``until_column`` and ``key``, which identifies a row, are columns of the table.
    """

    def __init__(
        self,
        store: Store,
        key: sa.Column[Any],
        owner_column: sa.Column[Any],
        until_column: sa.Column[Any],
        *,
        owner: str,
        lease_ms: int = LEASE_MS,
        dead: Callable[[str], bool] = is_dead,
    ) -> None:
        self.owner, self.lease_ms = owner, lease_ms
        self._store, self._table = store, key.table
        self._key, self._owner_column, self._until = key, owner_column, until_column
        self._dead = dead
        self._look = Every(LOOK_MS)
        self._lock = threading.Lock()
        self._held: dict[Any, int] = {}

    def counts(self, now_ms: int) -> sa.ColumnElement[bool]:
        """SQL condition: a row is leased now, by any process."""
        return self._until.between(now_ms + 1, now_ms + 2 * self.lease_ms)

    def others(self, now_ms: int) -> sa.ColumnElement[bool]:
        """SQL condition: a row is leased by another process now."""
        return self.counts(now_ms) & (self._owner_column != self.owner)

    def free_dead(self, now_ms: int) -> int:
        """Free the rows of ended processes of this machine; returns their number. Checks at most once a second."""
        if not self._look.due(now_ms):
            return 0
        # The condition that there is an owner is for partial indexes.
        holders = (
            sa.select(self._owner_column)
            .where(self._owner_column.is_not(None), self._owner_column != self.owner, self._until > now_ms)
            .distinct()
        )
        with self._store.reading() as connection:
            dead = [name for name in connection.execute(holders).scalars() if name and self._dead(name)]
        if not dead:
            return 0
        freed = 0
        with self._store.writing() as connection:
            for some in chunks(dead):
                mine = sa.update(self._table).where(self._owner_column.in_(some), self._until > now_ms)
                freed += connection.execute(mine.values({self._until: 0})).rowcount
        log.info("took over the work of a process that has ended", rows=freed, processes=len(dead))
        return freed

    def taken(self, keys: Collection[Any], now_ms: int) -> None:
        """Note that this process leased these rows; renews them from now on."""
        with self._lock:
            self._held |= dict.fromkeys(keys, now_ms)

    def ended(self, keys: Collection[Any]) -> None:
        """Note that the work on these rows has ended; stops renewing them."""
        with self._lock:
            for key in keys:
                self._held.pop(key, None)

    def forget(self) -> None:
        """Stop renewing all rows."""
        with self._lock:
            self._held.clear()

    def renew(self, now_ms: int) -> int:
        """Renew the rows that this process works on; returns their number. Thread-safe. Raises StoreError."""
        with self._lock:
            keys = [key for key, since in self._held.items() if 0 <= now_ms - since < LONGEST_WORK_MS]
        renewed = 0
        if keys:
            with self._store.writing() as connection:
                for some in chunks(keys):
                    mine = sa.update(self._table).where(
                        self._key.in_(some), self._owner_column == self.owner, self._until < now_ms + self.lease_ms
                    )
                    renewed += connection.execute(mine.values({self._until: now_ms + self.lease_ms})).rowcount
        return renewed


class Heartbeat:
    """Renews leases on a separate thread, so that they outlast a call that waits for a stream or a receiver.

    ``clock_ms`` is the wall clock. While the store can't be reached nothing is renewed, but nothing can be taken over either.
    """

    def __init__(self, leases: Sequence[Leases], clock_ms: Callable[[], int]) -> None:
        self._leases, self._clock_ms = leases, clock_ms
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Start renewing."""
        self._thread.start()

    def close(self) -> None:
        """Stop renewing; the leases expire unless they are given back."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _beat(self) -> None:
        every_s = min(one.lease_ms for one in self._leases) / 3_000
        while not self._stop.wait(every_s):
            for one in self._leases:
                try:
                    one.renew(self._clock_ms())
                except StoreError as error:
                    log.debug("leases could not be renewed now", error=str(error))
