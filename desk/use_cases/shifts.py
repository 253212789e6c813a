"""Shifts: who works on which story, notes, and the handover to the next shift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from core.durations import HOUR_MS
from core.errors import Conflict, NotFound
from core.records import to_ms
from desk.delivery.store.channels import Delivery
from desk.language import gettext, in_words, known
from desk.people.accounts import By
from desk.people.roles import Caller, Role
from desk.shifts import HANDOVER, Hold, HoldState, Note, NoteKind, Shift
from desk.use_cases.desk import Desk
from desk.use_cases.stories import cards_since
from desk.views.cards import Card
from desk.views.wording import DELIVERY_STATES

HOURS = (4, 8, 12, 24)
USUAL_HOURS = 8
LONGEST_HOURS = 24 * 14
SHOWN = 40


class Since(NamedTuple):
    """A time, and how it was chosen: ``hours`` back, ``shift`` (the start of the last shift), ``handover``, or ``moment``."""

    ms: int
    how: str


class Handed(NamedTuple):
    """Stories since a time, those with alerts first, then by independent sources; ``…_more``: how many are not shown."""

    new: tuple[Card, ...]
    new_more: int
    changed: tuple[Card, ...]
    changed_more: int


class HeldStory(NamedTuple):
    """A story with held messages: its newest delivery, the number of deliveries, and the reasons."""

    newest: Delivery
    number: int
    whys: tuple[str, ...]


def shift_of(desk: Desk) -> Shift:
    """The shifts of the desk's run."""
    return Shift(desk.store, desk.settings.run)


def handover(desk: Desk, since_ms: int) -> Handed:
    """The new and the changed stories since a time. Raises StoreError."""
    return handed(cards_since(desk, since_ms), since_ms)


def people_of(desk: Desk, caller: Caller) -> dict[str, str]:
    """Who may take a story: open accounts with the role editor or above, and the caller, by id."""
    found = {
        one.id: one.shown for one in desk.accounts.people.listing() if one.active and Role(one.role).covers(Role.EDITOR)
    }
    if caller.role.covers(Role.EDITOR):
        found.setdefault(caller.id, caller.name)
    return found


def claim(desk: Desk, by: By, story: str, *, over: str = "") -> None:
    """Claim a story. ``over``: the id of the holder that the page showed; empty if there was none.

    Raises NotFound for an unknown story, Conflict if its holder has changed meanwhile.
    """
    person = by.person
    _take(desk, by, story, "claimed", (person.id, person.name), over)
    desk.accounts.note(by, "story claimed", story)


def assign(desk: Desk, by: By, story: str, person: str, *, over: str = "") -> None:
    """Assign a story to a person (id). Raises NotFound for an unknown story or person, Conflict."""
    name = people_of(desk, by.person).get(person)
    if name is None:
        raise NotFound(gettext("there is no such person"))
    _take(desk, by, story, "assigned", (person, name), over)
    desk.accounts.note(by, "story assigned", story, name)


def finish(desk: Desk, by: By, story: str, *, over: str = "") -> None:
    """Mark a story as done. Raises NotFound, Conflict."""
    _take(desk, by, story, "done", None, over)
    desk.accounts.note(by, "story done", story)


def give_back(desk: Desk, by: By, story: str, *, over: str = "") -> None:
    """Give a story back, so that anyone may claim it. Raises NotFound, Conflict."""
    _take(desk, by, story, "open", None, over)
    desk.accounts.note(by, "story released", story)


def write_note(desk: Desk, by: By, story: str, text: str) -> None:
    """Store a note for the next shift; an empty ``story`` means the whole shift. Raises NotFound for an unknown story."""
    _write(desk, by, "note", story, text)
    desk.accounts.note(by, "note written", story)


def hand_over(desk: Desk, by: By, text: str = "") -> None:
    """End the shift now: the next shift's page begins at this time."""
    _write(desk, by, HANDOVER, "", text)
    desk.accounts.note(by, "shift handed over")


def since_of(desk: Desk, handovers: Sequence[Note], hours: str, since: str) -> Since:
    """The time that an address asks for; else the beginning of the shift that was handed over, else some hours back.

    So a new shift reads what the last one left: its notes, its handover message, the stories it took and the new ones.
    ``handovers``: the latest first. ``since``: ``handover`` for the latest of them, or a time that ``moment_of`` parses.
    """
    now_ms = desk.clock_ms()
    if hours.isascii() and hours.isdigit() and 0 < int(hours[:4]) <= LONGEST_HOURS:
        return Since(now_ms - int(hours[:4]) * HOUR_MS, hours)
    chosen = moment_of(since, desk.zone)
    if chosen is not None:
        return Since(min(chosen, now_ms), "moment")
    if handovers and since == HANDOVER:
        return Since(handovers[0].at_ms, "handover")
    if handovers:
        usual_ms = handovers[0].at_ms - USUAL_HOURS * HOUR_MS
        return Since(handovers[1].at_ms if len(handovers) > 1 else usual_ms, "shift")
    return Since(now_ms - USUAL_HOURS * HOUR_MS, str(USUAL_HOURS))


def handed(cards: Iterable[Card], since_ms: int, *, shown: int = SHOWN) -> Handed:
    """The new and the changed among ``cards``, which may include older ones. Pure.

    Articles from before a feed was first watched are not news.
    """
    recent = [card for card in cards if card.last_ms >= since_ms and not card.backfill]
    new = sorted((card for card in recent if card.first_ms >= since_ms), key=_weight)
    changed = sorted((card for card in recent if card.first_ms < since_ms), key=_weight)
    return Handed(tuple(new[:shown]), max(0, len(new) - shown), tuple(changed[:shown]), max(0, len(changed) - shown))


def held_stories(deliveries: Sequence[Delivery]) -> list[HeldStory]:
    """Deliveries grouped by subscription and story, in the order of ``deliveries``, newest first. Pure."""
    grouped: dict[tuple[str, str], list[Delivery]] = {}
    for one in deliveries:
        grouped.setdefault((one.subscription, one.story), []).append(one)
    return [
        HeldStory(
            several[0],
            len(several),
            tuple(dict.fromkeys(_held_why(one) for one in several)),
        )
        for several in grouped.values()
    ]


def _held_why(one: Delivery) -> str:
    state = in_words(DELIVERY_STATES, one.status)
    return gettext("%(state)s: %(why)s", state=state, why=known(one.why)) if one.why else state


def moment_of(text: str, zone: tzinfo) -> int | None:
    """Parses ``2026-03-05T06:00`` in the desk's zone, as a form sends it. Returns ms, or None for any other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1971 <= moment.year <= 9000:
        return None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _take(desk: Desk, by: By, story: str, state: HoldState, holder: tuple[str, str] | None, over: str) -> None:
    _check_story(desk, story)
    now_ms, person = desk.clock_ms(), by.person
    identity, name = holder or (None, "")
    hold = Hold(story=story, state=state, changed_ms=now_ms, holder=identity, holder_name=name, by_name=person.name)
    kept = Note(at_ms=now_ms, person=person.id, name=person.name, kind=state, story=story, text=name)
    if not shift_of(desk).take(hold, kept, over=over or None):
        raise Conflict(gettext("someone else has claimed or assigned this story in the meantime: reload the page"))


def _write(desk: Desk, by: By, kind: NoteKind, story: str, text: str) -> None:
    if story:
        _check_story(desk, story)
    plain, person = text.replace("\r\n", "\n").strip(), by.person
    shift_of(desk).write(
        Note(at_ms=desk.clock_ms(), person=person.id, name=person.name, kind=kind, story=story, text=plain)
    )


def _check_story(desk: Desk, story: str) -> None:
    if desk.follower.card(story) is None:
        raise NotFound(gettext("there is no such story"))


def _weight(card: Card) -> tuple[bool, int, int, str]:
    return not card.subscriptions, -card.sources, -card.last_ms, card.id
