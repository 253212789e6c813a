"""Searches and similar work take turns: a few at once, and none for a disconnected client or once the desk closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from core.search import Stopped
from desk.language import N_, gettext
from desk.use_cases.desk import Desk
from desk.web.problems import Refused
from desk.web.requests import caller_of, desk_of

_TRY_S, _GONE_S = 0.02, 0.1
BUSY = N_("other searches are running: try again in a moment")


class Turn:
    """One request's turn, which lasts until its function returns."""

    def __init__(self, desk: Desk) -> None:
        self._closing, self.gone = desk.hub.closing.is_set, False

    def stopped(self) -> bool:
        """Whether the client has disconnected. May be called from any thread."""
        return self.gone or self._closing()


async def turn_of(request: Request) -> AsyncIterator[Turn]:
    """Wait for a turn without using a thread, and release it. Raises Refused (503) if none is free within ``turn_wait_s``."""
    desk, person = desk_of(request), caller_of(request).id
    if request.method == "POST":
        # After the form, the only possible message is that the client has disconnected.
        await request.form(max_fields=500)
    if not await _taken(desk, person):
        raise Refused(503, gettext(BUSY), {"Retry-After": "2"})
    async with _watched(request) as turn:
        try:
            yield turn
        finally:
            _give_back(desk, person)


async def in_turns(request: Request, make: Callable[[Stopped], Iterator[bytes]]) -> AsyncIterator[bytes]:
    """What ``make`` yields, each part in a turn of its own, waiting as long as it takes: for an answer longer than one turn.

    The turn ends before its part is sent, so a client that reads slowly holds none. Ends early if the client disconnects.
    """
    desk, person = desk_of(request), caller_of(request).id
    async with _watched(request) as turn:
        parts = make(turn.stopped)
        while not turn.stopped():
            if not await _taken(desk, person):
                continue
            try:
                part = await run_in_threadpool(next, parts, None)
            finally:
                _give_back(desk, person)
            if part is None:
                return
            yield part


async def _taken(desk: Desk, person: str) -> bool:
    """Whether a turn was free within ``turn_wait_s``. False at once if the desk closes."""
    together, each = desk.searches
    for _ in range(round(desk.turn_wait_s / _TRY_S)):
        if desk.hub.closing.is_set():
            return False
        if each.take(person):
            if together.take(""):
                return True
            each.give_back(person)
        await asyncio.sleep(_TRY_S)
    return False


def _give_back(desk: Desk, person: str) -> None:
    for slots, key in zip(desk.searches, ("", person), strict=True):
        slots.give_back(key)


@asynccontextmanager
async def _watched(request: Request) -> AsyncIterator[Turn]:
    """A turn that stops if the client disconnects within the block."""
    turn = Turn(desk_of(request))
    watch = asyncio.create_task(_watch(request, turn))
    try:
        yield turn
    finally:
        watch.cancel()


async def _watch(request: Request, turn: Turn) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(_GONE_S)
    turn.gone = True


TheTurn = Annotated[Turn, Depends(turn_of, scope="function")]
