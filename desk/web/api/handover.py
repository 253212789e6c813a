"""The shift: what is new, changed and taken since a moment; claim, done, notes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, Field

from core.records import from_ms
from desk.people.roles import Role
from desk.views.shifts import handed
from desk.web.api.common import MOST_MS, PREFIX, problems
from desk.web.api.models import StoryOut, story_out
from desk.web.deps import TheActor, TheCaller, TheDesk
from desk.web.guard import allow
from desk.web.pages.handover import cards_since, shift_of, take, write

router = APIRouter(prefix=PREFIX, tags=["handover"])


class HoldOut(BaseModel):
    """Who has a story. ``state``: claimed, assigned, done."""

    story: str
    state: str
    holder: str | None
    by: str
    changed: datetime


class NoteOut(BaseModel):
    """``story`` empty: about the shift as a whole. ``kind``: note, claimed, assigned, done, open, handover."""

    at: datetime
    name: str
    kind: str
    story: str
    text: str


class Handover(BaseModel):
    """At most 40 new and 40 changed stories, those with alerts first, then by sources; ``…_more`` are left out."""

    new: list[StoryOut]
    new_more: int
    changed: list[StoryOut]
    changed_more: int
    taken: list[HoldOut]
    notes: list[NoteOut]


class Taking(BaseModel):
    """``over``: the id of whom it is taken from, as it was read; left out: nobody had it."""

    state: Literal["claimed", "done", "open"]
    over: Annotated[str | None, Field(max_length=32)] = None


class NoteIn(BaseModel):
    """``story`` left out: about the shift as a whole."""

    text: Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"\S")]
    story: Annotated[str, Field(max_length=100)] = ""


@router.get("/handover", responses=problems())
@allow(Role.READER)
def handover(
    desk: TheDesk, since_ms: Annotated[int, Query(ge=0, le=MOST_MS, description="ms since the epoch, UTC.")]
) -> Handover:
    """What one shift leaves to the next."""
    found, shift = handed(cards_since(desk, since_ms), since_ms), shift_of(desk)
    return Handover(
        new=[story_out(card) for card in found.new],
        new_more=found.new_more,
        changed=[story_out(card) for card in found.changed],
        changed_more=found.changed_more,
        taken=[
            HoldOut(
                story=one.story, state=one.state, holder=one.holder, by=one.by_name, changed=from_ms(one.changed_ms)
            )
            for one in shift.taken(done_since_ms=since_ms)
        ],
        notes=[
            NoteOut(at=from_ms(one.at_ms), name=one.name, kind=one.kind, story=one.story, text=one.text)
            for one in shift.notes(since_ms=since_ms)
        ],
    )


@router.put("/handover/stories/{story}", responses=problems(400, 404, 409), status_code=204)
@allow(Role.EDITOR)
def hold(
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    story: Annotated[str, Path(max_length=100)],
    wanted: Annotated[Taking, Body()],
) -> Response:
    """Claim a story, mark it as done, or give it back. 409: another took it meanwhile."""
    holder = (caller.id, caller.name) if wanted.state == "claimed" else None
    take(desk, caller, story, wanted.state, holder, over=wanted.over or "")
    desk.directory.note(by, f"story {wanted.state}", story)
    return Response(status_code=204)


@router.post("/handover/notes", responses=problems(400, 404), status_code=204)
@allow(Role.EDITOR)
def note(desk: TheDesk, caller: TheCaller, by: TheActor, wanted: Annotated[NoteIn, Body()]) -> Response:
    """Write something down for the next shift."""
    write(desk, caller, "note", wanted.story, wanted.text)
    desk.directory.note(by, "note written", wanted.story)
    return Response(status_code=204)
