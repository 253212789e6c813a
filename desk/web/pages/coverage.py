"""Coverage: feeds compared to their own rhythm, and what may be missing; adding, removing, lists, finding a site's feeds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile
from starlette.responses import RedirectResponse

from desk.feed_port import share_seen, worst_first
from desk.language import gettext, ngettext, number
from desk.people.roles import Role
from desk.use_cases import feeds as use_case
from desk.use_cases.feeds import DISCOVERIES
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.requests import TheVisit, Visit

router = APIRouter(include_in_schema=False)
MOST_IMPORTED = 5_000
"""Feeds in one file: each is a transaction, and a person waits for the page."""
Address = Annotated[str, Form(max_length=2_000)]


@router.get("/coverage")
@allow(Role.READER)
def show(visit: TheVisit) -> Response:
    """All feeds, those that need attention first."""
    return _page(visit)


@router.post("/coverage/add")
@allow(Role.EDITOR)
def add(visit: TheVisit, url: Address, source: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Watch one feed."""
    new = use_case.add(visit.desk, visit.by, url, source)
    shown = visit.desk.feed_port.shown(url.strip())
    done = gettext("%(url)s is watched now", url=shown) if new else gettext("%(url)s is already watched", url=shown)
    return _page(visit, done=done)


@router.post("/coverage/remove")
@allow(Role.EDITOR)
def remove(visit: TheVisit, url: Address) -> Response:
    """Stop watching one feed."""
    use_case.remove(visit.desk, visit.by, url)
    return _page(
        visit, done=gettext("%(url)s is no longer watched; its articles stay", url=visit.desk.feed_port.shown(url))
    )


@router.post("/coverage/again")
@allow(Role.EDITOR)
def again(visit: TheVisit, url: Address) -> Response:
    """Fetch one page again."""
    use_case.ask_again(visit.desk, visit.by, url)
    return _page(
        visit,
        done=gettext(
            "%(url)s will be fetched again within a minute or so", url=visit.desk.feed_port.shown(url.strip())
        ),
    )


@router.get("/coverage/feeds.opml")
@allow(Role.READER)
def export(visit: TheVisit) -> Response:
    """The watched feeds as OPML."""
    headers = {"Content-Disposition": 'attachment; filename="wirewatch-feeds.opml"'}
    return Response(visit.desk.feed_port.export_opml(), headers=headers, media_type="text/x-opml; charset=utf-8")


@router.post("/coverage/opml")
@allow(Role.EDITOR)
def import_list(visit: TheVisit, file: Annotated[UploadFile, File()]) -> Response:
    """Watch the feeds of an OPML list."""
    name = (file.filename or "the list")[:200]
    new, total, remarks = use_case.import_opml(visit.desk, visit.by, file.file.read(), name, MOST_IMPORTED)
    done = ngettext(
        "%(name)s: %(num)s feed added, %(known)s already watched",
        "%(name)s: %(num)s feeds added, %(known)s already watched",
        new,
        name=name,
        known=number(total - new),
    )
    return _page(visit, done=done, remarks=remarks)


@router.post("/coverage/find")
@allow(Role.EDITOR)
def find(visit: TheVisit, url: Address) -> Response:
    """Begin to search a site for feeds; this can take minutes, at the site's pace, so it continues in the background."""
    name = use_case.find(visit.desk, visit.by, url)
    if name is None:
        raise Refused(
            429, gettext("several sites are being searched for feeds: wait until one is done"), {"Retry-After": "30"}
        )
    return RedirectResponse(f"/coverage/find/{name}", 303)


@router.get("/coverage/find/{name}")
@allow(Role.EDITOR)
def found(visit: TheVisit, name: str) -> Response:
    """The feeds found so far."""
    search = DISCOVERIES.get(name)
    watched = {feed.url for feed in visit.desk.feed_port.report().feeds if feed.state != "removed"}
    return visit.page("found.html", search=search, found=list(search.found), known=watched)


def _page(visit: Visit, *, done: str = "", remarks: tuple[str, ...] = ()) -> Response:
    report = visit.desk.feed_port.report()
    feeds = worst_first(report.feeds)
    return visit.page(
        "coverage.html",
        report=report,
        feeds=[feed for feed in feeds if feed.state != "removed"],
        removed=[feed for feed in feeds if feed.state == "removed"],
        share_seen=share_seen,
        done=done,
        remarks=remarks,
    )
