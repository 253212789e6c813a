"""Editors' decisions about stories: join, split, undo; related stories, and the list of decisions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Response
from msgspec import Meta

from core.records.decision import CarriedOut, StoryDecision
from desk.people.roles import Role
from desk.use_cases import story_decisions
from desk.use_cases.stories import card_of
from desk.web.api.schema import PREFIX, Limit, Shape, Word, answer, body, composed, gives, listing, takes
from desk.web.api.stories import STORY, story_out
from desk.web.guard import allow
from desk.web.requests import TheActor, TheDesk

router = APIRouter(prefix=PREFIX, tags=["stories"])
MOST_ARTICLES = 200
Id = Annotated[str, Meta(min_length=1, max_length=100)]
Why = Annotated[str, Meta(max_length=500)]
DECISION = Shape(
    "StoryDecision",
    StoryDecision,
    "What an editor decided. ``join``: ``story`` became part of ``into``. ``split``: ``article`` with its copies left "
    "``story`` and began ``into``. ``undo``: ``undoes`` was taken back. ``place``: what the run had reached; a replay does the "
    "same there.",
    without={"schema"},
    renamed={"decided_at": "decided"},
    undone=bool,
)
Decisions = listing("StoryDecisions", "The newest first.", DECISION.kind)
Made = composed(
    "StoryChange",
    "``into``: the story that the articles are in now; ``articles``: how many moved; ``alerts``: how many were overdue.",
    number=int,
    into=str,
    articles=int,
    alerts=int,
)
RELATED = composed(
    "RelatedStory",
    "A story that might be this one. ``score``: the logarithm of the odds that two articles of both are about one event.",
    story=STORY.kind,
    article=str,
    near=str,
    score=float,
    reason=str,
)
RelatedStories = listing("RelatedStories", "The nearest first.", RELATED)


class Joining(msgspec.Struct, frozen=True):
    """``story`` becomes part of ``into``."""

    story: Id
    into: Id
    why: Why = ""


class Splitting(msgspec.Struct, frozen=True):
    """The article, with its copies, becomes a story of its own."""

    article: Id
    why: Why = ""


class Undoing(msgspec.Struct, frozen=True):
    """The number of a decision."""

    number: Annotated[int, Meta(ge=1, lt=1 << 31)]
    why: Why = ""


@router.post("/decisions/join", responses=gives(Made, 400, 404), openapi_extra=takes(Joining))
@allow(Role.EDITOR)
def join(desk: TheDesk, by: TheActor, wanted: Annotated[Joining, body(Joining)]) -> Response:
    """Make two stories one."""
    return answer(_made(story_decisions.join(desk, by, wanted.story, wanted.into, wanted.why)))


@router.post("/decisions/split", responses=gives(Made, 400, 404), openapi_extra=takes(Splitting))
@allow(Role.EDITOR)
def split(desk: TheDesk, by: TheActor, wanted: Annotated[Splitting, body(Splitting)]) -> Response:
    """Make an article a story of its own."""
    return answer(_made(story_decisions.split(desk, by, wanted.article, wanted.why)))


@router.post("/decisions/undo", responses=gives(Made, 400, 404), openapi_extra=takes(Undoing))
@allow(Role.EDITOR)
def undo(desk: TheDesk, by: TheActor, wanted: Annotated[Undoing, body(Undoing)]) -> Response:
    """Take a decision back."""
    return answer(_made(story_decisions.undo(desk, by, wanted.number, wanted.why)))


@router.get("/decisions", responses=gives(Decisions))
@allow(Role.READER)
def decisions(desk: TheDesk, story: Word = None, limit: Limit = 50) -> Response:
    """Decisions about stories, or only about ``story``."""
    found = story_decisions.decisions(desk, story=story or "", limit=limit)[:limit]
    return answer({"items": [DECISION.of(one.decision, one.undone) for one in found]})


@router.get("/stories/{story}/related", responses=gives(RelatedStories, 404))
@allow(Role.READER)
def related(desk: TheDesk, story: Annotated[str, Path(max_length=100)]) -> Response:
    """Stories that the score found near this one, and why."""
    card = card_of(desk, story)
    articles = desk.reader.articles_of([card.id], each=MOST_ARTICLES).get(card.id, [])
    return answer(
        {
            "items": [
                {
                    "story": story_out(one.card),
                    "article": one.near.article.id,
                    "near": one.near.other.id,
                    "score": one.near.score / 100,
                    "reason": one.near.words,
                }
                for one in story_decisions.related(desk, card.id, articles)
            ]
        }
    )


def _made(made: CarriedOut) -> dict[str, Any]:
    return {
        "number": made.decision.number,
        "into": made.decision.into,
        "articles": made.articles,
        "alerts": made.alerts,
    }
