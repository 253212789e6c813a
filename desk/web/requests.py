"""What a route knows of its request (the desk, who asks, a sent form), and how it answers a form."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request, Response
from starlette.responses import RedirectResponse

from desk.people.accounts import By
from desk.people.roles import Caller
from desk.use_cases.desk import Desk

FORM_FIELD, FORM_HEADER = "form_token", "x-form-token"


def desk_of(request: Request) -> Desk:
    """The desk that answers this request."""
    return cast("Desk", request.app.state.desk)


def caller_of(request: Request) -> Caller:
    """Who makes this request; for routes that ask for a role, which always have one."""
    caller: Caller | None = request.state.caller
    if caller is None:
        raise RuntimeError("a public route asked for its caller")
    return caller


def by_of(request: Request) -> By:
    """Who makes this request, for the audit trail."""
    return By(request.state.caller, request.state.address)


def base_url(request: Request, desk: Desk) -> str:
    """Where people reach the desk, without a slash at its end: the setting, or what the request was sent to."""
    return desk.settings.desk_public_url.rstrip("/") or str(request.base_url).rstrip("/")


def inside(path: str) -> str:
    """The path if it is one of this desk, else the front page: no form leads elsewhere."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain else "/"


def done(request: Request, back: str) -> Response:
    """Nothing for a script; for a form, the page to go on with."""
    if FORM_HEADER in request.headers:
        return Response(status_code=204)
    return RedirectResponse(inside(back), 303)


async def sent(request: Request) -> dict[str, list[str]]:
    """All fields of a form by name, for forms with boxes and lists; files are left out."""
    found: dict[str, list[str]] = {}
    for name, value in (await request.form(max_fields=500)).multi_items():
        if isinstance(value, str):
            found.setdefault(name, []).append(value)
    return found


TheDesk = Annotated[Desk, Depends(desk_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
TheActor = Annotated[By, Depends(by_of)]
TheForm = Annotated[dict[str, list[str]], Depends(sent)]
