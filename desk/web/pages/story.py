"""One story: its timeline of articles, copies and edits, and one of its articles to read with the evidence."""

from __future__ import annotations

from fastapi import APIRouter, BackgroundTasks, Request, Response

from desk.people.roles import Role
from desk.views.evidence import evidence, reading
from desk.views.outlets import outlet_name
from desk.views.timeline import timeline, version_views
from desk.web.deps import TheCaller, TheDesk
from desk.web.guard import allow
from desk.web.pages.handover import people_of, shift_of
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
MOST = 200
"""Articles of one story that its page lists: the newest."""


@router.get("/story/{story}")
@allow(Role.READER)
def show(
    request: Request, background: BackgroundTasks, desk: TheDesk, caller: TheCaller, story: str, article: str = ""
) -> Response:
    """The story; ``article``: the one to read, else its first."""
    rows = desk.reader.stories_with([story])
    articles = desk.reader.articles_of([story], each=MOST).get(story, [])
    card = desk.follower.card(story)
    if not rows or not articles or card is None:
        raise Refused(404, "there is no such story")
    by_id = {row.article.id: row for row in articles}
    chosen = by_id.get(article) or by_id.get(story) or articles[-1]
    versions = desk.reader.versions(list(by_id))
    mark, shift = desk.marks.of(caller.id, [story]).get(story), shift_of(desk)
    answer = page(
        request,
        "story.html",
        story=rows[0].story,
        seq=card.seq,
        card=card,
        starred=mark is not None and mark.starred_ms is not None,
        entries=timeline(articles, versions, desk.follower.outlets),
        listed=len(articles),
        article=chosen.article,
        outlet=outlet_name(chosen.article.source, desk.follower.outlets),
        reading=reading(chosen.article, desk.follower.names),
        evidence=evidence(chosen.article, desk.follower.names),
        versions=version_views(versions.get(chosen.article.id, [])),
        alerts=desk.reader.alerts(limit=50, story=story),
        names=desk.follower.names,
        hold=shift.holds([story]).get(story),
        notes=[one for one in shift.notes(stories=[story]) if one.kind == "note"],
        people=people_of(desk, caller),
        me=caller.id,
    )
    # After the answer: nobody waits for a write in order to read.
    background.add_task(desk.marks.read, caller.id, story, card.seq)
    answer.background = background
    return answer
