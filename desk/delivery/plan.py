"""Decides what happens to an alert on a channel, and when. Pure: the caller passes everything it depends on, also the time.

The first rule that applies decides:

1. the subscription or channel no longer exists: withdrawn;
2. a retraction: a kill notice if the channel was sent what it retracts; deliveries still held are withdrawn, and if nothing
   was sent, there is nothing to retract;
3. subscription muted or paused, story muted, outlet muted: muted, but visible at the desk;
4. at or above the breakthrough level: now;
5. a digest schedule: held until the next digest;
6. quiet hours: held until they end;
7. more on a story that was sent to this channel less than ``gather_s`` ago: held until that time is over;
8. ``per_hour`` messages in the last hour, or three quarters of them of the alert's outlet: held until the next full hour, so
   that an outlet that floods leaves room for the others;
9. otherwise: now.

Held deliveries are sent together when they are due. A due time within quiet hours moves to their end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from core.durations import HOUR_MS
from core.records import Alert, Subscription, encode, from_ms, to_ms
from core.records.alert import LEVELS, Level, Schedule
from desk.delivery.store.channels import Delivery, Mute, Status, devices_by_channel, key_of
from desk.delivery.store.queue import Background
from desk.delivery.times import after_quiet, next_digest, next_hour, quiet_until, zone_of
from desk.language import N_

RETRACTION = "retraction"
_DIGESTS = {"hourly": N_("hourly digest"), "daily": N_("daily digest")}
_STATES = {"muted": N_("the subscription is muted"), "paused": N_("the subscription is paused")}
UNSENT = N_("the alert that it withdraws had not been sent")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of a delivery, its due time, and the reason in plain language."""

    status: Status
    due_ms: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Deliveries to store, and (id, reason) of held deliveries to withdraw."""

    deliveries: tuple[Delivery, ...]
    withdrawn: tuple[tuple[str, str], ...]


def plan_all(alerts: Sequence[Alert], known: Background, now_ms: int) -> Plan:
    """Plan alerts in order; each takes the deliveries of the alerts before it into account.

    A delivery to a channel with devices goes to each device.
    """
    devices = devices_by_channel(known.channels)
    planned: list[Delivery] = []
    withdrawn: list[tuple[str, str]] = []
    for alert in alerts:
        subscription = known.subscriptions.get(alert.subscription)
        channels = subscription.delivery if subscription is not None and subscription.active else alert.channels
        for channel in dict.fromkeys(one for name in channels for one in devices.get(name, (name,))):
            earlier = [
                one for one in known.earlier.get((alert.subscription, alert.story), ()) if one.channel == channel
            ]
            kind = "alert"
            if alert.reason == RETRACTION:
                held, sent = _taken_back(alert, earlier)
                withdrawn += [(one.id, "retracted before it was sent") for one in held]
                kind = "kill" if sent else "alert"
                verdict = (
                    decide(alert, channel, subscription, known, now_ms, kill=True)
                    if sent
                    else Verdict("withdrawn", now_ms, UNSENT)
                )
            else:
                verdict = decide(alert, channel, subscription, known, now_ms)
            # A millisecond apart, so that they are sent in this order.
            one = delivery(alert, channel, kind, verdict, now_ms + len(planned))
            planned.append(one)
            _remember(known, one, alert.source, now_ms)
    return Plan(tuple(planned), tuple(withdrawn))


def decide(
    alert: Alert, channel: str, subscription: Subscription | None, known: Background, now_ms: int, *, kill: bool = False
) -> Verdict:
    """The verdict on one alert for one channel. ``kill``: it retracts something that was sent there, so mutes don't apply."""
    if subscription is None or not subscription.active:
        return Verdict("withdrawn", now_ms, N_("the subscription was removed"))
    if channel not in known.channels:
        return Verdict("withdrawn", now_ms, f"there is no channel {channel!r}")
    if not kill and (why := muted(alert, subscription, known.mutes, now_ms)):
        return Verdict("muted", now_ms, why)
    schedule, now = subscription.schedule, from_ms(now_ms)
    if breaks_through(alert.level, schedule):
        return Verdict("queued", now_ms)
    if schedule.kind != "immediate" and not kill:
        return _held(after_quiet(schedule, next_digest(schedule, now)), _DIGESTS[schedule.kind])
    if (until := quiet_until(schedule, now)) is not None:
        return _held(until, N_("quiet hours"))
    last_ms = known.told.get((subscription.id, channel, alert.story))
    if last_ms is not None and not kill and now_ms < last_ms + schedule.gather_s * 1_000:
        due = from_ms(last_ms) + timedelta(seconds=schedule.gather_s)
        return _held(
            after_quiet(schedule, due),
            N_("an alert on this story was just sent: further ones are collected and sent together"),
        )
    if schedule.per_hour and not kill and (over := _over(alert, channel, subscription, known, now_ms)):
        due = after_quiet(schedule, next_hour(now, zone_of(schedule.zone)))
        return _held(due, f"over {over}: the rest comes in a digest")
    return Verdict("queued", now_ms)


def muted(alert: Alert, subscription: Subscription, mutes: Sequence[Mute], now_ms: int) -> str:
    """The reason why the alert is muted for the subscription now; "" if it isn't."""
    if subscription.state in ("muted", "paused"):
        return _STATES[subscription.state]
    for mute in mutes:
        mine = mute.subscription == subscription.id or (not mute.subscription and mute.owner == subscription.owner)
        if not mine or (mute.until_ms is not None and mute.until_ms <= now_ms):
            continue
        if mute.kind == "story" and mute.value == alert.story:
            return N_("the story is muted")
        if mute.kind == "outlet" and mute.value.casefold() == alert.source.casefold():
            return f"the outlet {alert.source} is muted"
    return ""


def breaks_through(level: Level, schedule: Schedule) -> bool:
    """Whether an alert of this level is sent regardless of the schedule."""
    return schedule.breakthrough != "never" and LEVELS.index(level) >= LEVELS.index(schedule.breakthrough)


def may_go(level: str, kind: str, schedule: Schedule | None, now_ms: int) -> int | None:
    """None if a message may be sent now, else when: quiet hours may have begun while it waited for its channel."""
    if schedule is None or kind == "test" or (level in LEVELS and breaks_through(level, schedule)):
        return None
    until = quiet_until(schedule, from_ms(now_ms))
    return None if until is None else to_ms(until)


def delivery(alert: Alert, channel: str, kind: str, verdict: Verdict, now_ms: int) -> Delivery:
    """The delivery of an alert on a channel. Its id is derived from run, alert, channel and kind."""
    return Delivery(
        id=key_of("delivery", alert.run, alert.id, channel, kind),
        run=alert.run,
        alert=alert.id,
        subscription=alert.subscription,
        story=alert.story,
        article=alert.article,
        channel=channel,
        kind="kill" if kind == "kill" else "alert",
        level=alert.level,
        status=verdict.status,
        why=verdict.why,
        due_ms=verdict.due_ms,
        planned_ms=now_ms,
        record=encode(replace(alert, matches=())).decode(),
    )


def _over(alert: Alert, channel: str, subscription: Subscription, known: Background, now_ms: int) -> str:
    """The limit of messages that was reached in the last hour, of all or of the alert's outlet; "" if none was."""
    most, since_ms = subscription.schedule.per_hour, now_ms - HOUR_MS
    every = known.queued.get((subscription.id, channel), ())
    if sum(at > since_ms for at in every) >= most:
        return f"{most} messages in an hour"
    theirs, share = known.outlets.get((subscription.id, channel, alert.source.casefold()), ()), most - most // 4
    if sum(at > since_ms for at in theirs) >= share:
        return f"{share} messages in an hour from {alert.source}"
    return ""


def _held(due: datetime, why: str) -> Verdict:
    return Verdict("held", to_ms(due.astimezone(UTC)), why)


def _taken_back(alert: Alert, earlier: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
    """The earlier deliveries that a retraction covers: (still held, sent or possibly sent)."""
    about = [one for one in earlier if one.article in alert.withdrawn and one.alert != alert.id]
    held = [one for one in about if one.status == "held"]
    return held, [one for one in about if one.status in ("sent", "queued")]


def _remember(known: Background, one: Delivery, source: str, now_ms: int) -> None:
    known.earlier.setdefault((one.subscription, one.story), []).append(one)
    if one.status == "queued":
        known.told[one.subscription, one.channel, one.story] = now_ms
        known.queued.setdefault((one.subscription, one.channel), []).append(now_ms)
        if one.kind == "alert":  # as in the store's query: kill notices take no outlet's share
            known.outlets.setdefault((one.subscription, one.channel, source.casefold()), []).append(now_ms)
