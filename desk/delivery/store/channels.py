"""Delivery's state in the store: channels, mutes, and what was sent to whom.

This module only stores; ``desk.delivery`` decides what is sent when. Times are milliseconds since the epoch, UTC. Every call
is one transaction and raises StoreError if the store fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from core.records import Alert, decode
from core.settings import Settings
from core.store.canary import CanaryState, canary_state
from core.store.engine import Store, chunks
from core.store.metadata import storable
from desk.delivery.store import tables as d
from desk.language import N_

MuteKind = Literal["story", "outlet"]
Status = Literal["held", "muted", "queued", "sent", "failed", "withdrawn"]


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A way to reach people. ``config`` contains addresses and tokens: show it only through ``desk.delivery.secrets``.

    ``health`` is new, ok or failing; ``problem`` is the last failure in plain language, without secrets. Nothing is sent before
    ``not_before_ms``.

    ``person`` is set for devices that a person is notified on, and for the channel that represents all of them. A device is a
    separate channel with its own pauses; its name is that of the representing channel, a slash, and its own.
    """

    name: str
    kind: str
    config: dict[str, Any]
    owner: str = ""
    per_minute: int = 60
    active: bool = True
    added_ms: int = 0
    health: str = "new"
    problem: str | None = None
    failures: int = 0
    last_ok_ms: int | None = None
    last_failed_ms: int | None = None
    not_before_ms: int = 0
    person: str | None = None


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """A story or an outlet for which nothing is sent until ``until_ms`` (None: until the mute is removed).

    ``subscription`` empty: for all subscriptions of ``owner``.
    """

    kind: MuteKind
    value: str
    owner: str
    id: str = ""
    subscription: str = ""
    until_ms: int | None = None
    muted_by: str = ""
    muted_ms: int = 0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery of one alert on one channel. ``id`` is derived from both, so planning it again changes nothing.

    ``why`` says in plain language why it is held, muted or withdrawn. ``message``: the id of the message that it is sent in.
    """

    id: str
    run: str
    alert: str
    subscription: str
    story: str
    article: str
    channel: str
    kind: Literal["alert", "kill"]
    level: str
    status: Status
    why: str
    due_ms: int
    planned_ms: int
    message: str | None = None
    sent_ms: int | None = None
    record: str = ""

    @property
    def content(self) -> Alert:
        """The alert itself."""
        return decode(self.record.encode(), Alert)


class DeliveryRepository:
    """Channels, mutes and deliveries, for the command line and the desk."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def save_channel(self, channel: Channel) -> bool:
        """Add a channel, or change its kind, address, owner and pace. Resets its health. Returns True if it is new."""
        with self.store.writing() as connection:
            return save_channel(self.store, connection, channel)

    def channels(self, owner: str | None = None) -> list[Channel]:
        """All channels except devices, or those of one owner, by name."""
        c = d.channels.c
        query = sa.select(d.channels).where(c.active, ~c.name.contains(DEVICE)).order_by(c.name)
        if owner is not None:
            query = query.where(d.channels.c.owner == owner)
        with self.store.reading() as connection:
            return [channel_of(row) for row in connection.execute(query)]

    def channel(self, name: str) -> Channel | None:
        """One channel; None if it does not exist."""
        query = sa.select(d.channels).where(d.channels.c.name == name, d.channels.c.active)
        with self.store.reading() as connection:
            row = connection.execute(query).one_or_none()
            return channel_of(row) if row is not None else None

    def remove_channel(self, name: str) -> bool:
        """Remove a channel with its devices and addresses. Returns False if there is none.

        Messages that wait for it are marked as failed, not deleted.
        """
        c = d.channels.c
        below = sa.func.substr(c.name, 1, len(name) + 1) == f"{name}{DEVICE}"
        with self.store.writing() as connection:
            return bool(remove_channels(connection, (c.name == name) | below, N_("the channel was removed")))

    def remove_gone(self, channel: Channel) -> bool:
        """Remove a channel whose receiver is gone. Returns False if its address has changed, or it was removed."""
        with self.store.writing() as connection:
            same = d.channels.c.name == channel.name, d.channels.c.config == _config(channel)
            return bool(remove_channels(connection, sa.and_(*same), N_("its receiver no longer exists")))

    def retry_channel(self, name: str, *, now_ms: int) -> int:
        """Make the channel try at once, and queue its failed messages again. Returns their number."""
        c = d.messages.c
        with self.store.writing() as connection:
            connection.execute(d.channels.update().where(d.channels.c.name == name).values(not_before_ms=0))
            failed = connection.execute(sa.select(c.id).where(c.channel == name, c.status == "failed")).scalars().all()
            for part in chunks(failed):
                again = {"status": "waiting", "due_ms": now_ms, "attempts": 0, "queued_ms": now_ms}
                connection.execute(d.messages.update().where(c.id.in_(part)).values(**again))
                theirs = d.deliveries.c.message.in_(part)
                connection.execute(d.deliveries.update().where(theirs).values(status="queued", why=""))
            return len(failed)

    def mute(self, one: Mute) -> Mute:
        """Store a mute, replacing one of the same thing. Computes its ``id``."""
        made = msgspec.structs.replace(one, id=key_of("mute", one.owner, one.subscription, one.kind, one.value))
        row = msgspec.structs.asdict(made)
        with self.store.writing() as connection:
            self.store.upsert(connection, d.mutes, [row])
        return made

    def unmute(self, identity: str) -> bool:
        """Remove a mute. Returns False if there is none."""
        with self.store.writing() as connection:
            return bool(connection.execute(d.mutes.delete().where(d.mutes.c.id == identity)).rowcount)

    def mutes(self, *, now_ms: int) -> list[Mute]:
        """Mutes in force, oldest first."""
        c = d.mutes.c
        query = sa.select(d.mutes).where(c.until_ms.is_(None) | (c.until_ms > now_ms)).order_by(c.muted_ms, c.id)
        with self.store.reading() as connection:
            return [Mute(**row) for row in connection.execute(query).mappings()]

    def deliveries_of(self, alerts: Iterable[str]) -> dict[str, list[Delivery]]:
        """The deliveries of these alerts on each channel, by alert id; alerts without a channel are left out."""
        found: dict[str, list[Delivery]] = {}
        with self.store.reading() as connection:
            for part in chunks(sorted(set(alerts))):
                query = sa.select(d.deliveries).where(d.deliveries.c.alert.in_(part))
                for row in connection.execute(query.order_by(d.deliveries.c.planned_ms, d.deliveries.c.id)):
                    found.setdefault(row.alert, []).append(delivery_of(row))
        return found


DEVICE = "/"
"""Separates the channel's name and the device's in the name of a device's channel; no other name contains it."""


def devices_by_channel(names: Iterable[str]) -> dict[str, list[str]]:
    """The names of devices, by the channel that represents them."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        channel, slash, _ = name.partition(DEVICE)
        if slash:
            found.setdefault(channel, []).append(name)
    return found


def save_channel(store: Store, connection: sa.Connection, channel: Channel) -> bool:
    """Add or change a channel within the caller's transaction; see ``DeliveryRepository.save_channel``."""
    row = {
        "name": storable(channel.name),
        "kind": channel.kind,
        "owner": storable(channel.owner),
        "config": _config(channel),
        "per_minute": channel.per_minute,
        "active": True,
        "added_ms": channel.added_ms,
        "health": "new",
        "problem": None,
        "failures": 0,
        "not_before_ms": 0,
        "person": channel.person,
    }
    c = d.channels.c
    known = connection.execute(sa.select(c.name).where(c.name == row["name"], c.active)).first()
    store.upsert(connection, d.channels, [{**row, "lease_until_ms": 0}])
    return known is None


def remove_channels(connection: sa.Connection, which: sa.ColumnElement[bool], why: str) -> list[str]:
    """Remove channels with their addresses, in the caller's transaction. Returns their names. Waiting messages fail."""
    c = d.channels.c
    names = list(connection.execute(sa.select(c.name).where(which, c.active)).scalars())
    for part in chunks(names):
        connection.execute(d.channels.update().where(c.name.in_(part)).values(active=False, config="{}"))
        waiting = d.messages.c.channel.in_(part), d.messages.c.status == "waiting"
        connection.execute(d.messages.update().where(*waiting).values(status="failed", problem=why))
        left = d.deliveries.c.channel.in_(part), d.deliveries.c.status.in_(("held", "queued"))
        connection.execute(d.deliveries.update().where(*left).values(status="failed", why=why))
    return names


def _config(channel: Channel) -> str:
    return msgspec.json.encode(channel.config).decode()


def key_of(*parts: str) -> str:
    """A hash of the parts, used as the id of a delivery (alert, channel, kind), a message or a mute."""
    joined = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def channel_of(row: Any) -> Channel:
    """The channel of a row."""
    values = {name: getattr(row, name) for name in Channel.__struct_fields__}
    return Channel(**{**values, "config": msgspec.json.decode(row.config)})


def delivery_of(row: Any) -> Delivery:
    """The delivery of a row."""
    return Delivery(**{name: getattr(row, name) for name in Delivery.__struct_fields__})


def rows_of(several: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Deliveries as rows."""
    return [msgspec.structs.asdict(one) for one in several]


def any_active(store: Store) -> bool:
    """Whether a channel is active, so that alerts and canaries must be delivered. Raises StoreError."""
    with store.reading() as connection:
        return connection.execute(sa.select(d.channels.c.name).where(d.channels.c.active).limit(1)).first() is not None


def canary_of(settings: Settings, store: Store, now_ms: int) -> CanaryState:
    """The state of the configured run's canaries, which must reach delivery if a channel is active. Raises StoreError."""
    return canary_state(
        store, settings.run, now_ms=now_ms, interval_s=settings.canary_interval_s, channels=any_active(store)
    )
