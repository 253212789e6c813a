"""Shift handover: what is new, changed, taken and held back since a moment; notes, assign, claim, done."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Form, Request, Response

from desk.people.roles import Caller, Role
from desk.shifts.store import HANDOVER, Hold, HoldState, Note, NoteKind, Shift
from desk.views.cards import Card
from desk.views.shifts import HOUR_MS, HOURS, LONGEST_HOURS, USUAL_HOURS, handed, held_stories, moment_of
from desk.web.deps import Desk, TheActor, TheCaller, TheDesk
from desk.web.forms import done
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
Story = Annotated[str, Form(max_length=100)]
Back = Annotated[str, Form(max_length=500)]
Text = Annotated[str, Form(max_length=4_000)]
MOST_STORIES = 4_000
_PAGE = 200


class Since(NamedTuple):
    """A moment, and how it was chosen: ``hours`` back, ``handover`` (the last one), or ``moment``."""

    ms: int
    how: str


@router.get("/handover")
@allow(Role.READER)
def show(request: Request, desk: TheDesk, caller: TheCaller, hours: str = "", since: str = "") -> Response:
    """The state of the shift since the last handover, so many hours, or a moment of the desk's time."""
    shift = shift_of(desk)
    handovers = shift.handovers()
    moment = _since(desk, handovers, hours, since)
    stories = handed(cards_since(desk, moment.ms), moment.ms)
    taken = shift.taken(done_since_ms=moment.ms)
    # What somebody has, or has done, stands in its own section only.
    known = {one.story for one in taken if one.held or one.state == "done"}
    stories = stories._replace(
        new=tuple(card for card in stories.new if card.id not in known),
        changed=tuple(card for card in stories.changed if card.id not in known),
    )
    held_back = shift.held_back(since_ms=moment.ms)
    cards = {card.id: card for card in (*stories.new, *stories.changed)}
    for one in taken:
        if one.story not in cards and (card := desk.follower.card(one.story)) is not None:
            cards[one.story] = card
    notes: dict[str, list[Note]] = {}
    for note in shift.notes(stories=cards):
        if note.kind == "note":
            notes.setdefault(note.story, []).append(note)
    return page(
        request,
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
        holds=shift.holds(cards) | {one.story: one for one in taken},
        notes=notes,
        log=[one for one in shift.notes(since_ms=moment.ms, limit=200) if not one.story],
        people=people_of(desk, caller),
        me=caller.id,
        names=desk.follower.names,
        back=f"/handover?{request.url.query}" if request.url.query else "/handover",
    )


@router.post("/handover/claim")
@allow(Role.EDITOR)
def claim(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    story: Story,
    over: str = Form(""),
    back: Back = "/handover",
) -> Response:
    """Take a story on. ``over``: who had it on the page (id), if anybody."""
    take(desk, caller, story, "claimed", (caller.id, caller.name), over=over)
    desk.directory.note(by, "story claimed", story)
    return done(request, back)


@router.post("/handover/assign")
@allow(Role.EDITOR)
def assign(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    story: Story,
    person: Annotated[str, Form(max_length=32)],
    over: Annotated[str, Form(max_length=32)] = "",
    back: Back = "/handover",
) -> Response:
    """Give a story to somebody."""
    name = people_of(desk, caller).get(person)
    if name is None:
        raise Refused(404, "there is no such person")
    take(desk, caller, story, "assigned", (person, name), over=over)
    desk.directory.note(by, "story assigned", story, name)
    return done(request, back)


@router.post("/handover/done")
@allow(Role.EDITOR)
def finish(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    story: Story,
    over: Annotated[str, Form(max_length=32)] = "",
    *,
    release: Annotated[bool, Form()] = False,
    back: Back = "/handover",
) -> Response:
    """The story is dealt with; ``release``: it is not, and anybody may take it."""
    state: HoldState = "open" if release else "done"
    take(desk, caller, story, state, None, over=over)
    desk.directory.note(by, "story given back" if release else "story done", story)
    return done(request, back)


@router.post("/handover/note")
@allow(Role.EDITOR)
def note(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    text: Text,
    story: Story = "",
    back: Back = "/handover",
) -> Response:
    """Write something down for the next shift, about a story or the shift as a whole."""
    if not text.strip():
        raise Refused(400, "the note is empty")
    write(desk, caller, "note", story, text)
    desk.directory.note(by, "note written", story)
    return done(request, back)


@router.post("/handover/over")
@allow(Role.EDITOR)
def hand_over(request: Request, desk: TheDesk, caller: TheCaller, by: TheActor, text: Text = "") -> Response:
    """The shift ends here: the next one's page begins at this moment."""
    write(desk, caller, HANDOVER, "", text)
    desk.directory.note(by, "shift handed over")
    return done(request, "/handover")


def shift_of(desk: Desk) -> Shift:
    """The shifts of the desk's run."""
    return Shift(desk.store, desk.settings.run)


def people_of(desk: Desk, caller: Caller) -> dict[str, str]:
    """Who may have a story: open accounts of editors and above, and the caller, by id."""
    found = {
        one.id: one.shown
        for one in desk.directory.people.listing()
        if one.active and Role(one.role).covers(Role.EDITOR)
    }
    if caller.role.covers(Role.EDITOR):
        found.setdefault(caller.id, caller.name)
    return found


def take(
    desk: Desk, caller: Caller, story: str, state: HoldState, holder: tuple[str, str] | None, *, over: str
) -> None:
    """Change who has a story. Raises Refused where it is not there, or another had it meanwhile."""
    if desk.follower.card(story) is None:
        raise Refused(404, "there is no such story")
    now_ms = desk.clock_ms()
    identity, name = holder or (None, "")
    hold = Hold(story=story, state=state, changed_ms=now_ms, holder=identity, holder_name=name, by_name=caller.name)
    kept = Note(at_ms=now_ms, person=caller.id, name=caller.name, kind=state, story=story, text=name)
    if not shift_of(desk).take(hold, kept, over=over or None):
        raise Refused(409, "somebody else took or gave this story meanwhile: look at the page again")


def write(desk: Desk, caller: Caller, kind: NoteKind, story: str, text: str) -> None:
    """Keep a note. Raises Refused for one about a story that is not there."""
    if story and desk.follower.card(story) is None:
        raise Refused(404, "there is no such story")
    plain = text.replace("\r\n", "\n").strip()
    shift_of(desk).write(
        Note(at_ms=desk.clock_ms(), person=caller.id, name=caller.name, kind=kind, story=story, text=plain)
    )


def _since(desk: Desk, handovers: list[Note], hours: str, since: str) -> Since:
    now_ms = desk.clock_ms()
    if hours.isascii() and hours.isdigit() and 0 < int(hours[:4]) <= LONGEST_HOURS:
        return Since(now_ms - int(hours[:4]) * HOUR_MS, hours)
    chosen = moment_of(since, desk.zone)
    if chosen is not None:
        return Since(min(chosen, now_ms), "moment")
    if handovers:
        return Since(handovers[0].at_ms, "handover")
    return Since(now_ms - USUAL_HOURS * HOUR_MS, str(USUAL_HOURS))


def cards_since(desk: Desk, since_ms: int) -> list[Card]:
    """Stories that changed since: from the board if it reaches back so far, else from the store."""
    board = desk.board.snapshot()
    if not board or board[-1].last_ms >= since_ms:
        found: list[Card] = []
        before: tuple[int, str] | None = None
        while len(found) < MOST_STORIES:
            cards = desk.follower.page(limit=_PAGE, before=before)
            found += cards
            if len(cards) < _PAGE or cards[-1].last_ms < since_ms:
                break
            before = cards[-1].order
        return found
    return [card for card in board if card.last_ms >= since_ms]
