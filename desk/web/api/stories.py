"""Stories."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from desk.people.roles import Role
from desk.views.cards import Card
from desk.views.filters import Filter, wanted
from desk.web.api.common import PREFIX, CursorText, Limit, Words, cursor_of, problems, read_cursor
from desk.web.api.models import Stories, StoryOut, story_out
from desk.web.deps import TheDesk
from desk.web.guard import allow
from desk.web.problems import Refused

router = APIRouter(prefix=PREFIX, tags=["stories"])
LOOKED_AT = 1_000
"""Stories that one request looks at: a rare filter takes several requests, not one that takes minutes."""
_PAGE = 200


@router.get("/stories", responses=problems(400))
@allow(Role.READER)
def stories(
    desk: TheDesk,
    topic: Words = [],  # noqa: B006 - FastAPI's way
    subscription: Words = [],  # noqa: B006
    lang: Words = [],  # noqa: B006
    outlet: Words = [],  # noqa: B006
    country: Words = [],  # noqa: B006
    hours: Annotated[int | None, Query(ge=1, le=10_000, description="Changed in the last so many hours.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Stories:
    """Stories, the one that changed last first; of each filter any of its values."""
    wish = Filter(
        topic=tuple(topic),
        subscription=tuple(subscription),
        lang=tuple(lang),
        outlet=tuple(outlet),
        country=tuple(country),
        hours=hours,
    )
    at = read_cursor(cursor, r"[0-9]{1,16} [0-9A-Za-z:_.-]{1,120}")
    before = (int(at.split(" ")[0]), at.split(" ")[1]) if at is not None else None
    now_ms = desk.clock_ms()
    found: list[Card] = []
    looked_at = 0
    while looked_at < LOOKED_AT:
        size = min(_PAGE, limit + 1) if wish.empty else _PAGE
        cards = desk.follower.page(limit=size, before=before)
        for card in cards:
            before = card.order
            if wanted(card, wish, now_ms):
                found.append(card)
                if len(found) == limit:
                    return _page(found, before)
        looked_at += len(cards)
        if len(cards) < size or (hours is not None and cards[-1].last_ms < now_ms - hours * 3_600_000):
            return _page(found, None)
    return _page(found, before)


@router.get("/stories/{story}", responses=problems(404))
@allow(Role.READER)
def story(desk: TheDesk, story: str) -> StoryOut:
    """One story; its articles are at ``/articles?story=…``."""
    card = desk.follower.card(story)
    if card is None:
        raise Refused(404, "there is no such story")
    return story_out(card)


def _page(found: list[Card], before: tuple[int, str] | None) -> Stories:
    return Stories(
        items=[story_out(card) for card in found], cursor=cursor_of(f"{before[0]} {before[1]}") if before else None
    )
