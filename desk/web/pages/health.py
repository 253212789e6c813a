"""Whether this desk works, for whatever looks after the process."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from desk.web.deps import TheDesk
from desk.web.guard import allow

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
@allow(None)
def health(desk: TheDesk) -> PlainTextResponse:
    """200 while the store can be read and followed, else 503; says nothing that a stranger may not know."""
    if desk.problem is not None:
        return PlainTextResponse("the store can't be read\n", 503)
    return PlainTextResponse("ok\n" if desk.hub.ready.is_set() else "ok, still loading its stories\n")
