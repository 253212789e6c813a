"""Briefing: the stories of a period by topic, to read, print, and download as text, HTML or PDF."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from desk.language import gettext
from desk.people.roles import Role
from desk.use_cases.briefing import LONGEST_HOURS, briefing, last_hours, makes_pdf, printed, written
from desk.views.briefing import Briefing, joined
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.requests import TheVisit, Visit

router = APIRouter(include_in_schema=False)
HOURS = (8, 12, 24, 72)
FORMATS = {"md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "pdf": "application/pdf"}
Hours = Annotated[int, Query(ge=1, le=LONGEST_HOURS)]


@router.get("/briefing")
@allow(Role.READER)
def show(visit: TheVisit, hours: Hours = 24) -> Response:
    """The briefing of the last hours."""
    view = _made(visit, hours)
    return visit.page("briefing.html", view=view, hours=hours, choices=HOURS, joined=joined, pdf=makes_pdf())


@router.get("/briefing/export.{kind}")
@allow(Role.READER)
def export(visit: TheVisit, kind: str, hours: Hours = 24) -> Response:
    """The briefing as Markdown, as a standalone page that can be mailed, or as PDF."""
    if kind not in FORMATS:
        raise Refused(404, gettext("no such format; there are %(names)s", names=", ".join(FORMATS)))
    settings = visit.desk.settings
    headers = {"Content-Disposition": f'attachment; filename="wirewatch-briefing.{kind}"'}
    view = _made(visit, hours)
    if kind == "pdf":
        made_pdf = printed(view, settings.desk_zone, templates=settings.delivery_templates, link=visit.base_url)
        return Response(made_pdf, headers=headers, media_type=FORMATS[kind])
    made = written(view, settings.desk_zone, templates=settings.delivery_templates, link=visit.base_url)
    return Response(made.html if kind == "html" else made.text, headers=headers, media_type=FORMATS[kind])


def _made(visit: Visit, hours: int) -> Briefing:
    desk, now_ms = visit.desk, visit.desk.clock_ms()
    period = last_hours(hours, now_ms)
    return briefing(desk.store, desk.settings.run, period, outlets=desk.follower.outlets, now_ms=now_ms)
