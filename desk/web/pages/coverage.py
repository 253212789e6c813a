"""Coverage: how the feeds do against their own rhythm, what may be missing; adding, removing, lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from desk.people.roles import Role
from desk.views.coverage import FeedPort, share_seen, state_words, worst_first
from desk.web.deps import Desk, TheActor, TheDesk
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/coverage")
@allow(Role.READER)
def show(request: Request, desk: TheDesk) -> Response:
    """All feeds, what needs an eye first."""
    return _page(request, desk)


@router.post("/coverage/add")
@allow(Role.EDITOR)
def add(
    request: Request,
    desk: TheDesk,
    by: TheActor,
    url: Annotated[str, Form(max_length=2_000)],
    source: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Watch one feed."""
    url = url.strip()
    new = feeds_of(desk).add(url, source.strip())
    if new:
        desk.directory.note(by, "feed added", url)
    return _page(request, desk, done=f"{url} is watched now" if new else f"{url} is watched already")


@router.post("/coverage/remove")
@allow(Role.EDITOR)
def remove(request: Request, desk: TheDesk, by: TheActor, url: Annotated[str, Form(max_length=2_000)]) -> Response:
    """Stop watching one feed."""
    if not feeds_of(desk).remove(url):
        raise Refused(404, "there is no such feed")
    desk.directory.note(by, "feed removed", url)
    return _page(request, desk, done=f"{url} is no longer watched; what it brought stays")


@router.get("/coverage/feeds.opml")
@allow(Role.READER)
def export(desk: TheDesk) -> Response:
    """The watched feeds as OPML."""
    headers = {"Content-Disposition": 'attachment; filename="wirewatch-feeds.opml"'}
    return Response(feeds_of(desk).export_opml(), headers=headers, media_type="text/x-opml; charset=utf-8")


@router.post("/coverage/opml")
@allow(Role.EDITOR)
def import_list(request: Request, desk: TheDesk, by: TheActor, file: Annotated[UploadFile, File()]) -> Response:
    """Watch the feeds of an OPML list."""
    name = (file.filename or "the list")[:200]
    new, total, remarks = feeds_of(desk).import_opml(file.file.read(), name)
    desk.directory.note(by, "feeds imported", name, f"{new} of {total} new")
    return _page(request, desk, done=f"{name}: {new} feeds added, {total - new} were there", remarks=tuple(remarks))


def feeds_of(desk: Desk) -> FeedPort:
    """What polls the feeds. Raises Refused where this desk has nothing that does."""
    if desk.feeds is None:
        raise Refused(503, "this desk has no access to the connectors")
    return desk.feeds


def _page(request: Request, desk: Desk, *, done: str = "", remarks: tuple[str, ...] = ()) -> Response:
    report = feeds_of(desk).report()
    feeds = worst_first(report.feeds)
    return page(
        request,
        "coverage.html",
        report=report,
        feeds=[feed for feed in feeds if feed.state != "removed"],
        removed=[feed for feed in feeds if feed.state == "removed"],
        share_seen=share_seen,
        state_words=state_words,
        done=done,
        remarks=remarks,
    )
