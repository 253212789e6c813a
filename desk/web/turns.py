"""Searches and similar work take turns: a few at once, and none for a disconnected client or once the desk closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from desk.language import N_, gettext
from desk.use_cases.desk import Desk
from desk.web.problems import Refused
from desk.web.requests import caller_of, desk_of

WAIT_S, _TRY_S, _GONE_S = 2.0, 0.02, 0.1
BUSY = N_("other searches are running: try again in a moment")


class Turn:
    """One request's turn, which lasts until its function returns."""

    def __init__(self, desk: Desk) -> None:
        self._closing, self.gone = desk.hub.closing.is_set, False

    def stopped(self) -> bool:
        """Whether the client has disconnected. May be called from any thread."""
        return self.gone or self._closing()


async def turn_of(request: Request) -> AsyncIterator[Turn]:
    """Wait for a turn without using a thread, and release it. Raises Refused (503) if none is free within two seconds."""
    desk, person = desk_of(request), caller_of(request).id
    if request.method == "POST":
        # After the form, the only possible message is that the client has disconnected.
        await request.form(max_fields=500)
    await _take(desk, person)
    turn = Turn(desk)
    watch = asyncio.create_task(_watch(request, turn))
    try:
        yield turn
    finally:
        watch.cancel()
        for slots, key in zip(desk.searches, ("", person), strict=True):
            slots.give_back(key)


async def _take(desk: Desk, person: str) -> None:
    together, each = desk.searches
    for _ in range(round(WAIT_S / _TRY_S)):
        if desk.hub.closing.is_set():
            break
        if each.take(person):
            if together.take(""):
                return
            each.give_back(person)
        await asyncio.sleep(_TRY_S)
    raise Refused(503, gettext(BUSY), {"Retry-After": "2"})


async def _watch(request: Request, turn: Turn) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(_GONE_S)
    turn.gone = True


TheTurn = Annotated[Turn, Depends(turn_of, scope="function")]
