"""The feeds in the store: which are due, their cursors, and their facts for people.

Values are computed first, then written in one short transaction that begins with a write, so it takes SQLite's write lock
at once and never has to upgrade. A cursor is saved only over the one it was made from (``revision``): if two processes
poll one feed, the second save writes nothing and returns False.

Several processes share the feeds by leases (``core.store.leases``): a process that takes a feed also has its host while
it polls, since each process keeps the pace of hosts itself. A lease is not given back but continues for ``linger_s``
after a poll, so that the next process also keeps the host's pace. When a process dies, the next one on its machine
takes its feeds at once, others once its leases run out; the hosts' pace is in the store (``shared_pace``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import (
    Row,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from connectors.base import PollResult, SavedCursor, Source, SourceFacts, StoredCursor
from connectors.feeds.cursor import ItemState, ItemStatus
from connectors.http.answers import without_credentials
from connectors.http.pacing import host_of
from connectors.kinds import FEED, Kinds, installed_kinds
from connectors.store import rows as sql
from connectors.store.rows import (
    NEVER_MS,
    FeedAbout,
    FeedRow,
    feed_id,
    feed_values,
    item_row,
    item_state,
    listed,
)
from connectors.store.tables import feed_items, feeds, polls
from core.errors import FailureKind, StoreError, UsageError
from core.records import from_ms, to_ms
from core.records.article import FeedCounts, FeedOutlet
from core.store.engine import Store
from core.store.leases import LEASE_MS, Leases
from core.visible import check_visible

_CHUNK = 500
_CLAIMS = "claim feeds"
"""Claims run one after the other: otherwise two processes could claim one host at once."""

_LOOK_AGAIN = timedelta(seconds=0.5)
_REQUESTS_MS = 10_000

Poll = tuple[str, SavedCursor[Any], PollResult[Any]]
"""Name, cursor before, result."""


class StoredItems(Mapping[str, ItemState]):
    """The pending items are loaded; all items (a busy feed has thousands) are loaded on the first access to others.

    Most polls find nothing new (a 304, the same bytes) and never need the rest. ``load`` may raise StoreError, on that
    access. Not for several threads at once.
    """

    def __init__(self, pending: Mapping[str, ItemState], load: Callable[[], Mapping[str, ItemState]]) -> None:
        self.pending = pending
        self._load = load
        self._all: Mapping[str, ItemState] | None = None

    def _known(self) -> Mapping[str, ItemState]:
        if self._all is None:
            self._all = self._load()
        return self._all

    def __getitem__(self, key: str) -> ItemState:
        found = self.pending.get(key)
        return self._known()[key] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())


class FeedRepository:
    """All feeds, as a ``connectors.base.SourceRepository`` and for people. Names are feed ids. Raises StoreError.

    Safe for threads and processes. ``owner`` names this process (``core.processes``); None: it works alone, and takes
    no leases. ``leases`` is for a ``Heartbeat``, which renews them while a poll is under way.
    """

    def __init__(
        self,
        store: Store,
        *,
        owner: str | None = None,
        lease_ms: int = LEASE_MS,
        linger_s: float = 10.0,
        kinds: Kinds | None = None,
    ) -> None:
        self.store, self._given_kinds = store, kinds
        self._owner, self._lease_ms, self._linger_ms = owner, lease_ms, int(linger_s * 1000)
        c = feeds.c
        self.leases = Leases(store, c.id, c.leased_by, c.lease_until, owner=owner or "", lease_ms=lease_ms)
        self._first: list[str] | None = None
        self._looked_at: datetime | None = None
        self._sources: dict[str, Source] = {}

    @property
    def kinds(self) -> Kinds:
        """The kinds whose sources are polled; those that are installed if none were given."""
        return self._given_kinds or installed_kinds()

    def source(self, name: str) -> Source:
        """Return the source ``name`` with its URL (credentials included): as last loaded, if it was."""
        if known := self._sources.get(name):
            return known
        with self.store.reading() as connection:
            row = connection.execute(select(feeds).where(feeds.c.id == name)).first()
        if row is None:
            raise StoreError(f"no feed {name}")
        return _source(row)

    def address(self, name: str) -> str:
        """The address of a source for people, without credentials; its id if it is not loaded yet."""
        known = self._sources.get(name)
        return name if known is None else without_credentials(known.url)

    def due(self, now: datetime, *, limit: int, skip: Collection[str] = ()) -> Sequence[str]:
        """See SourceRepository.due. With an owner, the returned sources are leased to it.

        Feeds that had pending pages when this process started go first: those of a process that died may be hours behind.
        """
        asked = {"now": to_ms(now), "skip": list(skip), "most": limit, "owner": self._owner, "kinds": self.kinds.names}
        asked["latest"] = to_ms(now) + 2 * max(self._lease_ms, self._linger_ms)
        if self._owner is None:
            with self.store.reading() as connection:
                return [str(row.id) for row in connection.execute(sql.DUE, asked)]
        self._looked_at = now
        self.leases.free_dead(to_ms(now))
        if self._first is None:
            with self.store.reading() as connection:
                self._first = [str(row.id) for row in connection.execute(sql.WAITING, asked)]
        names: list[str] = []
        if self._first:
            names = self._claim(asked | {"names": self._first[:_CHUNK]}, sql.FREE_OF, sql.CLAIM_OF)
            # If these are all free ones, another process is polling the rest.
            gone = {*names, *(self._first[:_CHUNK] if len(names) < limit else ())}
            self._first = [name for name in self._first if name not in gone]
        if len(names) < limit:
            left = asked | {"most": limit - len(names), "skip": [*skip, *names]}
            names += self._claim(left, sql.FREE, sql.CLAIM)
        return names

    def _claim(self, asked: Mapping[str, Any], free: sa.Select[Any], claim: sa.Select[Any]) -> list[str]:
        # A read first: most reads find nothing, and need not wait for SQLite's single writer.
        with self.store.reading() as connection:
            if connection.execute(free, {**asked, "most": 1}).first() is None:
                return []
        with self.store.writing() as connection:
            self.store.serialise(connection, _CLAIMS)
            names = [str(row.id) for row in connection.execute(claim, asked)]
            if names:
                lease = {"names": names, "owner": self._owner, "until": asked["now"] + self._lease_ms}
                connection.execute(sql.LEASE, lease)
        self.leases.taken(names, asked["now"])
        return names

    def release(self, now: datetime) -> None:
        """Give back all leases when this process ends; hosts keep their pause."""
        self.leases.forget()
        if self._owner is not None:
            with self.store.writing() as connection:
                mine = update(feeds).where(
                    feeds.c.leased_by == self._owner, feeds.c.lease_until > to_ms(now) + self._linger_ms
                )
                connection.execute(mine.values(lease_until=to_ms(now) + self._linger_ms))

    def next_due(self, *, skip: Collection[str] = ()) -> datetime | None:
        """See SourceRepository.next_due."""
        with self.store.reading() as connection:
            first = connection.execute(sql.NEXT, {"skip": list(skip), "kinds": self.kinds.names}).scalar()
        if first is None or self._looked_at is None:
            return None if first is None else from_ms(first)
        # Feeds that were due at the last check but not claimed belong to another process for now.
        return max(from_ms(first), self._looked_at + _LOOK_AGAIN)

    def load(self, name: str) -> SavedCursor[Any]:
        """Return one cursor. Raises StoreError."""
        loaded = self.load_all([name])[name]
        if isinstance(loaded, StoreError):
            raise loaded
        return loaded

    def load_all(self, names: Sequence[str]) -> dict[str, SavedCursor[Any] | StoreError]:
        """See SourceRepository.load_all. Of the items only the pending ones are read; the others once one is asked for."""
        with self.store.reading() as connection:
            rows = {str(row.id): row for row in connection.execute(sql.FEEDS, {"names": list(names)})}
            waiting: dict[str, dict[str, ItemState]] = {name: {} for name in names}
            for item in connection.execute(sql.PENDING, {"names": list(names)}):
                waiting[item.feed][item.key] = _item(item)
        return {name: self._loaded(name, rows.get(name), waiting[name]) for name in names}

    def _loaded(self, name: str, row: Row[Any] | None, waiting: dict[str, ItemState]) -> SavedCursor[Any] | StoreError:
        if row is None:
            return StoreError(f"no feed {name}")
        self._sources[name] = _source(row)
        if row.state is None:
            return SavedCursor(None, row.revision)
        try:
            return SavedCursor(self._cursor(row, StoredItems(waiting, partial(self._items, name))), row.revision)
        except StoreError as error:
            return error

    def _cursor(self, row: Row[Any], items: Mapping[str, ItemState]) -> Any:
        """Raises StoreError if its kind is not there, or can't read it."""
        try:
            return self.kinds.of(row.kind).decode(StoredCursor(row.state, items, row.requested_at))
        except (UsageError, ValueError) as error:
            raise StoreError(f"the cursor of {without_credentials(row.url)} can't be read: {error}") from error

    def _items(self, name: str) -> dict[str, ItemState]:
        with self.store.reading() as connection:
            return {str(item.key): _item(item) for item in connection.execute(sql.ITEMS, {"name": name})}

    def save(self, name: str, before: SavedCursor[Any], result: PollResult[Any]) -> bool:
        """See SourceRepository.save. Writes only the items that changed."""
        return self.save_all([(name, before, result)])[0]

    def save_all(self, polls: Sequence[Poll]) -> list[bool]:
        """See SourceRepository.save_all. One transaction: each commit waits for the disk."""
        worked_out = [self._worked_out(*poll) for poll in polls]
        self.leases.ended([name for name, _, _ in polls])
        saved = []
        with self.store.writing() as connection:
            inserts: list[dict[str, object]] = []
            for (name, before, _), (values, written, gone) in zip(polls, worked_out, strict=True):
                mine = values | {"name": name, "before": before.revision, "after": before.revision + 1}
                saved.append(bool(connection.execute(sql.SAVE, mine).rowcount))
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
        self, name: str, before: SavedCursor[Any], result: PollResult[Any]
    ) -> tuple[dict[str, object], list[dict[str, object]], list[str]]:
        """The feed's columns, the rows of new and changed items, and the keys whose old rows go."""
        kind = self.kinds.of(self.source(name).kind)
        stored, facts = kind.encode(result.cursor), kind.facts(result.cursor)
        values = {f"new_{column}": value for column, value in feed_values(stored.state, facts, result.wake_at).items()}
        values |= {"asked": facts.asked_ms, "owner": self._owner, "lease_until": None}
        if self._owner is not None and self._looked_at is not None:
            values["lease_until"] = to_ms(self._looked_at) + self._linger_ms
        known = {} if before.cursor is None else kind.encode(before.cursor).items
        if stored.items is known:
            return values, [], []
        changed = {key: state for key, state in stored.items.items() if known.get(key) != state}
        gone = [key for key in changed if key in known] + [key for key in known if key not in stored.items]
        return values, [item_row(name, key, state) for key, state in changed.items()], gone

    def postpone(self, name: str, until: datetime, problem: str) -> None:
        """See SourceRepository.postpone."""
        self.leases.ended([name])
        with self.store.writing() as connection:
            values = {"next_poll_at": to_ms(until), "health": "failing"}
            values |= {"problem": problem, "problem_kind": FailureKind.INTERNAL}
            connection.execute(update(feeds).where(feeds.c.id == name).values(**values, failures=feeds.c.failures + 1))

    def add(self, url: str, source: str, now: datetime, about: FeedAbout | None = None, *, kind: str = FEED) -> bool:
        """Add a feed, due at once. An inactive or ended one becomes active again. False: it was there already.

        All ways of adding feeds use it. Raises UsageError for an address or a name with invisible characters.
        """
        check_visible("the address", url.strip())
        check_visible("the source", source)
        for field, value in msgspec.structs.asdict(about or FeedAbout()).items():
            for one in value if isinstance(value, tuple) else (value or "",):
                check_visible(f"the feed's {field}", one)
        name, url = feed_id(url, kind), url.strip()
        known = {} if about is None else {"about": msgspec.json.encode(about).decode()}
        with self.store.writing() as connection:
            ended = or_(feeds.c.active.is_(False), feeds.c.next_poll_at == NEVER_MS)
            again = update(feeds).where(feeds.c.id == name, ended)
            if connection.execute(again.values(active=True, source=source, next_poll_at=to_ms(now), **known)).rowcount:
                return True
            if connection.execute(select(feeds.c.id).where(feeds.c.id == name)).first():
                return False
            row = {"id": name, "kind": kind, "url": url, "source": source, "host": host_of(url)[:255], **known}
            times = {"added_at": to_ms(now), "next_poll_at": to_ms(now), "lease_until": 0, "requested_at": 0}
            connection.execute(insert(feeds).values(**row, **times, active=True, revision=0, health="new", failures=0))
            return True

    def remove(self, url: str) -> bool:
        """Stop polling a feed, by its address or its listed form without credentials. False: no such feed.

        Its items are remembered, so adding it again brings nothing twice.
        """
        url = url.strip()
        with self.store.writing() as connection:
            active = connection.execute(select(feeds.c.id, feeds.c.url).where(feeds.c.active.is_(True))).all()
            named = [row.id for row in active if row.url == url]
            named = named or [row.id for row in active if without_credentials(row.url) == url]
            # A new revision, so that a poll under way can't save and set its next time.
            gone = update(feeds).where(feeds.c.id.in_(named))
            return bool(connection.execute(gone.values(active=False, revision=feeds.c.revision + 1)).rowcount)

    def listing(self) -> list[FeedRow]:
        """Return all feeds, by source and address. One whose connector is not installed is failing: it is not polled."""
        with self.store.reading() as connection:
            rows = connection.execute(select(feeds).order_by(feeds.c.source, feeds.c.url)).all()
        return [self._listed(row) for row in rows]

    def _listed(self, row: Row[Any]) -> FeedRow:
        found = listed(row)
        if row.active:
            try:
                self.kinds.of(row.kind)
            except UsageError as error:
                missing = {"health": "failing", "problem": error.message, "problem_kind": FailureKind.INTERNAL}
                return msgspec.structs.replace(found, **missing)
        return found

    def facts(self) -> dict[str, SourceFacts]:
        """Return the facts of all active feeds, by id; of one whose kind is not installed, what its last poll left."""
        return {str(row.id): self._facts(row) for row in self._active()}

    def cursors(self, kind: str) -> list[Any]:
        """Return the cursors of the active feeds of a kind that were polled and have not ended, without their items.

        Those that can't be read are left out: their polls report it.
        """
        found = []
        for row in self._active():
            if row.kind == kind and row.state and row.next_poll_at < NEVER_MS:
                with suppress(StoreError):
                    found.append(self._cursor(row, {}))
        return found

    def _active(self) -> Sequence[Row[Any]]:
        with self.store.reading() as connection:
            return connection.execute(select(feeds).where(feeds.c.active.is_(True))).all()

    def _facts(self, row: Row[Any]) -> SourceFacts:
        if row.state is None:
            return SourceFacts(health="new")
        try:
            return self.kinds.of(row.kind).facts(self._cursor(row, {}))
        except (StoreError, UsageError) as error:
            return SourceFacts(health="failing", problem=error.message, problem_kind=FailureKind.INTERNAL)

    def seen_since(self, since: datetime) -> dict[str, tuple[int, int]]:
        """Return for each feed how many items it brought since then, and how many of them without their page."""
        failed = func.sum(case((feed_items.c.status == ItemStatus.FAILED.value, 1), else_=0))
        query = select(feed_items.c.feed, func.count().label("seen"), failed.label("failed"))
        query = query.where(feed_items.c.backfill.is_(False), feed_items.c.first_seen_at >= to_ms(since))
        # Kinds that keep no items: their polls say how many were new.
        others = (
            select(polls.c.feed, func.sum(polls.c.new).label("seen"), sa.literal(0).label("failed"))
            .where(polls.c.first_ms >= to_ms(since), polls.c.new > 0)
            .where(~select(feed_items.c.key).where(feed_items.c.feed == polls.c.feed).exists())
        )
        with self.store.reading() as connection:
            rows = [
                *connection.execute(others.group_by(polls.c.feed)),
                *connection.execute(query.group_by(feed_items.c.feed)),
            ]
        return {str(row.feed): (int(row.seen), int(row.failed or 0)) for row in rows}

    def verified(self, name: str, now: datetime) -> None:
        """Record that the feed could be read, if that was not known yet."""
        with self.store.writing() as connection:
            mine = update(feeds).where(feeds.c.id == name, feeds.c.verified_at.is_(None))
            connection.execute(mine.values(verified_at=to_ms(now), problem=None, problem_kind=None))

    def unreadable(self, name: str, problem: str, kind: FailureKind) -> None:
        """Record what a check found, for a feed that could never be read; for others the polls say more."""
        with self.store.writing() as connection:
            mine = update(feeds).where(feeds.c.id == name, feeds.c.verified_at.is_(None))
            connection.execute(mine.values(problem=problem, problem_kind=kind))

    def request_poll(self, name: str, now: datetime) -> None:
        """Poll the feed because it is reported to have news: at once, but not within ten seconds of the previous request.

        Otherwise repeating a signed push could make Wirewatch overload the feed.
        """
        now_ms = to_ms(now)
        with self.store.writing() as connection:
            before = connection.execute(select(feeds.c.requested_at).where(feeds.c.id == name)).scalar()
            at = max(now_ms, (before or 0) + _REQUESTS_MS) if (before or 0) <= now_ms else before
            sooner = case((feeds.c.next_poll_at < at, feeds.c.next_poll_at), else_=at)
            mine = update(feeds).where(feeds.c.id == name, feeds.c.active.is_(True))
            connection.execute(mine.values(requested_at=at, next_poll_at=sooner))

    def pending(self) -> int:
        """Return how many items of active feeds still wait for their article."""
        with self.store.reading() as connection:
            join = feed_items.join(feeds, feeds.c.id == feed_items.c.feed)
            query = select(feed_items.c.key).select_from(join)
            query = query.where(feeds.c.active.is_(True), feed_items.c.status == ItemStatus.PENDING.value)
            return len(connection.execute(query).all())


def _source(row: Row[Any]) -> Source:
    return Source(id=str(row.id), kind=str(row.kind), url=str(row.url), outlet=str(row.source))


def _item(row: Row[Any]) -> ItemState:
    try:
        return item_state(row)
    except (msgspec.DecodeError, ValueError) as error:
        raise StoreError(f"the items of feed {row.feed} cannot be read: {error}") from error


class _About(msgspec.Struct):
    outlet: str | None = None
    country: str | None = None


class Outlets:
    """Reads the feeds' rows; ``connectors.store.feeds`` writes them. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def outlets(self) -> list[FeedOutlet]:
        """One for each feed, removed ones too: their articles stay."""
        query = sa.select(feeds.c.source, feeds.c.title, feeds.c.about).order_by(feeds.c.source, feeds.c.url)
        found = []
        with self.store.reading() as connection:
            for row in connection.execute(query):
                about = msgspec.json.decode(row.about, type=_About) if row.about else _About()
                found.append(FeedOutlet(row.source, about.outlet or row.title, about.country))
        return found

    def counts(self) -> FeedCounts:
        """Counts of the watched feeds by health."""
        bad = sa.func.sum(sa.case((feeds.c.health.in_(("failing", "gone")), 1), else_=0))
        query = sa.select(sa.func.count(), bad, sa.func.max(feeds.c.last_ok_at)).where(feeds.c.active.is_(True))
        with self.store.reading() as connection:
            watched, failing, last_ok = connection.execute(query).one()
        return FeedCounts(watched, int(failing or 0), last_ok)
