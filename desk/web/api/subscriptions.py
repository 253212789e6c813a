"""Subscriptions and topics."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any

from fastapi import APIRouter, Response
from msgspec import Meta

from core.records import Subscription
from core.records.alert import Schedule
from core.store.subscriptions import StoredTopic
from desk.people.roles import Role
from desk.use_cases.subscriptions import PORTABLE, Subscriptions, changed
from desk.web.api.common import PREFIX
from desk.web.api.schema import Shape, answer, body, given, gives, listing, partial, takes
from desk.web.deps import TheActor, TheDesk
from desk.web.guard import allow

router = APIRouter(prefix=PREFIX)
SUBSCRIPTION = Shape("SubscriptionOut", Subscription, without=("schema",))
Listed = listing("Subscriptions", "The newest version of each subscription that holds.", SUBSCRIPTION.kind)
ScheduleIn = partial("ScheduleIn", Schedule.__doc__ or "", Schedule, Schedule.__struct_fields__)
Wanted = partial(
    "SubscriptionIn",
    "What to store. What is left out stays as it is. Lists empty: of those, any. What else an answer holds is not looked at.",
    Subscription,
    [name for name in PORTABLE if name != "id"],
    required=("query",),
    query=Annotated[str, Meta(min_length=1, max_length=20_000)],
    name=Annotated[str, Meta(max_length=200)],
    schedule=ScheduleIn,
)
TOPIC = Shape("TopicInfo", StoredTopic, without=("effective_from_ms", "active"), added={"title": str})
Topics = listing("Topics", "The newest version of each topic that holds; ``definition`` is its TOML file.", TOPIC.kind)


@router.get("/subscriptions", responses=gives(Listed), tags=["subscriptions"])
@allow(Role.READER)
def subscriptions(desk: TheDesk) -> Response:
    """The newest version of each subscription that holds."""
    found = Subscriptions(desk.store, desk.clock_ms).all()
    return answer({"items": [SUBSCRIPTION.of(one) for one in found]})


@router.get("/subscriptions/{subscription}", responses=gives(SUBSCRIPTION.kind, 404), tags=["subscriptions"])
@allow(Role.READER)
def subscription(desk: TheDesk, subscription: str) -> Response:
    """One subscription, with all that it was given."""
    return answer(SUBSCRIPTION.of(Subscriptions(desk.store, desk.clock_ms).get(subscription)))


@router.put(
    "/subscriptions/{subscription}",
    responses=gives(SUBSCRIPTION.kind, 400),
    openapi_extra=takes(Wanted),
    tags=["subscriptions"],
)
@allow(Role.EDITOR)
def save(desk: TheDesk, by: TheActor, subscription: str, wanted: Annotated[Any, body(Wanted)]) -> Response:
    """Store a query, or a new version of it. It holds for what comes from two seconds later on."""
    name, service = by.caller.name if by.caller else "", Subscriptions(desk.store, desk.clock_ms)
    old = desk.queries.newest(subscription)
    begun = old if old is not None and old.active else Subscription(id=subscription, query="", owner=name)
    saved = service.save(changed(begun, given(wanted)), by=name)
    if saved.changed:
        desk.directory.note(by, "subscription saved", subscription, saved.subscription.query[:2_000])
    return answer(SUBSCRIPTION.of(saved.subscription))


@router.delete("/subscriptions/{subscription}", responses=gives(None, 404), status_code=204, tags=["subscriptions"])
@allow(Role.EDITOR)
def end(desk: TheDesk, by: TheActor, subscription: str) -> Response:
    """End a subscription. Its alerts stay."""
    Subscriptions(desk.store, desk.clock_ms).remove(subscription, by=by.caller.name if by.caller else "")
    desk.directory.note(by, "subscription ended", subscription)
    return Response(status_code=204)


@router.get("/topics", responses=gives(Topics), tags=["topics"])
@allow(Role.READER)
def topics(desk: TheDesk) -> Response:
    """The newest version of each topic that holds."""
    newest = {one.name: one for one in desk.queries.read(now_ms=desk.clock_ms()).topics}
    return answer({"items": [TOPIC.of(one, _title(one.definition)) for one in newest.values() if one.active]})


def _title(definition: str) -> str:
    try:
        return str(tomllib.loads(definition).get("title", ""))
    except tomllib.TOMLDecodeError:
        return ""
