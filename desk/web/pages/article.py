"""One article's record: how each of its raw records ended, and the raw record itself."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from desk.people.roles import Role
from desk.raw import read_raw
from desk.views.outlets import outlet_name
from desk.views.sanitised import page_preview
from desk.web.deps import TheDesk
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/article/{article}")
@allow(Role.READER)
def record(request: Request, desk: TheDesk, article: str, at: int = -1) -> Response:
    """The trace of an article, and one of its raw records; ``at``: which of its outcomes, else the last."""
    row = desk.reader.article(article)
    if row is None:
        raise Refused(404, "there is no such article")
    outcomes = desk.reader.outcomes(article)
    shown = outcomes[at if -1 <= at < len(outcomes) else -1] if outcomes else None
    raw = read_raw(desk.settings, shown.stream, shown.partition, shown.offset) if shown is not None else None
    return page(
        request,
        "article.html",
        article=row.article,
        outlet=outlet_name(row.article.source, desk.follower.outlets),
        outcomes=outcomes,
        shown=shown,
        raw=raw,
        preview=page_preview(raw.raw.html) if raw is not None and raw.raw is not None and raw.raw.html else "",
    )
