"""What becomes of an alert, rule by rule; nothing is lost, whatever the rules say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.records import Alert, Subscription
from core.records.alert import LEVELS, Level, Schedule
from desk.delivery.plan import UNSENT, Plan, decide, may_go, plan_all
from desk.delivery.sending import GIVE_UP_MS, gives_up, pace_ms, pause_s
from desk.delivery.store.channels import Channel, Mute
from desk.delivery.store.queue import Background, Message
from tests.desk.delivery.support import HOUR, MINUTE, NOON_MS, alert, subscription

NIGHT_MS = int(datetime(2026, 3, 2, 23, tzinfo=UTC).timestamp() * 1_000)
MORNING_MS = int(datetime(2026, 3, 3, 7, tzinfo=UTC).timestamp() * 1_000)


def known(one: Subscription | None, **fields: Any) -> Background:
    channels = {name: Channel(name=name, kind="webhook", config={}) for name in ("hook", "mail")}
    made: dict[str, Any] = {
        "subscriptions": {one.id: one} if one else {},
        "channels": channels,
        "mutes": [],
        "queued": {},
        "outlets": {},
        "told": {},
        "earlier": {},
    }
    return Background(**{**made, **fields})


def verdict(
    one: Subscription | None, what: Alert | None = None, now_ms: int = NOON_MS, **fields: Any
) -> tuple[str, int]:
    found = decide(what or alert(), "hook", one, known(one, **fields), now_ms)
    return found.status, found.due_ms


def scheduled(**fields: Any) -> Subscription:
    return subscription(schedule=Schedule(**fields))


def mute(**fields: Any) -> Mute:
    return Mute(**{"kind": "story", "value": "story0", "owner": "ann", **fields})


CASES: dict[str, tuple[Subscription | None, dict[str, Any], tuple[str, int]]] = {
    "at once": (subscription(), {}, ("queued", NOON_MS)),
    "removed": (None, {}, ("withdrawn", NOON_MS)),
    "ended": (subscription(active=False), {}, ("withdrawn", NOON_MS)),
    "no channel any more": (subscription(), {"channels": {}}, ("withdrawn", NOON_MS)),
    "muted": (subscription(state="muted"), {}, ("muted", NOON_MS)),
    "paused": (subscription(state="paused"), {}, ("muted", NOON_MS)),
    "hourly": (scheduled(kind="hourly"), {"now_ms": NOON_MS + 1}, ("held", NOON_MS + HOUR)),
    "daily": (scheduled(kind="daily", at="18:00"), {}, ("held", NOON_MS + 6 * HOUR)),
    "quiet": (scheduled(quiet="22:00-07:00"), {"now_ms": NIGHT_MS}, ("held", MORNING_MS)),
    "an hourly digest in the night": (
        scheduled(kind="hourly", quiet="22:00-07:00"),
        {"now_ms": NIGHT_MS},
        ("held", MORNING_MS),
    ),
    "urgent in the night": (
        scheduled(quiet="22:00-07:00"),
        {"now_ms": NIGHT_MS, "what": alert(level="urgent")},
        ("queued", NIGHT_MS),
    ),
    "urgent, but nothing breaks through": (
        scheduled(quiet="22:00-07:00", breakthrough="never"),
        {"now_ms": NIGHT_MS, "what": alert(level="urgent")},
        ("held", MORNING_MS),
    ),
    "urgent past a digest": (scheduled(kind="daily"), {"what": alert(level="urgent")}, ("queued", NOON_MS)),
    "the cap": (
        scheduled(per_hour=2),
        {"queued": {("s", "hook"): [NOON_MS - 10 * MINUTE, NOON_MS]}, "now_ms": NOON_MS + 1},
        ("held", NOON_MS + HOUR),
    ),
    "the cap of an hour ago": (
        scheduled(per_hour=2),
        {"queued": {("s", "hook"): [NOON_MS - HOUR, NOON_MS - 1]}},
        ("queued", NOON_MS),
    ),
    "another channel's cap": (scheduled(per_hour=1), {"queued": {("s", "mail"): [NOON_MS - 1]}}, ("queued", NOON_MS)),
    "an outlet's share of the cap": (
        scheduled(per_hour=8),
        {"outlets": {("s", "hook", "outlet"): [NOON_MS - MINUTE] * 6}, "what": alert(source="Outlet")},
        ("held", NOON_MS + HOUR),
    ),
    "another outlet's share of the cap": (
        scheduled(per_hour=8),
        {"outlets": {("s", "hook", "outlet"): [NOON_MS - MINUTE] * 6}, "what": alert(source="Quiet")},
        ("queued", NOON_MS),
    ),
    "an outlet's share of an hour ago": (
        scheduled(per_hour=8),
        {"outlets": {("s", "hook", "outlet"): [NOON_MS - HOUR] * 6}, "what": alert(source="Outlet")},
        ("queued", NOON_MS),
    ),
    "an outlet without a cap": (
        scheduled(per_hour=0),
        {"outlets": {("s", "hook", "outlet"): [NOON_MS] * 99}, "what": alert(source="Outlet")},
        ("queued", NOON_MS),
    ),
    "more on a story just told": (
        scheduled(gather_s=600),
        {"told": {("s", "hook", "story0"): NOON_MS - MINUTE}},
        ("held", NOON_MS + 9 * MINUTE),
    ),
    "more on a story told a while ago": (
        scheduled(gather_s=600),
        {"told": {("s", "hook", "story0"): NOON_MS - 10 * MINUTE}},
        ("queued", NOON_MS),
    ),
    "a muted story": (subscription(), {"mutes": [mute()]}, ("muted", NOON_MS)),
    "a muted outlet": (subscription(), {"mutes": [mute(kind="outlet", value="Post")]}, ("muted", NOON_MS)),
    "muted for this subscription": (subscription(), {"mutes": [mute(subscription="s")]}, ("muted", NOON_MS)),
    "muted for another": (subscription(), {"mutes": [mute(subscription="t")]}, ("queued", NOON_MS)),
    "muted by somebody else": (subscription(), {"mutes": [mute(owner="bob")]}, ("queued", NOON_MS)),
    "a mute that is over": (subscription(), {"mutes": [mute(until_ms=NOON_MS)]}, ("queued", NOON_MS)),
    "a mute that is not": (subscription(), {"mutes": [mute(until_ms=NOON_MS + 1)]}, ("muted", NOON_MS)),
    "urgent, but muted": (
        subscription(),
        {"mutes": [mute()], "what": alert(level="urgent")},
        ("muted", NOON_MS),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_alert_is_sent_held_or_left_out_as_its_case_says(case: str) -> None:
    one, given_, expected = CASES[case]
    assert verdict(one, **given_) == expected


def planned(background: Background, *alerts: Alert, now_ms: int = NOON_MS) -> Plan:
    return plan_all(alerts, background, now_ms)


def retraction(number: int = 0) -> Alert:
    return alert(
        number,
        reason="retraction",
        level="urgent",
        withdrawn=(f"article{number}",),
        story=f"story{number}",
        title="KILL",
    )


def test_a_retraction_follows_what_was_sent() -> None:
    background = known(subscription())
    plan = planned(background, alert(), retraction())
    assert [(one.kind, one.status) for one in plan.deliveries] == [("alert", "queued"), ("kill", "queued")]


def test_a_kill_notice_passes_mutes_caps_and_pauses_between_messages() -> None:
    background = known(scheduled(per_hour=1, gather_s=3_600))
    planned(background, alert())
    background.mutes.append(mute())
    plan = planned(background, replace(retraction(), level="high"))
    assert [(one.kind, one.status) for one in plan.deliveries] == [("kill", "queued")]


def test_a_retraction_of_what_is_held_takes_it_back_and_says_nothing() -> None:
    background = known(scheduled(kind="daily"))
    first = planned(background, alert()).deliveries[0]
    plan = planned(background, retraction())
    assert plan.withdrawn == ((first.id, "retracted before it was sent"),)
    assert [(one.status, one.why) for one in plan.deliveries] == [("withdrawn", UNSENT)]


def test_a_retraction_of_another_article_is_not_a_kill_notice() -> None:
    background = known(subscription())
    planned(background, alert(1, story="story0"))
    plan = planned(background, retraction(0))
    assert [(one.kind, one.status) for one in plan.deliveries] == [("alert", "withdrawn")]


def test_a_kill_notice_takes_no_share_of_its_outlet() -> None:
    background = known(scheduled(per_hour=4))
    shares = background.outlets
    planned(background, alert())
    before = {key: list(times) for key, times in shares.items()}
    assert sum(map(len, before.values())) == 1
    assert planned(background, retraction()).deliveries[0].kind == "kill"
    assert shares == before


def test_each_channel_is_planned_for_itself() -> None:
    plan = planned(known(subscription(delivery=("hook", "mail", "hook"))), alert())
    assert [one.channel for one in plan.deliveries] == ["hook", "mail"]
    assert len({one.id for one in plan.deliveries}) == 2


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(LEVELS), st.integers(0, 3)), min_size=1, max_size=40),
    st.sampled_from(["immediate", "hourly", "daily"]),
    st.integers(0, 3),
    st.sampled_from(["", "22:00-07:00", "00:00-23:59"]),
)
def test_every_alert_has_a_delivery_that_goes_out_some_time(
    alerts: list[tuple[int, Level, int]], kind: Any, per_hour: int, quiet: str
) -> None:
    one = subscription(schedule=Schedule(kind=kind, per_hour=per_hour, quiet=quiet))
    several = [
        alert(number, story=f"story{story}", level=level, title=str(number))
        for number, (story, level, _) in enumerate(alerts)
    ]
    plan = planned(known(one), *several)
    assert [found.alert for found in plan.deliveries] == [what.id for what in several]
    assert {found.status for found in plan.deliveries} <= {"queued", "held"}
    assert all(NOON_MS <= found.due_ms <= NOON_MS + 48 * HOUR for found in plan.deliveries)
    now = [found for found in plan.deliveries if found.status == "queued" and found.level != "urgent"]
    assert not per_hour or len(now) <= per_hour + sum(level == "urgent" for _, level, _ in alerts)


def test_a_message_still_waiting_when_quiet_hours_begin_waits_for_the_morning() -> None:
    schedule = Schedule(quiet="22:00-07:00")
    assert may_go("normal", "alert", schedule, NIGHT_MS) == MORNING_MS
    assert may_go("urgent", "alert", schedule, NIGHT_MS) is None
    assert may_go("normal", "test", schedule, NIGHT_MS) is None
    assert may_go("normal", "alert", schedule, NOON_MS) is None


def test_pauses_double_up_to_an_hour_and_honour_the_receivers_wish() -> None:
    assert [pause_s(failures, None, 1.0) for failures in (1, 2, 3, 4, 30)] == [5.0, 10.0, 20.0, 40.0, 3_600.0]
    assert pause_s(1, None, 0.0) == 2.5
    assert pause_s(1, 90.0, 0.0) == 90.0
    assert 90.0 <= pause_s(1, 90.0, 1.0) < 99.1
    assert pause_s(12, 90.0, 1.0) == 3_600.0


def test_a_message_is_given_up_after_three_days_and_pace_is_per_minute() -> None:
    message = Message(id="m", channel="hook", subscription="s", kind="alert", level="normal", queued_ms=NOON_MS)
    assert not gives_up(message, NOON_MS + GIVE_UP_MS - 1)
    assert gives_up(message, NOON_MS + GIVE_UP_MS)
    assert [pace_ms(Channel(name="c", kind="mail", config={}, per_minute=n)) for n in (0, 60, 7)] == [0, 1_000, 8_572]
