"""The shift: what is new, changed and taken since a time; claim, done, notes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Response
from msgspec import Meta

from desk.people.roles import Role
from desk.shifts import Hold, Note
from desk.use_cases import shifts
from desk.web.api.schema import MOST_MS, PREFIX, Shape, StoryId, answer, body, composed, gives, takes
from desk.web.api.stories import STORY, story_out
from desk.web.guard import allow
from desk.web.requests import TheActor, TheDesk

router = APIRouter(prefix=PREFIX, tags=["handover"])
HOLD = Shape(
    "Hold",
    Hold,
    "Who works on a story. ``state``: claimed, assigned, done or open. ``holder`` (an id) and ``holder_name``: who has it; "
    "null and empty if no one does. ``changed``: when, UTC; ``by``: who made the last change.",
    renamed={"by_name": "by"},
)
NOTE = Shape(
    "Note",
    Note,
    "A note, or an entry about what a person did (``kind``). ``at`` is UTC; ``name``: the person. ``story`` is empty for a "
    "note about the whole shift.",
    without={"person", "id"},
)
Handover = composed(
    "Handover",
    "At most 40 new and 40 changed stories, those with alerts first, then those with the most sources. ``new_more`` and "
    "``changed_more``: how many are left out. ``taken``: stories that people work on or have done since then.",
    new=STORY.several,
    new_more=int,
    changed=STORY.several,
    changed_more=int,
    taken=HOLD.several,
    notes=NOTE.several,
)


class Taking(msgspec.Struct, frozen=True):
    """A new state of a story. ``over``: the id of the current holder as the client read it; left out if no one had the story.

    If another person has it in the meantime, the change is refused with 409.
    """

    state: Literal["claimed", "done", "open"]
    over: Annotated[str, Meta(max_length=32)] | None = None


class NoteIn(msgspec.Struct, frozen=True):
    """A note for the next shift. ``story``: the id of the story that it is about; left out for the whole shift."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]
    story: Annotated[str, Meta(max_length=100)] = ""


@router.get("/handover", responses=gives(Handover))
@allow(Role.READER)
def handover(
    desk: TheDesk,
    since_ms: Annotated[
        int, Query(ge=0, le=MOST_MS, description="The beginning of the shift, in ms since the epoch, UTC.")
    ],
) -> Response:
    """What happened since the beginning of a shift: new and changed stories, who works on what, notes."""
    found, shift, joins = shifts.handover(desk, since_ms), shifts.shift_of(desk), desk.joins()
    return answer(
        {
            "new": [story_out(card) for card in found.new],
            "new_more": found.new_more,
            "changed": [story_out(card) for card in found.changed],
            "changed_more": found.changed_more,
            "taken": [HOLD.of(one) for one in shift.taken(joins, done_since_ms=since_ms)],
            "notes": [NOTE.of(one) for one in shift.notes(joins, since_ms=since_ms)],
        }
    )


@router.put(
    "/handover/stories/{story}", responses=gives(None, 400, 404, 409), openapi_extra=takes(Taking), status_code=204
)
@allow(Role.EDITOR)
def hold(
    desk: TheDesk,
    by: TheActor,
    story: StoryId,
    wanted: Annotated[Taking, body(Taking)],
) -> Response:
    """Claim a story, mark it as done, or release it. 409 if another person has taken it in the meantime."""
    act = {"claimed": shifts.claim, "done": shifts.finish, "open": shifts.give_back}[wanted.state]
    act(desk, by, story, over=wanted.over or "")
    return Response(status_code=204)


@router.post("/handover/notes", responses=gives(None, 400, 404), openapi_extra=takes(NoteIn), status_code=204)
@allow(Role.EDITOR)
def note(desk: TheDesk, by: TheActor, wanted: Annotated[NoteIn, body(NoteIn)]) -> Response:
    """Write a note for the next shift. 404 if the story does not exist."""
    shifts.write_note(desk, by, wanted.story, wanted.text)
    return Response(status_code=204)
