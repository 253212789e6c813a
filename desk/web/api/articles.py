"""Articles and alerts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from desk.live.reading import alert_cursor
from desk.people.roles import Role
from desk.web.api.common import MOST_MS, PREFIX, CursorText, Limit, Word, cursor_of, problems, read_cursor
from desk.web.api.models import Alerts, ArticleOut, Articles, alert_out, article_out
from desk.web.deps import TheDesk
from desk.web.guard import allow
from desk.web.problems import Refused

router = APIRouter(prefix=PREFIX, tags=["articles"])
_PLACE = r"[0-9]{15}:[0-9A-Za-z:]{1,120}"


@router.get("/articles", responses=problems(400))
@allow(Role.READER)
def articles(
    desk: TheDesk,
    source: Word = None,
    story: Word = None,
    since_ms: Annotated[int | None, Query(ge=0, le=MOST_MS, description="Received since then (ms, UTC).")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Articles:
    """Current versions of articles, the newest first, copies too."""
    before = read_cursor(cursor, _PLACE)
    rows = desk.reader.articles(source=source, story=story, since_ms=since_ms, before=before, limit=limit + 1)
    more = cursor_of(rows[limit - 1].place) if len(rows) > limit else None
    return Articles(items=[article_out(row) for row in rows[:limit]], cursor=more)


@router.get("/articles/{article}", responses=problems(404))
@allow(Role.READER)
def article(desk: TheDesk, article: str) -> ArticleOut:
    """One article's current version."""
    row = desk.reader.article(article)
    if row is None:
        raise Refused(404, "there is no such article")
    return article_out(row)


@router.get("/alerts", responses=problems(400), tags=["alerts"])
@allow(Role.READER)
def alerts(
    desk: TheDesk, subscription: Word = None, story: Word = None, limit: Limit = 50, cursor: CursorText = None
) -> Alerts:
    """Alerts, the newest first."""
    before = read_cursor(cursor, _PLACE + r" [0-9A-Za-z:_.-]{1,200}")
    rows = desk.reader.alerts(subscription=subscription, story=story, before=before, limit=limit + 1)
    more = cursor_of(alert_cursor(rows[limit - 1])) if len(rows) > limit else None
    return Alerts(items=[alert_out(row) for row in rows[:limit]], cursor=more)
