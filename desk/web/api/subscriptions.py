"""Subscriptions and topics."""

from __future__ import annotations

import tomllib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, Field

from core.records import Subscription
from core.records.alert import Level, State
from desk.people.roles import Role
from desk.use_cases.subscriptions import Subscriptions as Service
from desk.use_cases.subscriptions import changed
from desk.web.api.common import PREFIX, problems
from desk.web.deps import Desk, TheActor, TheDesk
from desk.web.guard import allow
from desk.web.problems import Refused

router = APIRouter(prefix=PREFIX)
SubscriptionId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class SubscriptionOut(BaseModel):
    """The newest version of a stored query. ``state``: active, paused or muted."""

    id: str
    version: int
    name: str
    owner: str
    query: str
    state: str
    topics: list[str]
    languages: list[str]
    outlets: list[str]


class SubscriptionIn(BaseModel):
    """What to store. What is left out stays as it is. Lists empty: of those, any."""

    query: Annotated[str, Field(min_length=1, max_length=20_000)]
    name: Annotated[str | None, Field(max_length=200)] = None
    state: State | None = None
    level: Level | None = None
    topics: list[str] | None = None
    languages: list[str] | None = None
    outlets: list[str] | None = None
    delivery: Annotated[list[str] | None, Field(description="Names of channels.")] = None


class Subscriptions(BaseModel):
    """All of them."""

    items: list[SubscriptionOut]


class TopicInfo(BaseModel):
    """A topic: ``definition`` is its TOML file."""

    name: str
    title: str
    version: int
    definition: str


class Topics(BaseModel):
    """All of them."""

    items: list[TopicInfo]


@router.get("/subscriptions", responses=problems(), tags=["subscriptions"])
@allow(Role.READER)
def subscriptions(desk: TheDesk) -> Subscriptions:
    """The newest version of each subscription that holds."""
    return Subscriptions(items=[_out(one) for one in _newest(desk).values()])


@router.get("/subscriptions/{subscription}", responses=problems(404), tags=["subscriptions"])
@allow(Role.READER)
def subscription(desk: TheDesk, subscription: SubscriptionId) -> SubscriptionOut:
    """One subscription."""
    return _out(_known(desk, subscription))


@router.put("/subscriptions/{subscription}", responses=problems(400), tags=["subscriptions"])
@allow(Role.EDITOR)
def save(
    desk: TheDesk, by: TheActor, subscription: SubscriptionId, wanted: Annotated[SubscriptionIn, Body()]
) -> SubscriptionOut:
    """Store a query, or a new version of it. It holds for what comes from two seconds later on."""
    name = by.caller.name if by.caller else ""
    old = _newest(desk).get(subscription) or Subscription(id=subscription, query="", owner=name)
    given = {key: value for key, value in wanted.model_dump().items() if value is not None}
    if Service(desk.store, desk.clock_ms).save(changed(old, given), by=name).changed:
        desk.directory.note(by, "subscription saved", subscription, wanted.query[:2_000])
    return _out(_known(desk, subscription))


@router.delete("/subscriptions/{subscription}", responses=problems(404), status_code=204, tags=["subscriptions"])
@allow(Role.EDITOR)
def end(desk: TheDesk, by: TheActor, subscription: SubscriptionId) -> Response:
    """End a subscription. Its alerts stay."""
    name = by.caller.name if by.caller else ""
    gone = msgspec.structs.replace(_known(desk, subscription), active=False, edited_by=name)
    desk.queries.save_subscriptions([gone], now_ms=desk.clock_ms())
    desk.directory.note(by, "subscription ended", subscription)
    return Response(status_code=204)


@router.get("/topics", responses=problems(), tags=["topics"])
@allow(Role.READER)
def topics(desk: TheDesk) -> Topics:
    """The newest version of each topic that holds."""
    newest = {one.name: one for one in desk.queries.read(now_ms=desk.clock_ms()).topics}
    return Topics(
        items=[
            TopicInfo(name=one.name, title=_title(one.definition), version=one.version, definition=one.definition)
            for one in newest.values()
            if one.active
        ]
    )


def _newest(desk: Desk) -> dict[str, Subscription]:
    # Versions rise, so the last of each id is its newest.
    newest = {one.id: one for one in desk.queries.read(now_ms=desk.clock_ms()).subscriptions}
    return {identity: one for identity, one in newest.items() if one.active}


def _known(desk: Desk, identity: str) -> Subscription:
    found = _newest(desk).get(identity)
    if found is None:
        raise Refused(404, "there is no such subscription")
    return found


def _out(one: Subscription) -> SubscriptionOut:
    return SubscriptionOut(
        id=one.id,
        version=one.version,
        name=one.name,
        owner=one.owner,
        query=one.query,
        state=one.state,
        topics=list(one.topics),
        languages=list(one.languages),
        outlets=list(one.outlets),
    )


def _title(definition: str) -> str:
    try:
        return str(tomllib.loads(definition).get("title", ""))
    except tomllib.TOMLDecodeError:
        return ""
