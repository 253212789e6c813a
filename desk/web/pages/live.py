"""Live: stories as they arrive, filtered by facets; read and unread, stars, export; the page's event stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import lru_cache
from typing import Annotated

import msgspec
from fastapi import APIRouter, Form, Response
from sse_starlette import ServerSentEvent

from core.store.decisions import Joins
from desk import language
from desk.labels import label_words
from desk.language import gettext
from desk.people.roles import Caller, Role
from desk.use_cases.desk import Desk
from desk.views.atom import stories_feed
from desk.views.cards import Card, ReadState, read_state
from desk.views.exports import FORMATS, stories_file
from desk.views.forms import LIVE_FACETS, LIVE_HOURS, LiveFilter, live_choices, live_filter_of
from desk.views.status_bar import Status, status_of
from desk.views.wording import Clock, language_name, outlet_name
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import clock_of, fragment
from desk.web.requests import Number, TheVisit, Visit, number_in
from desk.web.streams import SignedOut, batches, caught_up, event_stream, in_turn, last_id

router = APIRouter(include_in_schema=False)
PAGE = 60
EXPORTED = 2_000
KEPT = 4_000
"""Rendered rows that are cached for other readers."""

RowCache = dict[tuple[str, str, int, str], str]
"""Rendered rows, by language, story, transaction and the displayed time."""


@router.get("/")
@allow(Role.READER)
def live(visit: TheVisit, before: str = "") -> Response:
    """The newest stories that pass the filter."""
    form = live_filter_of(visit.request.query_params.multi_items())
    seq = visit.desk.board.seq
    cards = visit.desk.board.snapshot()
    found, states, starred, more = _page(visit.desk, visit.caller, cards, form, before)
    facets = live_choices(cards, form, _labels(visit.desk, cards))
    return visit.page(
        "live.html",
        cards=found,
        states=states,
        starred_ids=starred,
        form=form,
        facets=facets,
        facet_names=LIVE_FACETS,
        hours=LIVE_HOURS,
        more=more,
        seq=seq,
        takedowns=visit.desk.follower.takedowns or 0,
        total=len(cards),
        paged=bool(before),
        loading=not visit.desk.hub.ready.is_set(),
    )


@router.get("/live/events")
@allow(Role.READER)
async def events(visit: TheVisit, since: Number = 0) -> Response:
    """Events: changed stories (``story``), the status bar (``status``), and all stories are loaded (``loaded``).

    Ids are transactions, so a browser that reconnects misses nothing.
    """
    last = last_id(visit.request, since)
    full = gettext("you have too many pages open: close one and try again")
    return event_stream(visit.desk, visit.request, visit.caller, lambda: _events(visit, last), full=full)


@router.get("/live/export.{kind}")
@allow(Role.READER)
def export(visit: TheVisit, kind: str) -> Response:
    """All stories that pass the filter, as CSV, JSON Lines or Atom."""
    if kind not in FORMATS:
        raise Refused(404, gettext("no such format; there are %(names)s", names=", ".join(FORMATS)))
    form = live_filter_of(visit.request.query_params.multi_items())
    found, _, _, _ = _page(visit.desk, visit.caller, visit.desk.board.snapshot(), form, "", limit=EXPORTED)
    base = visit.base_url
    if kind == "atom":
        body = stories_feed(
            found,
            base_url=base,
            self_url=f"{base}/live/export.atom?{visit.request.url.query}",
            identity=f"{base}/live/export.atom?{form.query()}",
            now_ms=visit.desk.clock_ms(),
        )
    else:
        body = stories_file(kind, found, base_url=base)
    headers = {"Content-Disposition": f'attachment; filename="wirewatch-live.{kind}"'}
    return Response(body, headers=headers, media_type=FORMATS[kind])


@router.post("/live/read")
@allow(Role.READER)
def read(
    visit: TheVisit,
    story: Annotated[str, Form(max_length=100)],
    seq: Annotated[Number | None, Form()] = None,
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Mark a story as read as of ``seq``, or without ``seq``, as unread."""
    visit.desk.marks.read(visit.caller.id, story, seq)
    return visit.done(back)


@router.post("/live/star")
@allow(Role.READER)
def star(
    visit: TheVisit,
    story: Annotated[str, Form(max_length=100)],
    starred: Annotated[bool, Form()],
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Star a story, or remove the star."""
    visit.desk.marks.star(visit.caller.id, story, visit.desk.clock_ms() if starred else None)
    return visit.done(back)


@router.post("/live/read-all")
@allow(Role.READER)
def read_all(visit: TheVisit, seq: Annotated[Number, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Mark everything up to what the page showed as read."""
    visit.desk.marks.read_all(visit.caller.id, seq)
    return visit.done(back)


def _page(
    desk: Desk, caller: Caller, cards: Sequence[Card], form: LiveFilter, before: str, *, limit: int = PAGE
) -> tuple[list[Card], dict[str, ReadState], set[str], str | None]:
    """The cards to show, their read states for the caller, the starred stories, and the position of the next page."""
    now_ms, cursor, joins = desk.clock_ms(), _cursor(before), desk.joins()
    if form.show == "starred":
        cards = _starred(desk, caller, joins)
    candidates = [card for card in cards if form.lets_through(card, now_ms) and (cursor is None or card.order < cursor)]
    narrowed = candidates if form.show in ("unread", "starred") else candidates[: limit + 1]
    marks, floor = desk.marks.with_floor(caller.id, (card.id for card in narrowed), joins)
    states: dict[str, ReadState] = {
        card.id: read_state(card.seq, marks[card.id].read_seq if card.id in marks else None, floor) for card in narrowed
    }
    if form.show == "unread":
        narrowed = [card for card in narrowed if states[card.id] != "read"]
    shown = narrowed[:limit]
    more = f"{shown[-1].last_ms}-{shown[-1].id}" if len(narrowed) > limit else None
    return shown, states, {story for story, mark in marks.items() if mark.starred_ms}, more


def _starred(desk: Desk, caller: Caller, joins: Joins) -> list[Card]:
    found = (desk.follower.card(story) for story in desk.marks.starred(caller.id, joins))
    return sorted((card for card in found if card is not None), key=lambda card: card.order, reverse=True)


def _cursor(text: str) -> tuple[int, str] | None:
    moment, _, identity = text.partition("-")
    return (at, identity) if (at := number_in(moment)) is not None else None


def _labels(desk: Desk, cards: Sequence[Card]) -> dict[str, dict[str, str]]:
    outlets = desk.follower.outlets
    return {
        "lang": {code: language_name(code) for card in cards for code in card.languages},
        "outlet": {source: outlet_name(source, outlets) for card in cards for source in card.outlets},
        "subscription": desk.follower.names,
        "label": {label: label_words(label) for card in cards for label in card.labels},
    }


async def _events(visit: Visit, last: int) -> AsyncIterator[ServerSentEvent]:
    form = live_filter_of(visit.request.query_params.multi_items())
    rows: RowCache = visit.request.app.state.rows
    shown, loaded = "", False
    # By this number, a browser that was disconnected during a takedown notices it and reloads the page.
    yield ServerSentEvent(event="hello", data=str(visit.desk.follower.takedowns or 0), retry=1_000)

    def chosen(cards: Sequence[Card]) -> list[Card]:
        return [card for card in cards if form.lets_through(card, visit.desk.clock_ms())]

    def events_of(cards: Sequence[Card]) -> AsyncIterator[ServerSentEvent]:
        return in_turn(_events_of(visit.desk, rows, cards))

    def news() -> Iterator[ServerSentEvent]:
        nonlocal shown, loaded
        if not loaded and visit.desk.hub.ready.is_set():
            # For pages that were rendered before all stories were loaded.
            loaded = True
            yield ServerSentEvent(event="loaded", data="")
        bar = status_bar_html(status_of(visit.desk.health, clock_of(visit.desk)))
        if bar != shown:
            shown = bar
            yield ServerSentEvent(event="status", data=bar)

    with visit.desk.hub.reader() as reader:
        # After the reader exists, so that changes in between are sent twice and not missed.
        missed = await caught_up(visit.desk, lambda: chosen(visit.desk.board.since(last)))
        async for event in events_of(missed):
            yield event
        del missed
        for event in news():
            yield event
        try:
            async for batch in batches(visit.request, visit.desk, reader):
                if batch is not None:
                    for story in batch.gone:
                        yield ServerSentEvent(event="gone", data=story)
                    async for event in events_of(chosen(batch.cards)):
                        yield event
                for event in news():
                    yield event
        except SignedOut:
            yield ServerSentEvent(event="signed-out", data="")


@lru_cache(maxsize=4 * len(language.LANGUAGES))
def status_bar_html(status: Status) -> str:
    """The status bar on one line. Rendered once for all open streams, since each asks for it after every batch."""
    return " ".join(fragment("_status.html", status=status).split())


def _events_of(desk: Desk, rows: RowCache, cards: Sequence[Card]) -> Iterator[ServerSentEvent]:
    """Events of cards in the order of their transactions. Only the last of a transaction has its number, so a browser whose
    stream breaks in between receives all of them again.
    """
    clock = clock_of(desk)
    for place, card in enumerate(cards):
        last = place + 1 == len(cards) or cards[place + 1].seq != card.seq
        yield ServerSentEvent(event="story", id=str(card.seq if last else card.seq - 1), data=_row(rows, card, clock))


def _row(rows: RowCache, card: Card, clock: Clock) -> str:
    # Rows show the day for earlier days, so cached rows are valid for one day only.
    key = (language.current(), card.id, card.seq, clock.short(card.last_ms))
    if key not in rows:
        if len(rows) >= KEPT:
            rows.clear()
        html = fragment("_row.html", card=card, clock=clock, state="new", starred=False)
        rows[key] = msgspec.json.encode({"id": card.id, "seq": card.seq, "at": card.last_ms, "html": html}).decode()
    return rows[key]
