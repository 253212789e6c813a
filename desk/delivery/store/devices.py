"""Devices on which people are notified, and the key that signs pushes to them.

A person has one channel, which subscriptions choose, and each device is a channel below it (``Channel.person``). Times are ms,
UTC. Each call is one short transaction. Raises StoreError.
"""

from __future__ import annotations

import re
from itertools import chain, count

import sqlalchemy as sa

from core.graphemes import shortened
from core.store.engine import Store
from desk.delivery.store import tables as d
from desk.delivery.store.channels import DEVICE, Channel, channel_of, remove_channels, save_channel
from desk.delivery.vapid import new_private_key
from desk.language import N_

KIND = "webpush"
PER_MINUTE = 60
_KEY = "push"
_LONGEST = 50
_SPACE = re.compile(r"[\s/]+")


class DeviceRepository:
    """The devices of a store's people."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def channel(self, person: str) -> str | None:
        """The name of the channel that represents a person's devices; None if the person never had one."""
        with self._store.reading() as connection:
            return self._top(connection, person)

    def devices(self, person: str) -> list[Channel]:
        """A person's devices, the oldest first."""
        with self._store.reading() as connection:
            return _devices(connection, d.channels.c.person == person)

    def by_person(self) -> dict[str, list[Channel]]:
        """Everyone's devices by person, each the oldest first."""
        found: dict[str, list[Channel]] = {}
        with self._store.reading() as connection:
            for one in _devices(connection, d.channels.c.person.is_not(None)):
                found.setdefault(str(one.person), []).append(one)
        return found

    def add(
        self, person: str, owner: str, own_name: str, config: dict[str, str], *, most: int, now_ms: int
    ) -> str | None:
        """Add a device of a person (id and displayed name). Returns its channel's name; None if they have ``most`` already.

        ``config``: the device's address, keys and label. If the name belongs to another browser of theirs, name and label get a
        number. A browser has only one subscription, so a person who was notified there before no longer is.
        """
        c = d.channels.c
        with self._store.writing() as connection:
            self._store.serialise(connection, "devices")
            top = self._top(connection, person) or self._made_top(connection, person, owner, now_ms)
            every = _devices(connection, c.person.is_not(None))
            others = {one.name for one in every if one.person == person and one.config["url"] != config["url"]}
            if len(others) >= most:
                return None
            same = [one.name for one in every if one.config["url"] == config["url"]]
            remove_channels(connection, c.name.in_(same), N_("its browser was registered again"))
            name, number = f"{top}{DEVICE}{own_name}", 1
            while name in others:
                number += 1
                name = f"{top}{DEVICE}{own_name}-{number}"
            if number > 1:
                config = config | {"label": f"{config['label']} {number}"}
            made = Channel(
                name=name, kind=KIND, config=config, owner=owner, per_minute=PER_MINUTE, added_ms=now_ms, person=person
            )
            save_channel(self._store, connection, made)
            return name

    def remove(self, person: str, name: str) -> bool:
        """Remove a person's device. Returns False if the person has none with this name."""
        c = d.channels.c
        mine = c.person == person, c.name == name, c.name.contains(DEVICE)
        with self._store.writing() as connection:
            return bool(remove_channels(connection, sa.and_(*mine), N_("the device was removed")))

    def _made_top(self, connection: sa.Connection, person: str, owner: str, now_ms: int) -> str:
        """Create the channel that represents a person's devices. Returns its name."""
        name = f"push-{shortened(_SPACE.sub('-', owner), _LONGEST, mark='')}"
        # Including names of removed channels, since subscriptions may still list them.
        taken = set(connection.execute(sa.select(d.channels.c.name)).scalars())
        names = chain([name], (f"{name}-{number}" for number in count(2)))
        name = next(one for one in names if one not in taken)
        made = Channel(name=name, kind=KIND, config={}, owner=owner, per_minute=0, added_ms=now_ms, person=person)
        save_channel(self._store, connection, made)
        return name

    @staticmethod
    def _top(connection: sa.Connection, person: str) -> str | None:
        c = d.channels.c
        mine = sa.select(c.name).where(c.person == person, c.active, ~c.name.contains(DEVICE))
        return connection.execute(mine.order_by(c.added_ms, c.name)).scalar()


class PushKeys:
    """The key pair with which this installation signs pushes. There is only one: browsers' subscriptions are bound to it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def private(self) -> str:
        """The private key; empty if there is none yet."""
        c = d.delivery_keys.c
        with self._store.reading() as connection:
            return str(connection.execute(sa.select(c.value).where(c.name == _KEY)).scalar() or "")

    def made(self, *, now_ms: int) -> str:
        """The private key, created if there is none; several processes create only one."""
        if found := self.private():
            return found
        with self._store.writing() as connection:
            row = {"name": _KEY, "value": new_private_key(), "made_ms": now_ms}
            self._store.insert_new(connection, d.delivery_keys, [row])
        return self.private()

    def renew(self, *, now_ms: int) -> int:
        """Create a new key pair, and remove all devices, whose browsers are bound to the old one. Returns how many."""
        with self._store.writing() as connection:
            self._store.serialise(connection, "devices")
            row = {"name": _KEY, "value": new_private_key(), "made_ms": now_ms}
            self._store.upsert(connection, d.delivery_keys, [row])
            bound = (d.channels.c.kind == KIND) & d.channels.c.name.contains(DEVICE)
            return len(remove_channels(connection, bound, N_("the key for notifications was renewed")))


def remove_devices(connection: sa.Connection, person: str) -> None:
    """Remove a person's devices, in the caller's transaction. Their channel remains, for subscriptions that name it."""
    c = d.channels.c
    remove_channels(connection, (c.person == person) & c.name.contains(DEVICE), N_("its owner's devices were removed"))


def _devices(connection: sa.Connection, whose: sa.ColumnElement[bool]) -> list[Channel]:
    c = d.channels.c
    query = sa.select(d.channels).where(whose, c.active, c.name.contains(DEVICE))
    return [channel_of(row) for row in connection.execute(query.order_by(c.added_ms, c.name))]
