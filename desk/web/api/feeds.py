"""Feeds."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from msgspec import Meta

from core.saying import Said
from desk.feed_port import FeedLine
from desk.people.roles import Role
from desk.use_cases import feeds as use_case
from desk.web.api.schema import PREFIX, Shape, answer, body, gives, listing, takes
from desk.web.guard import allow
from desk.web.requests import TheActor, TheDesk

router = APIRouter(prefix=PREFIX, tags=["feeds"])
FEED = Shape("Feed", FeedLine)
Feeds = listing(
    "Feeds",
    "All feeds, and what the desk may be missing because of them (``risks``, in English), the worst first.",
    FEED.kind,
    risks=tuple[Said, ...],
)


class FeedIn(msgspec.Struct, frozen=True):
    """A feed to watch. ``source``: the outlet's id in records; if left out, the host's name."""

    url: Annotated[str, Meta(min_length=8, max_length=2_000)]
    source: Annotated[str, Meta(max_length=200)] = ""


class Added(msgspec.Struct, frozen=True):
    """The result of adding a feed. ``new`` is false if it was watched already."""

    new: bool


@router.get("/feeds", responses=gives(Feeds))
@allow(Role.READER)
def feeds(desk: TheDesk) -> Response:
    """All feeds with their health, including removed ones."""
    report = desk.feed_port.report()
    return answer({"items": [FEED.of(one) for one in report.feeds], "risks": report.risks})


@router.post("/feeds", responses=gives(Added, 400), openapi_extra=takes(FeedIn))
@allow(Role.EDITOR)
def add(desk: TheDesk, by: TheActor, feed: Annotated[FeedIn, body(FeedIn)]) -> Response:
    """Watch a feed. Articles that it already has are stored but never alerted. 400 if it is not the address of a feed."""
    return answer(Added(use_case.add(desk, by, feed.url, feed.source)))


@router.delete("/feeds", responses=gives(None, 404), status_code=204)
@allow(Role.EDITOR)
def remove(
    desk: TheDesk, by: TheActor, url: Annotated[str, Query(max_length=2_000, description="The address of the feed.")]
) -> Response:
    """Stop watching a feed. Its articles remain. 404 if there is no such feed."""
    use_case.remove(desk, by, url)
    return Response(status_code=204)
