"""The book of the feeds: who is due, and their cursors, in the store.

All is worked out first, then written in one short transaction that begins with a write, so it takes SQLite's write lock
at once and never has to upgrade. A cursor is saved only over the one it was made from (``revision``): of two processes
that poll one feed, the second to save is told, and nothing is mixed.

Several processes share the feeds by leases: who takes a feed has it for ``lease_s`` seconds, and with it its host, since
each process keeps the pace of hosts by itself. A lease is not given back but runs on for ``linger_s`` after a poll, so
that the next process keeps the host's pace too. Who dies is replaced when its leases run out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    Row,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from connectors.base import PollResult
from connectors.feeds.cursor import FeedCursor, ItemState
from connectors.store import statements
from connectors.store.known import StoredItems
from connectors.store.rows import facts_of, feed_values, item_row, item_state, words
from connectors.store.tables import feed_items, feeds
from core.errors import FailureKind, StoreError
from core.records import from_ms, to_ms

_CHUNK = 500
_CLAIMS = 0x77697265
"""Number of PostgreSQL's advisory lock under which feeds are claimed: else two could claim one host at once."""

_LOOK_AGAIN = timedelta(seconds=0.5)

Poll = tuple[str, FeedCursor | None, PollResult[FeedCursor]]
"""Name, cursor before, result."""


class FeedBook:
    """The book (``connectors.base.Book``) of all feeds. Names are feed ids. Raises StoreError.

    Safe for threads and processes, as far as the engine is. ``owner`` names this process; None: it works alone, and
    takes no leases.
    """

    def __init__(
        self, engine: Engine, *, owner: str | None = None, lease_s: float = 120.0, linger_s: float = 10.0
    ) -> None:
        self._engine = engine
        self._owner, self._lease_ms, self._linger_ms = owner, int(lease_s * 1000), int(linger_s * 1000)
        self._looked_at: datetime | None = None
        self._addresses: dict[str, tuple[str, str]] = {}

    def address(self, name: str) -> tuple[str, str]:
        """Return URL (with credentials, if it has any) and source of the feed ``name``: as last loaded, if it was."""
        if known := self._addresses.get(name):
            return known
        with self._reading("read a feed") as connection:
            row = connection.execute(select(feeds.c.url, feeds.c.source).where(feeds.c.id == name)).first()
        if row is None:
            raise StoreError(f"no feed {name}")
        return str(row.url), str(row.source)

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """See Book.due. With an owner, what is returned is leased to it."""
        asked = {"now": to_ms(now), "skip": list(skip), "most": limit, "owner": self._owner}
        asked["latest"] = to_ms(now) + 2 * max(self._lease_ms, self._linger_ms)
        if self._owner is None:
            with self._reading("find due feeds") as connection:
                return [str(row.id) for row in connection.execute(statements.DUE, asked)]
        self._looked_at = now
        # A look first: most looks find nothing, and need not wait for SQLite's one writer.
        with self._reading("find due feeds") as connection:
            if connection.execute(statements.FREE, asked | {"most": 1}).first() is None:
                return []
        with self._writing("claim due feeds") as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_CLAIMS)))
            names = [str(row.id) for row in connection.execute(statements.CLAIM, asked)]
            if names:
                lease = {"names": names, "owner": self._owner, "until": to_ms(now) + self._lease_ms}
                connection.execute(statements.LEASE, lease)
        return names

    def release(self, now: datetime) -> None:
        """Give back all leases of this process, which ends; hosts keep their pause."""
        if self._owner is not None:
            with self._writing("release feeds") as connection:
                mine = update(feeds).where(
                    feeds.c.leased_by == self._owner, feeds.c.lease_until > to_ms(now) + self._linger_ms
                )
                connection.execute(mine.values(lease_until=to_ms(now) + self._linger_ms))

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """See Book.next_due."""
        with self._reading("find the next feed") as connection:
            first = connection.execute(statements.NEXT, {"skip": list(skip)}).scalar()
        if first is None or self._looked_at is None:
            return None if first is None else from_ms(first)
        # What was due at the last look and not given is somebody else's for now.
        return max(from_ms(first), self._looked_at + _LOOK_AGAIN)

    def load(self, name: str) -> FeedCursor | None:
        """See Book.load."""
        return self.load_all([name])[name]

    def load_all(self, names: Sequence[str]) -> dict[str, FeedCursor | None]:
        """See Book.load_all. Of the items only the pending ones are read; the others when somebody asks for one."""
        with self._reading("load cursors") as connection:
            rows = {str(row.id): row for row in connection.execute(statements.FEEDS, {"names": list(names)})}
            waiting: dict[str, dict[str, ItemState]] = {name: {} for name in names}
            for item in connection.execute(statements.PENDING, {"names": list(names)}):
                waiting[item.feed][item.key] = _item(item)
        cursors: dict[str, FeedCursor | None] = {}
        for name in names:
            row = rows.get(name)
            if row is None:
                raise StoreError(f"no feed {name}")
            facts = facts_of(row)
            if facts.asked_ms < row.poke_at < facts.poll_at_ms:
                facts = msgspec.structs.replace(facts, poll_at_ms=row.poke_at)
            items = StoredItems(waiting[name], partial(self._items, name))
            cursors[name] = FeedCursor(facts=facts, items=items, revision=row.revision)
            self._addresses[name] = (str(row.url), str(row.source))
        return cursors

    def _items(self, name: str) -> dict[str, ItemState]:
        with self._reading("load items") as connection:
            return {str(item.key): _item(item) for item in connection.execute(statements.ITEMS, {"name": name})}

    def save(self, name: str, before: FeedCursor | None, result: PollResult[FeedCursor]) -> bool:
        """See Book.save. Writes only the items that changed."""
        return self.save_all([(name, before, result)])[0]

    def save_all(self, polls: Sequence[Poll]) -> list[bool]:
        """See Book.save_all. One transaction: each commit waits for the disk."""
        worked_out = [self._worked_out(*poll) for poll in polls]
        saved = []
        with self._writing("save cursors") as connection:
            inserts: list[dict[str, object]] = []
            for (name, before, _), (values, written, gone) in zip(polls, worked_out, strict=True):
                revision = before.revision if before else 0
                mine = values | {"name": name, "before": revision, "after": revision + 1}
                saved.append(bool(connection.execute(statements.SAVE, mine).rowcount))
                if saved[-1]:
                    for start in range(0, len(gone), _CHUNK):
                        keys = gone[start : start + _CHUNK]
                        connection.execute(
                            delete(feed_items).where(feed_items.c.feed == name, feed_items.c.key.in_(keys))
                        )
                    inserts += written
            if inserts:
                connection.execute(insert(feed_items), inserts)
        return saved

    def _worked_out(
        self, name: str, before: FeedCursor | None, result: PollResult[FeedCursor]
    ) -> tuple[dict[str, object], list[dict[str, object]], list[str]]:
        """The feed's columns, the rows of new and changed items, and the keys whose old rows go."""
        known: Mapping[str, ItemState] = before.items if before else {}
        after = result.cursor
        values = {f"new_{column}": value for column, value in feed_values(result).items()}
        values |= {"asked": after.facts.asked_ms, "owner": self._owner, "lease_until": None}
        if self._owner is not None and self._looked_at is not None:
            values["lease_until"] = to_ms(self._looked_at) + self._linger_ms
        if after.items is known:
            return values, [], []
        changed = {key: state for key, state in after.items.items() if known.get(key) != state}
        gone = [key for key in changed if key in known] + [key for key in known if key not in after.items]
        return values, [item_row(name, key, state) for key, state in changed.items()], gone

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """See Book.postpone."""
        with self._writing("postpone a feed") as connection:
            values = {"next_poll_at": to_ms(until), "health": "failing"}
            values |= {"problem": problem, "problem_kind": FailureKind.INTERNAL}
            connection.execute(update(feeds).where(feeds.c.id == name).values(**values, failures=feeds.c.failures + 1))

    @contextmanager
    def _writing(self, what: str) -> Iterator[Connection]:
        try:
            # The store's engine begins with BEGIN IMMEDIATE where this option is set; others ignore it.
            with self._engine.execution_options(wirewatch_write=True).begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"could not {what}: {words(error)}") from error

    @contextmanager
    def _reading(self, what: str) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"could not {what}: {words(error)}") from error


def _item(row: Row[Any]) -> ItemState:
    try:
        return item_state(row)
    except (msgspec.DecodeError, ValueError) as error:
        raise StoreError(f"the items of feed {row.feed} cannot be read: {error}") from error
