"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from desk.people.limits import SIGN_IN_ADDRESS, SIGN_IN_NAME
from desk.people.roles import Role
from desk.people.store import folded
from desk.web.deps import TheActor, TheCaller, TheDesk
from desk.web.forms import inside
from desk.web.guard import SESSION_COOKIE, allow, set_cookie
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
SESSION_S = 30 * 86_400


@router.get("/sign-in")
@allow(None)
def form(request: Request, next: str = "/") -> Response:  # noqa: A002 - the address' own word
    """The form; who is signed in goes on."""
    if request.state.caller is not None:
        return RedirectResponse(inside(next), 303)
    return page(request, "sign_in.html", next=inside(next), problem="", name="")


@router.post("/sign-in")
@allow(None)
def sign_in(
    request: Request,
    desk: TheDesk,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=2_000)],
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's own word
) -> Response:
    """A session for the right name and password. Tries are limited for each name and each address."""
    address: str = request.state.address
    tries = ((f"sign-in name {folded(name)}", SIGN_IN_NAME), (f"sign-in address {address}", SIGN_IN_ADDRESS))
    waits_s = [desk.buckets.take(key, limit, desk.monotonic()) for key, limit in tries]
    if max(waits_s) > 0:
        raise Refused(429, "too many tries: wait a minute", {"Retry-After": str(max(1, round(max(waits_s))))})
    found = desk.directory.sign_in(name, password, address=address, agent=request.headers.get("user-agent", ""))
    if found is None:
        problem = "Name and password don't fit."
        return page(request, "sign_in.html", status=403, next=inside(next), problem=problem, name=name)
    for key, limit in tries:
        desk.buckets.give_back(key, limit)
    set_cookie(desk, request, SESSION_COOKIE, found[0], max_age_s=SESSION_S)
    return RedirectResponse(inside(next), 303)


@router.post("/sign-out")
@allow(Role.READER)
def sign_out(request: Request, desk: TheDesk, caller: TheCaller, by: TheActor) -> Response:
    """End this session."""
    if caller.session is not None:
        desk.directory.people.end_sessions(caller.id, only=caller.session)
        desk.directory.note(by, "signed out")
    set_cookie(desk, request, SESSION_COOKIE, "", max_age_s=0)
    return RedirectResponse("/sign-in", 303)
