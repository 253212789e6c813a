"""One story: its timeline of articles, copies and edits, and one article with its evidence; an article's record."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, BackgroundTasks, Form, Response
from fastapi.responses import RedirectResponse

from core.errors import NotFound
from desk.language import gettext
from desk.people.roles import Role
from desk.use_cases import story_decisions
from desk.use_cases.shifts import people_of, shift_of
from desk.use_cases.stories import article_record
from desk.use_cases.story_decisions import decisions, joined_by, related, story_now
from desk.views.article_text import evidence, marked_article, page_preview
from desk.views.timeline import headlines, timeline, version_views
from desk.views.wording import outlet_name
from desk.web.guard import allow
from desk.web.requests import Number, TheVisit

router = APIRouter(include_in_schema=False)
Identity = Annotated[str, Form(max_length=100)]
Why = Annotated[str, Form(max_length=500)]
MOST = 200
"""How many of a story's newest articles its page lists."""


@router.get("/story/{story}")
@allow(Role.READER)
def show(visit: TheVisit, background: BackgroundTasks, story: str, article: str = "") -> Response:
    """The story; ``article``: the article to read, by default the first."""
    now = story_now(visit.desk, story, article)
    if now != story and visit.desk.follower.card(now) is not None:
        # An editor joined it into another, or split the article from it.
        return RedirectResponse(f"/story/{now}" + (f"?{urlencode({'article': article})}" if article else ""), 303)
    rows = visit.desk.reader.stories_with([story])
    articles = visit.desk.reader.articles_of([story], each=MOST).get(story, [])
    card = visit.desk.follower.card(story)
    if not rows or not articles or card is None:
        raise NotFound(gettext("there is no such story"))
    by_id = {row.article.id: row for row in articles}
    chosen = by_id.get(article) or by_id.get(story) or articles[-1]
    versions = visit.desk.reader.versions(list(by_id))
    joins, shift = visit.desk.joins(), shift_of(visit.desk)
    mark = visit.desk.marks.of(visit.caller.id, [story], joins).get(story)
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
        hold=shift.holds([story], joins).get(story),
        notes=[one for one in shift.notes(joins, stories=[story]) if one.kind == "note"],
        people=people_of(visit.desk, visit.caller),
        me=visit.caller.id,
        headlines=headlines(articles, visit.desk.follower.outlets),
        decides=visit.desk.stories is not None,
        related=related(visit.desk, story, articles) if visit.desk.stories is not None else (),
        joined=joined_by(visit.desk, chosen.article) if visit.desk.stories is not None else None,
        decided=decisions(visit.desk, story=story),
    )
    # After the answer, so that reading does not wait for a write.
    background.add_task(visit.desk.marks.read, visit.caller.id, story, card.seq)
    answer.background = background
    return answer


@router.post("/story/join")
@allow(Role.EDITOR)
def join(visit: TheVisit, story: Identity, into: Identity, why: Why = "") -> Response:
    """Join two stories."""
    story_decisions.join(visit.desk, visit.by, story, into, why.strip())
    return visit.done(f"/story/{into}")


@router.post("/story/split")
@allow(Role.EDITOR)
def split(visit: TheVisit, article: Identity, why: Why = "") -> Response:
    """Make an article a story of its own."""
    made = story_decisions.split(visit.desk, visit.by, article, why.strip())
    return visit.done(f"/story/{made.decision.into}")


@router.post("/story/undo")
@allow(Role.EDITOR)
def undo(visit: TheVisit, number: Annotated[int, Form(ge=1, lt=1 << 31)], why: Why = "") -> Response:
    """Undo a decision."""
    made = story_decisions.undo(visit.desk, visit.by, number, why.strip())
    return visit.done(f"/story/{made.decision.into}")


@router.get("/article/{article}")
@allow(Role.READER)
def record(visit: TheVisit, article: str, at: Number = -1) -> Response:
    """The outcomes of an article's raw records, and one raw record; ``at``: the index of the outcome, by default the last."""
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
