"""Stored subscriptions, topics and labels of outlets: every version, with the event time from which it is in force.

See docs/architecture.md, "Replay equals live".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records import Subscription
from core.store import tables as t
from core.store.engine import Store, chunks
from core.store.metadata import storable

# A version is in force from its saving plus this margin, which gives every worker time to see it first.
MARGIN_MS = 2_000
# Versions that were read are valid this long. The rest of the margin covers the time between reading the clock and the
# commit, and differences between clocks: a reader in between would miss the new version.
FRESH_MS = 1_000
FROM_THE_BEGINNING = 0
LIVE = "live"
_COLUMNS = {"id", "query", "name", "owner", "version", "effective_from_ms", "active", "edited_by", "saved_ms", "schema"}
# All other fields are stored as JSON if they differ from their defaults: a new field needs no column.
RULES = tuple(name for name in Subscription.__struct_fields__ if name not in _COLUMNS)
_UNRULED = Subscription(id="", query="")


class StoredTopic(msgspec.Struct, frozen=True):
    """One version of a topic, as TOML text. ``saved_by``: who saved it on the desk; empty: it comes from a file."""

    name: str
    version: int
    definition: str
    effective_from_ms: int = FROM_THE_BEGINNING
    active: bool = True
    saved_by: str = ""


class OutletVersion(msgspec.Struct, frozen=True):
    """All ``labels`` of an outlet from a time on, sorted; empty: they were removed. ``outlet`` is case-folded."""

    outlet: str
    version: int
    labels: tuple[str, ...]
    effective_from_ms: int = FROM_THE_BEGINNING

    @property
    def active(self) -> bool:
        """Whether there are any labels."""
        return bool(self.labels)


class StoredQueries(msgspec.Struct, frozen=True):
    """All versions in a scope, complete for articles with event times up to ``good_until_ms``.

    ``subscribed``: whether any version of a subscription is active.
    """

    subscriptions: tuple[Subscription, ...]
    topics: tuple[StoredTopic, ...]
    good_until_ms: int
    stamp: tuple[int, ...]
    labels: tuple[OutletVersion, ...] = ()
    subscribed: bool = False


class SubscriptionStore:
    """Reads and saves the subscriptions, topics and labels of a scope: ``live``, or the name of a run with its own ones.

    Raises StoreError. Safe for threads and processes.
    """

    def __init__(self, store: Store, scope: str = LIVE) -> None:
        self.store, self.scope = store, scope

    def stamp(self) -> tuple[int, ...]:
        """A stamp that changes whenever anything is saved: rows are only ever added."""
        with self.store.reading() as connection:
            return self._stamp(connection)

    def read(self, *, now_ms: int, subscriptions: bool = True) -> StoredQueries:
        """Everything saved so far. ``now_ms``: the clock, read before this call. ``subscriptions`` False: without these."""
        c = t.subscriptions.c
        queries = sa.select(t.subscriptions).where(c.scope == self.scope)
        active = sa.select(sa.literal(1)).where(c.scope == self.scope, c.active).limit(1)
        topics = sa.select(t.topics).where(t.topics.c.scope == self.scope)
        with self.store.reading() as connection:
            stamp = self._stamp(connection)
            subscribed = connection.execute(active).first() is not None
            ordered = connection.execute(queries.order_by(c.id, c.version)) if subscriptions else ()
            found = tuple(subscription(row) for row in ordered)
            shelved = tuple(
                StoredTopic(row.name, row.version, row.definition, row.effective_from_ms, row.active, row.saved_by)
                for row in connection.execute(topics.order_by(t.topics.c.name, t.topics.c.version))
            )
            labels = tuple(self._labels(connection))
        return StoredQueries(found, shelved, now_ms + FRESH_MS, stamp, labels, subscribed)

    def labels(self) -> dict[str, tuple[str, ...]]:
        """The newest labels of each outlet with labels, by case-folded name."""
        with self.store.reading() as connection:
            newest = {one.outlet: one.labels for one in self._labels(connection)}
        return {outlet: labels for outlet, labels in newest.items() if labels}

    def save_labels(
        self,
        connection: sa.Connection,
        outlet: str,
        labels: Collection[str],
        *,
        by: str,
        now_ms: int,
        from_the_beginning: bool = False,
    ) -> None:
        """Save all labels of an outlet, in the caller's transaction; in force from the same time as a subscription would be.

        Nothing is saved if the outlet already has these labels.
        """
        outlet, sorted_labels = storable(outlet.casefold()), tuple(sorted({storable(one) for one in labels}))
        self.store.serialise(connection, f"queries of {self.scope}")
        encoded = msgspec.json.encode(sorted_labels).decode()
        old = self._newest(connection, t.label_versions, "outlet", t.label_versions.c.outlet == outlet).get(outlet)
        if encoded == (old["labels"] if old else "[]"):
            return
        start = FROM_THE_BEGINNING if from_the_beginning else now_ms + MARGIN_MS
        row = {"scope": self.scope, "outlet": outlet, "version": old["version"] + 1 if old else 1, "labels": encoded}
        row |= {"effective_from_ms": start, "saved_ms": now_ms, "saved_by": storable(by)}
        self.store.insert_new(connection, t.label_versions, [row])

    def save_subscriptions(
        self, wanted: Sequence[Subscription], *, now_ms: int, from_the_beginning: bool = False
    ) -> int:
        """Save the subscriptions that differ from their newest stored version, and return how many did.

        They are in force from now plus the margin, or from the beginning of time. ``version``, ``effective_from_ms``
        and ``saved_ms`` are ignored; ``edited_by`` is stored as the author of the version, but doesn't count as a
        difference.
        """
        start = FROM_THE_BEGINNING if from_the_beginning else now_ms + MARGIN_MS
        with self.store.writing() as connection:
            self.store.serialise(connection, f"queries of {self.scope}")
            newest = self._newest(connection, t.subscriptions, "id")
            rows = []
            for one in wanted:
                identity = storable(one.id)
                texts = {"query": storable(one.query), "name": storable(one.name), "owner": storable(one.owner)}
                what: dict[str, Any] = texts | {"active": one.active, "rules": rules_of(one)}
                old = newest.get(identity)
                if old is not None and all(old[name] == value for name, value in what.items()):
                    continue
                version = old["version"] + 1 if old is not None else 1
                row = {"scope": self.scope, "id": identity, "version": version, "effective_from_ms": start} | what
                rows.append(row | {"saved_ms": now_ms, "edited_by": storable(one.edited_by)})
                # If an id is given twice, the second is compared with the first.
                newest[identity] = rows[-1]
            self.store.insert_new(connection, t.subscriptions, rows)
            return len(rows)

    def newest(self, identity: str) -> Subscription | None:
        """The newest version of a subscription, even if it has ended; None if there never was one."""
        return next(iter(self.history(identity)), None)

    def history(self, identity: str) -> list[Subscription]:
        """All versions of a subscription, newest first."""
        c = t.subscriptions.c
        query = sa.select(t.subscriptions).where(c.scope == self.scope, c.id == identity).order_by(c.version.desc())
        with self.store.reading() as connection:
            return [subscription(row) for row in connection.execute(query)]

    def versions(self, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], Subscription]:
        """The versions with these (id, version), by these; unknown ones are left out. A version never changes."""
        c = t.subscriptions.c
        found = {}
        with self.store.reading() as connection:
            for part in chunks(sorted({identity for identity, _ in wanted})):
                query = sa.select(t.subscriptions).where(c.scope == self.scope, c.id.in_(part))
                for row in connection.execute(query):
                    if (row.id, row.version) in wanted:
                        found[row.id, row.version] = subscription(row)
        return found

    def save_topics(self, definitions: Mapping[str, str], *, now_ms: int) -> int:
        """Save the topics from files (name → TOML text) that differ from the stored ones, and return how many did.

        The first topics of a scope are in force from the beginning of time; later ones and changes from now plus the
        margin. A stored topic that is no longer given ends then. A version that was saved on the desk stays unless its
        file has changed.
        """
        definitions = {storable(name): storable(text) for name, text in definitions.items()}
        with self.store.writing() as connection:
            self.store.serialise(connection, f"queries of {self.scope}")
            newest = self._newest(connection, t.topics, "name")
            of_files = self._newest(connection, t.topics, "name", t.topics.c.saved_by == "")
            start = now_ms + MARGIN_MS if newest else FROM_THE_BEGINNING
            rows = []
            for name in sorted({*definitions, *newest}):
                old, text = newest.get(name), definitions.get(name)
                if old and old["saved_by"] and text == (of_files[name]["definition"] if name in of_files else None):
                    continue
                if old and old["active"] == (text is not None) and text in (None, old["definition"]):
                    continue
                row = {"scope": self.scope, "name": name, "version": old["version"] + 1 if old else 1}
                what = {"effective_from_ms": start, "active": text is not None, "saved_ms": now_ms, "saved_by": ""}
                rows.append(row | what | {"definition": text if text is not None else old["definition"] if old else ""})
            self.store.insert_new(connection, t.topics, rows)
            return len(rows)

    def save_topic(self, name: str, definition: str, *, by: str, based_on: int, now_ms: int) -> StoredTopic | None:
        """Save one topic for ``by``, in force from now plus the margin.

        Returns None if its newest version is not ``based_on`` (0: there is none), since another was saved in the meantime.
        """
        name, definition = storable(name), storable(definition)
        with self.store.writing() as connection:
            self.store.serialise(connection, f"queries of {self.scope}")
            old = self._newest(connection, t.topics, "name", t.topics.c.name == name).get(name)
            if (old["version"] if old else 0) != based_on:
                return None
            saved = StoredTopic(name, based_on + 1, definition, now_ms + MARGIN_MS, True, storable(by))
            row = msgspec.structs.asdict(saved) | {"scope": self.scope, "saved_ms": now_ms}
            self.store.insert_new(connection, t.topics, [row])
            return saved

    def _labels(self, connection: sa.Connection) -> Iterator[OutletVersion]:
        """All versions, by outlet and version."""
        c = t.label_versions.c
        query = sa.select(t.label_versions).where(c.scope == self.scope).order_by(c.outlet, c.version)
        for row in connection.execute(query):
            labels = msgspec.json.decode(row.labels, type=tuple[str, ...])
            yield OutletVersion(row.outlet, row.version, labels, row.effective_from_ms)

    def _stamp(self, connection: sa.Connection) -> tuple[int, ...]:
        return tuple(
            connection.execute(sa.select(sa.func.count()).where(table.c.scope == self.scope)).scalar_one()
            for table in (t.subscriptions, t.topics, t.label_versions)
        )

    def _newest(
        self, connection: sa.Connection, table: sa.Table, key: str, only: sa.ColumnElement[bool] | None = None
    ) -> dict[str, Mapping[str, Any]]:
        query = sa.select(table).where(table.c.scope == self.scope).order_by(table.c.version)
        if only is not None:
            query = query.where(only)
        return {row[key]: dict(row) for row in connection.execute(query).mappings()}


def rules_of(one: Subscription) -> str:
    """The fields in ``RULES`` that differ from their defaults, as JSON for the column ``rules``."""
    different = {name: getattr(one, name) for name in RULES if getattr(one, name) != getattr(_UNRULED, name)}
    return storable(msgspec.json.encode(different).decode())


def subscription(row: sa.Row[Any]) -> Subscription:
    """The subscription for a row of ``subscriptions``."""
    plain = {
        "id": row.id,
        "query": row.query,
        "name": row.name,
        "owner": row.owner,
        "version": row.version,
        "effective_from_ms": row.effective_from_ms,
        "active": row.active,
        "edited_by": row.edited_by,
        "saved_ms": row.saved_ms,
    }
    if row.rules == "{}":
        return Subscription(**plain)
    return msgspec.convert(plain | msgspec.json.decode(row.rules), Subscription)
