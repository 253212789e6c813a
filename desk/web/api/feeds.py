"""Feeds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from core.records import from_ms
from desk.people.roles import Role
from desk.web.api.common import PREFIX, problems
from desk.web.deps import TheActor, TheDesk
from desk.web.guard import allow
from desk.web.pages.coverage import feeds_of
from desk.web.problems import Refused

router = APIRouter(prefix=PREFIX, tags=["feeds"])


class FeedOut(BaseModel):
    """A feed. ``state``: ok, early, new, unverified, failing, silent, gone, ended, removed. ``risks``: what may be missing."""

    url: str
    source: str
    outlet: str
    state: str
    country: str | None
    language: str | None
    problem: str | None
    expected_per_day: float
    seen_last_day: int
    last_new: datetime | None
    risks: list[str]


class FeedIn(BaseModel):
    """A feed to watch. ``source``: the outlet's id in records; else the host's name."""

    url: Annotated[str, Field(min_length=8, max_length=2_000)]
    source: Annotated[str, Field(max_length=200)] = ""


class Feeds(BaseModel):
    """All feeds, and what the desk may be missing because of them, the worst first."""

    items: list[FeedOut]
    risks: list[str]


class Added(BaseModel):
    """``new`` False: it was watched already."""

    new: bool


@router.get("/feeds", responses=problems())
@allow(Role.READER)
def feeds(desk: TheDesk) -> Feeds:
    """All feeds with their health."""
    report = feeds_of(desk).report()
    items = [
        FeedOut(
            url=one.url,
            source=one.source,
            outlet=one.outlet,
            state=one.state,
            country=one.country,
            language=one.language,
            problem=one.problem,
            expected_per_day=one.expected_per_day,
            seen_last_day=one.seen_last_day,
            last_new=from_ms(one.last_new_ms) if one.last_new_ms else None,
            risks=list(one.risks),
        )
        for one in report.feeds
    ]
    return Feeds(items=items, risks=list(report.risks))


@router.post("/feeds", responses=problems(400))
@allow(Role.EDITOR)
def add(desk: TheDesk, by: TheActor, feed: Annotated[FeedIn, Body()]) -> Added:
    """Watch a feed. What it holds at first is stored, never alerted."""
    new = feeds_of(desk).add(feed.url.strip(), feed.source.strip())
    if new:
        desk.directory.note(by, "feed added", feed.url)
    return Added(new=new)


@router.delete("/feeds", responses=problems(404), status_code=204)
@allow(Role.EDITOR)
def remove(desk: TheDesk, by: TheActor, url: Annotated[str, Query(max_length=2_000)]) -> Response:
    """Stop watching a feed. What it brought stays."""
    if not feeds_of(desk).remove(url):
        raise Refused(404, "there is no such feed")
    desk.directory.note(by, "feed removed", url)
    return Response(status_code=204)
