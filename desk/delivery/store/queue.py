"""The queue of delivery: alerts from the outbox become deliveries, deliveries become messages, messages are sent.

    outbox ─ planned ─► deliveries: queued │ held until due │ muted │ withdrawn
                             queued ─► message of one        held, once due ─► message of all that is due: a digest
    messages: waiting ─ a process claims their channel ─► sent, or waiting again with a pause, or failed

Each arrow is one transaction, and repeating it changes nothing: ids are derived from the content, and existing rows are kept.
So a process may die at any point, and several may work side by side. The caller makes the decisions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from core.durations import HOUR_MS
from core.records import Subscription
from core.store import tables as t
from core.store.counts import add_counts, latency_counts
from core.store.engine import Store, chunks
from core.store.leases import LEASE_MS, Leases
from core.store.outbox import PEOPLE, Outbox, TakenRow
from core.store.subscriptions import LIVE, subscription
from core.store.takedowns import taken_down
from desk.delivery.store import tables as d
from desk.delivery.store.channels import Channel, Delivery, DeliveryRepository, Mute, channel_of, delivery_of, key_of

MOST_IN_DIGEST = 200
MESSAGES_SENT = "messages_sent"
"""The count of sent messages, by channel, stored under the scope's name instead of a run's."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent at once. ``id`` is the idempotency key that the receiver sees, the same for every try."""

    id: str
    channel: str
    subscription: str
    kind: Literal["alert", "digest", "kill", "test", "briefing"]
    level: str
    status: str = "waiting"
    due_ms: int = 0
    queued_ms: int = 0
    attempts: int = 0
    problem: str | None = None
    sent_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Background:
    """What planning needs to know about some alerts, from one state of the store.

    ``queued``: times of the last hour's messages, by (subscription, channel). ``outlets``: times of those with a single alert,
    by (subscription, channel, case-folded outlet), of subscriptions with a limit. ``told``: when a story was last sent to a
    channel, by (subscription, channel, story). ``earlier``: deliveries of the stories, by (subscription, story).
    """

    subscriptions: dict[str, Subscription]
    channels: dict[str, Channel]
    mutes: list[Mute]
    queued: dict[tuple[str, str], list[int]]
    outlets: dict[tuple[str, str, str], list[int]]
    told: dict[tuple[str, str, str], int]
    earlier: dict[tuple[str, str], list[Delivery]]


def message_of(one: Delivery) -> Message:
    """The message of a delivery that is sent alone."""
    return Message(
        id=key_of("message", one.id),
        channel=one.channel,
        subscription=one.subscription,
        kind=one.kind,
        level=one.level,
        due_ms=one.due_ms,
        queued_ms=one.planned_ms,
    )


class SendQueue:
    """The queue, used by one process. Thread-safe.

    ``worker`` is the name of the process (``core.processes``), which must be unique.
    """

    def __init__(self, store: Store, worker: str, *, lease_ms: int = LEASE_MS) -> None:
        self.store, self.worker = store, worker
        self._outbox = Outbox(store, worker, lease_ms=lease_ms)
        c = d.channels.c
        self.leases = Leases(store, c.name, c.leased_by, c.lease_until_ms, owner=worker, lease_ms=lease_ms)

    def take_alerts(self, limit: int, *, now_ms: int) -> list[TakenRow]:
        """Alerts to plan, leased to this process."""
        if not self._outbox.waiting({PEOPLE}):
            return []
        return self._outbox.take(limit, now_ms=now_ms, destinations={PEOPLE})

    def background(self, subscriptions: Iterable[str], stories: Iterable[str], *, now_ms: int) -> Background:
        """The background of these subscriptions and stories."""
        names, about = sorted(set(subscriptions)), sorted(set(stories))
        with self.store.reading() as connection:
            newest: dict[str, Subscription] = {}
            queued: dict[tuple[str, str], list[int]] = {}
            m, s = d.messages.c, t.subscriptions.c
            for part in chunks(names):
                mine = sa.select(t.subscriptions).where(s.scope == LIVE, s.id.in_(part)).order_by(s.version)
                newest |= {row.id: subscription(row) for row in connection.execute(mine)}
                lately = sa.select(m.subscription, m.channel, m.queued_ms).where(
                    m.subscription.in_(part), m.queued_ms > now_ms - HOUR_MS, m.kind != "test"
                )
                for row in connection.execute(lately.order_by(m.queued_ms)):
                    queued.setdefault((row.subscription, row.channel), []).append(row.queued_ms)
            limited = [name for name, one in newest.items() if one.schedule.per_hour]
            outlets = _by_outlet(connection, limited, now_ms)
            earlier: dict[tuple[str, str], list[Delivery]] = {}
            told: dict[tuple[str, str, str], int] = {}
            c = d.deliveries.c
            for some in chunks(names):
                for part in chunks(about):
                    theirs = sa.select(d.deliveries).where(c.subscription.in_(some), c.story.in_(part))
                    for found in connection.execute(theirs.order_by(c.planned_ms)):
                        one = delivery_of(found)
                        earlier.setdefault((one.subscription, one.story), []).append(one)
                        if one.status in ("queued", "sent"):
                            key = (one.subscription, one.channel, one.story)
                            told[key] = max(told.get(key, 0), one.sent_ms or one.planned_ms)
            channels = {
                row.name: channel_of(row)
                for row in connection.execute(sa.select(d.channels).where(d.channels.c.active))
            }
            until = d.mutes.c.until_ms
            in_force = sa.select(d.mutes).where(until.is_(None) | (until > now_ms))
            mutes = [Mute(**row) for row in connection.execute(in_force).mappings()]
            return Background(newest, channels, mutes, queued, outlets, told, earlier)

    def plan(
        self, taken: Sequence[TakenRow], planned: Sequence[Delivery], withdrawn: Sequence[tuple[str, str]]
    ) -> None:
        """Store the decisions on some alerts, and remove these from the outbox. ``withdrawn``: (id, reason) of held deliveries.

        Drops alerts of articles that were taken down after the alerts were read from the outbox.
        """
        with self.store.writing() as connection:
            # No takedown can happen between this read and the commit; a later one finds the deliveries and recalls them.
            self.store.serialise(connection, "takedowns")
            gone = taken_down(connection, {one.article for one in planned})
            planned = [one for one in planned if one.article not in gone]
            queued = [message_of(one) for one in planned if one.status == "queued"]
            by_delivery = {one.id: key_of("message", one.id) for one in planned if one.status == "queued"}
            rows = [msgspec.structs.asdict(one) | {"message": by_delivery.get(one.id)} for one in planned]
            self.store.insert_new(connection, d.deliveries, rows)
            self.store.insert_new(connection, d.messages, [msgspec.structs.asdict(one) for one in queued])
            withdraw(connection, withdrawn)
            for part in chunks([row.id for row in taken]):
                connection.execute(t.outbox.delete().where(t.outbox.c.id.in_(part)))

    def gather(self, *, now_ms: int) -> int:
        """Make messages of held deliveries that are due, one per subscription and channel. Returns how many.

        Deliveries that are due soon are not included; more than 200 make several messages.
        """
        c = d.deliveries.c
        with self.store.reading() as connection:
            if (
                connection.execute(sa.select(c.id).where(c.status == "held", c.due_ms <= now_ms).limit(1)).first()
                is None
            ):
                return 0
        with self.store.writing() as connection:
            self.store.serialise(connection, "digests")
            due = sa.select(d.deliveries).where(c.status == "held", c.due_ms <= now_ms)
            groups: dict[tuple[str, str], list[Delivery]] = {}
            for row in connection.execute(due.order_by(c.planned_ms, c.id).limit(20 * MOST_IN_DIGEST)):
                groups.setdefault((row.subscription, row.channel), []).append(delivery_of(row))
            made = 0
            for several in groups.values():
                for start in range(0, len(several), MOST_IN_DIGEST):
                    # A millisecond apart, so that they are sent in this order.
                    self._bundle(connection, several[start : start + MOST_IN_DIGEST], now_ms, now_ms + made)
                    made += 1
            return made

    def _bundle(self, connection: sa.Connection, several: Sequence[Delivery], now_ms: int, queued_ms: int) -> None:
        first = several[0]
        if len(several) == 1:
            message = msgspec.structs.replace(message_of(first), due_ms=now_ms, queued_ms=queued_ms)
        else:
            identity = key_of("digest", *sorted(one.id for one in several))
            message = Message(
                id=identity,
                channel=first.channel,
                subscription=first.subscription,
                kind="digest",
                level=first.level,
                due_ms=now_ms,
                queued_ms=queued_ms,
            )
        self.store.insert_new(connection, d.messages, [msgspec.structs.asdict(message)])
        for part in chunks([one.id for one in several]):
            change = d.deliveries.update().where(d.deliveries.c.id.in_(part))
            connection.execute(change.values(status="queued", message=message.id))

    def claim(self, *, now_ms: int, busy: Iterable[str] = (), limit: int = 8) -> list[Channel]:
        """Channels with messages to send now, leased to this process until ``settle``, without those in ``busy``."""
        m, c = d.messages.c, d.channels.c
        self.leases.free_dead(now_ms)
        free = c.active, c.not_before_ms <= now_ms, ~self.leases.counts(now_ms), c.name.not_in(sorted(busy))
        with self.store.reading() as connection:
            waiting = sa.select(m.id).where(m.channel == c.name, m.status == "waiting", m.due_ms <= now_ms).exists()
            names = connection.execute(sa.select(c.name).where(*free, waiting).limit(limit)).scalars().all()
        claimed = []
        for name in names:
            with self.store.writing() as connection:
                mine = d.channels.update().where(c.name == name, *free)
                until_ms = now_ms + self.leases.lease_ms
                if connection.execute(mine.values(leased_by=self.worker, lease_until_ms=until_ms)).rowcount:
                    row = connection.execute(sa.select(d.channels).where(c.name == name)).one()
                    claimed.append(channel_of(row))
        self.leases.taken([one.name for one in claimed], now_ms)
        return claimed

    def messages(self, channel: str, *, now_ms: int, limit: int = 50) -> list[tuple[Message, list[Delivery]]]:
        """The messages that wait for a channel, with their deliveries; test messages have none.

        Subscriptions take turns, each with its oldest first, so that one with many messages delays no other on the channel.
        """
        m, c = d.messages.c, d.deliveries.c
        with self.store.reading() as connection:
            due = sa.select(d.messages).where(m.channel == channel, m.status == "waiting", m.due_ms <= now_ms)
            oldest = (m.queued_ms, m.due_ms, m.id)
            turn = sa.func.row_number().over(partition_by=m.subscription, order_by=oldest)
            rows = connection.execute(due.order_by(turn, *oldest).limit(limit)).mappings().all()
            parts: dict[str, list[Delivery]] = {}
            for some in chunks([row["id"] for row in rows]):
                theirs = sa.select(d.deliveries).where(c.message.in_(some), c.status == "queued")
                for found in connection.execute(theirs.order_by(c.planned_ms, c.id)):
                    parts.setdefault(found.message, []).append(delivery_of(found))
            return [(Message(**row), parts.get(row["id"], [])) for row in rows]

    def waits_for(self, kill: Delivery) -> bool:
        """Whether the message that a kill notice retracts is still waiting; the notice must not be sent before it."""
        c = d.deliveries.c
        query = sa.select(c.id).where(
            c.subscription == kill.subscription,
            c.story == kill.story,
            c.channel == kill.channel,
            c.kind == "alert",
            c.status == "queued",
            c.planned_ms <= kill.planned_ms,
        )
        with self.store.reading() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def remove_gone(self, channel: Channel) -> bool:
        """See ``DeliveryRepository.remove_gone``."""
        return DeliveryRepository(self.store).remove_gone(channel)

    def settle(
        self,
        channel: str,
        changes: Sequence[tuple[Message, dict[str, Any]]],
        health: dict[str, Any],
        *,
        now_ms: int,
        release: bool,
    ) -> bool:
        """Store the results of some messages and the channel's health, in one transaction.

        ``release``: gives the channel back. Returns False if another process has claimed the channel meanwhile.
        """
        c = d.channels.c
        lease: dict[str, Any] = {"lease_until_ms": now_ms + self.leases.lease_ms}
        if release:
            lease = {"lease_until_ms": 0, "leased_by": None}
            self.leases.ended([channel])
        with self.store.writing() as connection:
            for message, change in changes:
                connection.execute(d.messages.update().where(d.messages.c.id == message.id).values(**change))
                status = change.get("status")
                if status in ("sent", "failed"):
                    theirs = d.deliveries.c.message == message.id, d.deliveries.c.status == "queued"
                    values: dict[str, Any] = {"status": status, "sent_ms": change.get("sent_ms")}
                    if status == "failed":
                        values["why"] = change.get("problem") or ""
                    connection.execute(d.deliveries.update().where(*theirs).values(**values))
            mine = d.channels.update().where(c.name == channel, c.leased_by == self.worker)
            ours = bool(connection.execute(mine.values(**health, **lease)).rowcount)
            # Last, since others update the same rows.
            went = {message.id: change["sent_ms"] for message, change in changes if change.get("status") == "sent"}
            count_delivered(self.store, connection, went)
            add_counts(self.store, connection, LIVE, {(MESSAGES_SENT, channel): len(went)} if went else {})
            return ours


class _Outlet(msgspec.Struct, frozen=True):
    """What is read of a delivery's alert."""

    source: str


def _by_outlet(
    connection: sa.Connection, subscriptions: Sequence[str], now_ms: int
) -> dict[tuple[str, str, str], list[int]]:
    """``outlets`` of the background."""
    m, c = d.messages.c, d.deliveries.c
    joined = d.messages.join(d.deliveries, c.message == m.id)
    query = sa.select(m.subscription, m.channel, m.queued_ms, c.record).select_from(joined)
    found: dict[tuple[str, str, str], list[int]] = {}
    for part in chunks(subscriptions):
        mine = query.where(m.subscription.in_(part), m.queued_ms > now_ms - HOUR_MS, m.kind == "alert")
        for row in connection.execute(mine):
            source = msgspec.json.decode(row.record, type=_Outlet).source.casefold()
            found.setdefault((row.subscription, row.channel, source), []).append(row.queued_ms)
    return found


def withdraw(connection: sa.Connection, several: Iterable[tuple[str, str]]) -> None:
    """Withdraw held deliveries, given as (id, reason), in the caller's transaction."""
    for identity, why in several:
        held = d.deliveries.c.id == identity, d.deliveries.c.status == "held"
        connection.execute(d.deliveries.update().where(*held).values(status="withdrawn", why=why))


OVER = ("sent", "muted", "withdrawn")
"""Final states of deliveries. Failed is not one of them, since a person may retry a failed delivery."""


def count_delivered(store: Store, connection: sa.Connection, sent_ms: Mapping[str, int]) -> None:
    """Count, in the caller's transaction, how long alerts took from the store to sending. ``sent_ms``: message id → time sent.

    Alerts that were held (digests, quiet hours, gathering) are left out, since that wait was intended.
    """
    c, a, s = d.deliveries.c, t.alerts.c, t.commits.c
    waits: defaultdict[str, list[int]] = defaultdict(list)
    joined = d.deliveries.join(t.alerts, (a.run == c.run) & (a.id == c.alert)).join(
        t.commits, (s.run == a.run) & (s.seq == a.seq)
    )
    query = sa.select(c.message, c.run, s.stored_ms).select_from(joined)
    for part in chunks(sorted(sent_ms)):
        mine = query.where(c.message.in_(part), c.status == "sent", c.kind == "alert", c.due_ms <= c.planned_ms)
        for message, run, stored_ms in connection.execute(mine):
            waits[run].append(sent_ms[message] - stored_ms)
    for run, found in sorted(waits.items()):
        add_counts(store, connection, run, latency_counts("store_to_delivery", found))


def forget_sent(store: Store, *, before_ms: int, limit: int) -> int:
    """Delete up to ``limit`` deliveries that were due and were sent before ``before_ms``, with their messages.

    Returns the number of deleted rows; 0 if nothing is left to delete. Keeps all deliveries of a story while one to the same
    subscription is newer: a retraction must find its receivers, and gathering its time. Keeps a message while one of its
    deliveries remains; otherwise it could be planned and sent again. Raises StoreError.
    """
    c, m = d.deliveries.c, d.messages.c
    later = d.deliveries.alias()
    goes_on = sa.exists().where(
        later.c.subscription == c.subscription,
        later.c.story == c.story,
        (later.c.due_ms >= before_ms) | (later.c.sent_ms >= before_ms),
    )
    # A delivery that waited for months and was sent today is not old. The index is on the due time.
    before = c.due_ms < before_ms, c.sent_ms.is_(None) | (c.sent_ms < before_ms)
    old = sa.select(c.id, c.message).where(c.status.in_(OVER), *before, ~goes_on).limit(limit)
    left = sa.exists().where(c.message == m.id)
    # Test messages and cancelled messages have no deliveries.
    # By channel, as in the index; otherwise this would read everything that was ever sent.
    single = (
        sa.select(m.id)
        .join(d.channels, d.channels.c.name == m.channel)
        .where(m.status.in_(("sent", "cancelled")), m.due_ms < before_ms, m.queued_ms < before_ms, ~left)
        .limit(limit)
    )
    with store.reading() as connection:
        rows = connection.execute(old).all()
        alone = [] if rows else list(connection.execute(single).scalars())
    if not rows and not alone:
        return 0
    gone = 0
    with store.writing() as connection:
        for part in chunks([row.id for row in rows]):
            theirs = c.id.in_(part), c.status.in_(OVER)
            gone += connection.execute(d.deliveries.delete().where(*theirs)).rowcount
        for part in chunks(sorted({row.message for row in rows if row.message is not None} | set(alone))):
            done = m.id.in_(part), m.status.in_(("sent", "cancelled")), ~left
            gone += connection.execute(d.messages.delete().where(*done)).rowcount
    return gone
