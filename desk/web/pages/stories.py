"""One story: its timeline of articles, copies and edits, one of its articles with the evidence; an article's record."""

from __future__ import annotations

from fastapi import APIRouter, BackgroundTasks, Response

from core.errors import NotFound
from desk.people.roles import Role
from desk.use_cases.shifts import people_of, shift_of
from desk.use_cases.stories import article_record
from desk.views.article_text import evidence, marked_article, page_preview
from desk.views.timeline import timeline, version_views
from desk.views.wording import outlet_name
from desk.web.guard import allow
from desk.web.requests import Number, TheVisit

router = APIRouter(include_in_schema=False)
MOST = 200
"""Articles of one story that its page lists: the newest."""


@router.get("/story/{story}")
@allow(Role.READER)
def show(visit: TheVisit, background: BackgroundTasks, story: str, article: str = "") -> Response:
    """The story; ``article``: the one to read, else its first."""
    rows = visit.desk.reader.stories_with([story])
    articles = visit.desk.reader.articles_of([story], each=MOST).get(story, [])
    card = visit.desk.follower.card(story)
    if not rows or not articles or card is None:
        raise NotFound("there is no such story")
    by_id = {row.article.id: row for row in articles}
    chosen = by_id.get(article) or by_id.get(story) or articles[-1]
    versions = visit.desk.reader.versions(list(by_id))
    mark, shift = visit.desk.marks.of(visit.caller.id, [story]).get(story), shift_of(visit.desk)
    answer = visit.page(
        "story.html",
        story=rows[0].story,
        seq=card.seq,
        card=card,
        starred=mark is not None and mark.starred_ms is not None,
        entries=timeline(articles, versions, visit.desk.follower.outlets),
        listed=len(articles),
        article=chosen.article,
        outlet=outlet_name(chosen.article.source, visit.desk.follower.outlets),
        reading=marked_article(chosen.article, visit.desk.follower.names),
        evidence=evidence(chosen.article, visit.desk.follower.names),
        versions=version_views(versions.get(chosen.article.id, [])),
        alerts=visit.desk.reader.alerts(limit=50, story=story),
        names=visit.desk.follower.names,
        hold=shift.holds([story]).get(story),
        notes=[one for one in shift.notes(stories=[story]) if one.kind == "note"],
        people=people_of(visit.desk, visit.caller),
        me=visit.caller.id,
    )
    # After the answer: reading does not wait for a write.
    background.add_task(visit.desk.marks.read, visit.caller.id, story, card.seq)
    answer.background = background
    return answer


@router.get("/article/{article}")
@allow(Role.READER)
def record(visit: TheVisit, article: str, at: Number = -1) -> Response:
    """How each raw record of an article ended, and one of them; ``at``: which of its outcomes, else the last."""
    found = article_record(visit.desk, article, at)
    raw = found.raw.raw if found.raw is not None else None
    return visit.page(
        "article.html",
        article=found.row.article,
        outlet=outlet_name(found.row.article.source, visit.desk.follower.outlets),
        outcomes=found.outcomes,
        shown=found.shown,
        raw=found.raw,
        preview=page_preview(raw.html) if raw is not None and raw.html else "",
    )
