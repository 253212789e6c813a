"""Shift handover: what is new, changed, taken and held back since a time; notes, assign, claim, done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response

from desk.language import gettext
from desk.people.roles import Role
from desk.shifts import Note
from desk.use_cases import shifts
from desk.use_cases.shifts import HOURS, handover, held_stories, people_of, shift_of, since_of
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.requests import TheVisit

router = APIRouter(include_in_schema=False)
Story = Annotated[str, Form(max_length=100)]
Back = Annotated[str, Form(max_length=500)]
Text = Annotated[str, Form(max_length=4_000)]
Holder = Annotated[str, Form(max_length=32)]


@router.get("/handover")
@allow(Role.READER)
def show(visit: TheVisit, hours: str = "", since: str = "") -> Response:
    """The shift since the last one began, the last handover, a number of hours, or a time in the desk's zone."""
    shift, joins = shift_of(visit.desk), visit.desk.joins()
    handovers = shift.handovers()
    moment = since_of(visit.desk, handovers, hours, since)
    stories = handover(visit.desk, moment.ms)
    taken = shift.taken(joins, done_since_ms=moment.ms)
    # A story that is taken or done is only in its own section.
    known = {one.story for one in taken if one.held or one.state == "done"}
    stories = stories._replace(
        new=tuple(card for card in stories.new if card.id not in known),
        changed=tuple(card for card in stories.changed if card.id not in known),
    )
    held_back = shift.held_back(since_ms=moment.ms)
    cards = {card.id: card for card in (*stories.new, *stories.changed)}
    for one in taken:
        if one.story not in cards and (card := visit.desk.follower.card(one.story)) is not None:
            cards[one.story] = card
    notes: dict[str, list[Note]] = {}
    for note in shift.notes(joins, stories=cards):
        if note.kind == "note":
            notes.setdefault(note.story, []).append(note)
    return visit.page(
        "handover.html",
        since=moment,
        hours=HOURS,
        last=handovers[0] if handovers else None,
        stories=stories,
        taken=[one for one in taken if one.held],
        finished=[one for one in taken if one.state == "done"],
        held=held_stories(held_back.deliveries),
        held_more=held_back.more,
        cards=cards,
        holds=shift.holds(cards, joins) | {one.story: one for one in taken},
        notes=notes,
        log=[one for one in shift.notes(joins, since_ms=moment.ms, limit=200) if not one.story],
        people=people_of(visit.desk, visit.caller),
        me=visit.caller.id,
        names=visit.desk.follower.names,
        back=f"/handover?{visit.request.url.query}" if visit.request.url.query else "/handover",
    )


@router.post("/handover/claim")
@allow(Role.EDITOR)
def claim(visit: TheVisit, story: Story, over: str = Form(""), back: Back = "/handover") -> Response:
    """Claim a story. ``over``: the holder (id) that the page showed, if any."""
    shifts.claim(visit.desk, visit.by, story, over=over)
    return visit.done(back)


@router.post("/handover/assign")
@allow(Role.EDITOR)
def assign(visit: TheVisit, story: Story, person: Holder, over: Holder = "", back: Back = "/handover") -> Response:
    """Assign a story."""
    shifts.assign(visit.desk, visit.by, story, person, over=over)
    return visit.done(back)


@router.post("/handover/done")
@allow(Role.EDITOR)
def finish(
    visit: TheVisit,
    story: Story,
    over: Holder = "",
    *,
    release: Annotated[bool, Form()] = False,
    back: Back = "/handover",
) -> Response:
    """Mark a story as done; with ``release``, give it back instead, so that anyone may claim it."""
    (shifts.give_back if release else shifts.finish)(visit.desk, visit.by, story, over=over)
    return visit.done(back)


@router.post("/handover/note")
@allow(Role.EDITOR)
def note(visit: TheVisit, text: Text, story: Story = "", back: Back = "/handover") -> Response:
    """Write a note for the next shift, about a story or the whole shift."""
    if not text.strip():
        raise Refused(400, gettext("the note is empty"))
    shifts.write_note(visit.desk, visit.by, story, text)
    return visit.done(back)


@router.post("/handover/over")
@allow(Role.EDITOR)
def hand_over(visit: TheVisit, text: Text = "") -> Response:
    """End the shift now: the next shift's page begins at this time."""
    shifts.hand_over(visit.desk, visit.by, text)
    return visit.done("/handover")
