"""Editors' decisions about stories: join, split, undo; related stories, and the list of decisions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Response
from msgspec import Meta

from core.records.decision import CarriedOut, StoryDecision
from desk.people.roles import Role
from desk.use_cases import story_decisions
from desk.use_cases.stories import card_of
from desk.web.api.schema import PREFIX, Limit, OfStory, Shape, StoryId, answer, body, composed, gives, listing, takes
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
    "A decision of an editor. By ``kind``: ``join``: ``story`` became part of ``into``. ``split``: ``article``, with its "
    "copies, left ``story`` and became the story ``into``. ``undo``: the decision with the number ``undoes`` was undone. "
    "``decided`` is UTC. ``place``: the place in the run at which it takes effect, also in a replay. ``undone``: it was "
    "undone later.",
    without={"schema"},
    renamed={"decided_at": "decided"},
    undone=bool,
)
Decisions = listing("StoryDecisions", "Decisions about stories, newest first.", DECISION.kind)
Made = composed(
    "StoryChange",
    "The result of a decision. ``number``: its number. ``into``: the id of the story that the articles are in now. "
    "``articles``: how many articles moved. ``alerts``: how many alerts the decision raised, since they were missing.",
    number=int,
    into=str,
    articles=int,
    alerts=int,
)
RELATED = composed(
    "RelatedStory",
    "A story that may be about the same event. ``score``: the logarithm of the odds that two of their articles are about one "
    "event: ``article`` of the requested story, and ``near`` of the related one (ids). ``reason``: in English.",
    story=STORY.kind,
    article=str,
    near=str,
    score=float,
    reason=str,
)
RelatedStories = listing("RelatedStories", "Related stories, highest score first.", RELATED)


class Joining(msgspec.Struct, frozen=True):
    """Two stories to join: ``story`` becomes part of ``into``. Both are ids; ``why`` is for colleagues."""

    story: Id
    into: Id
    why: Why = ""


class Splitting(msgspec.Struct, frozen=True):
    """An article (its id) that becomes a story of its own, with its copies. ``why`` is for colleagues."""

    article: Id
    why: Why = ""


class Undoing(msgspec.Struct, frozen=True):
    """A decision to undo, by its number. ``why`` is for colleagues."""

    number: Annotated[int, Meta(ge=1, lt=1 << 31)]
    why: Why = ""


@router.post("/decisions/join", responses=gives(Made, 400, 404), openapi_extra=takes(Joining))
@allow(Role.EDITOR)
def join(desk: TheDesk, by: TheActor, wanted: Annotated[Joining, body(Joining)]) -> Response:
    """Join two stories into one. It takes effect within seconds; 404 if one of them does not exist."""
    return answer(_made(story_decisions.join(desk, by, wanted.story, wanted.into, wanted.why)))


@router.post("/decisions/split", responses=gives(Made, 400, 404), openapi_extra=takes(Splitting))
@allow(Role.EDITOR)
def split(desk: TheDesk, by: TheActor, wanted: Annotated[Splitting, body(Splitting)]) -> Response:
    """Split an article from its story. It takes effect within seconds; 404 if there is no such article."""
    return answer(_made(story_decisions.split(desk, by, wanted.article, wanted.why)))


@router.post("/decisions/undo", responses=gives(Made, 400, 404), openapi_extra=takes(Undoing))
@allow(Role.EDITOR)
def undo(desk: TheDesk, by: TheActor, wanted: Annotated[Undoing, body(Undoing)]) -> Response:
    """Undo a decision. 404 if there is none with this number; 400 if it can't be undone."""
    return answer(_made(story_decisions.undo(desk, by, wanted.number, wanted.why)))


@router.get("/decisions", responses=gives(Decisions))
@allow(Role.READER)
def decisions(desk: TheDesk, story: OfStory = None, limit: Limit = 50) -> Response:
    """Decisions about stories, newest first. ``story``: only those that concern the story with this id."""
    found = story_decisions.decisions(desk, story=story or "", limit=limit)[:limit]
    return answer({"items": [DECISION.of(one.decision, one.undone) for one in found]})


@router.get("/stories/{story}/related", responses=gives(RelatedStories, 404))
@allow(Role.READER)
def related(desk: TheDesk, story: StoryId) -> Response:
    """Stories that may be about the same event as this one, with scores and reasons."""
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
