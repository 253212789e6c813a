"""The shift: what is new, changed and taken since a time; claim, done, notes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Response
from msgspec import Meta

from desk.people.roles import Role
from desk.shifts import Hold, Note
from desk.use_cases import shifts
from desk.web.api.schema import MOST_MS, PREFIX, Shape, answer, body, composed, gives, takes
from desk.web.api.stories import STORY, story_out
from desk.web.guard import allow
from desk.web.requests import TheActor, TheDesk

router = APIRouter(prefix=PREFIX, tags=["handover"])
HOLD = Shape("Hold", Hold, "Who has a story. ``state``: claimed, assigned, done.", renamed={"by_name": "by"})
NOTE = Shape("Note", Note, without={"person", "id"})
Handover = composed(
    "Handover",
    "At most 40 new and 40 changed stories, those with alerts first, then by sources; ``…_more`` are left out.",
    new=STORY.several,
    new_more=int,
    changed=STORY.several,
    changed_more=int,
    taken=HOLD.several,
    notes=NOTE.several,
)


class Taking(msgspec.Struct, frozen=True):
    """``over``: the id of whom it is taken from, as it was read; left out: no one had it."""

    state: Literal["claimed", "done", "open"]
    over: Annotated[str, Meta(max_length=32)] | None = None


class NoteIn(msgspec.Struct, frozen=True):
    """``story`` left out: about the shift as a whole."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]
    story: Annotated[str, Meta(max_length=100)] = ""


@router.get("/handover", responses=gives(Handover))
@allow(Role.READER)
def handover(
    desk: TheDesk, since_ms: Annotated[int, Query(ge=0, le=MOST_MS, description="ms since the epoch, UTC.")]
) -> Response:
    """What one shift leaves to the next."""
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
    story: Annotated[str, Path(max_length=100)],
    wanted: Annotated[Taking, body(Taking)],
) -> Response:
    """Claim a story, mark it as done, or give it back. 409: someone else has just claimed it."""
    act = {"claimed": shifts.claim, "done": shifts.finish, "open": shifts.give_back}[wanted.state]
    act(desk, by, story, over=wanted.over or "")
    return Response(status_code=204)


@router.post("/handover/notes", responses=gives(None, 400, 404), openapi_extra=takes(NoteIn), status_code=204)
@allow(Role.EDITOR)
def note(desk: TheDesk, by: TheActor, wanted: Annotated[NoteIn, body(NoteIn)]) -> Response:
    """Write something down for the next shift."""
    shifts.write_note(desk, by, wanted.story, wanted.text)
    return Response(status_code=204)
