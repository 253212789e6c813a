"""Signing in and out; one's own account: password, sessions, tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from core.errors import UsageError
from desk.people.limits import SIGN_IN_ADDRESS, SIGN_IN_NAME
from desk.people.roles import DOES, Caller, Role
from desk.people.store import Account, folded
from desk.use_cases.desk import Desk
from desk.web.guard import SESSION_COOKIE, allow, feed_address, set_cookie, with_token
from desk.web.problems import Refused
from desk.web.render import page
from desk.web.requests import TheActor, TheCaller, TheDesk, base_url, inside

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
    found = desk.accounts.sign_in(name, password, address=address, agent=request.headers.get("user-agent", ""))
    if found is None:
        problem = "Name and password do not match."
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
        desk.accounts.people.end_sessions(caller.id, only=caller.session)
        desk.accounts.note(by, "signed out")
    set_cookie(desk, request, SESSION_COOKIE, "", max_age_s=0)
    return RedirectResponse("/sign-in", 303)


@router.get("/account")
@allow(Role.READER)
def show(request: Request, desk: TheDesk, caller: TheCaller) -> Response:
    """Sessions and tokens of the caller."""
    return _page(request, desk, caller)


@router.post("/account/password")
@allow(Role.READER)
def change_password(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    old: Annotated[str, Form(max_length=2_000)],
    new: Annotated[str, Form(max_length=2_000)],
) -> Response:
    """Change the password, which takes the old one; all sessions end."""
    account = _account(desk, caller)
    wait_s = desk.buckets.take(f"sign-in name {account.name}", SIGN_IN_NAME, desk.monotonic())
    if wait_s:
        raise Refused(429, "too many tries: wait a minute", {"Retry-After": str(max(1, round(wait_s)))})
    if not desk.accounts.check(account, old):
        return _page(request, desk, caller, problem="The old password is wrong.", status=403)
    try:
        desk.accounts.set_password(account, new, by)
    except UsageError as error:
        return _page(request, desk, caller, problem=error.message, status=400)
    return RedirectResponse("/sign-in", 303)


@router.post("/account/sign-out-others")
@allow(Role.READER)
def sign_out_others(desk: TheDesk, caller: TheCaller, by: TheActor) -> Response:
    """End all sessions but this one."""
    count = desk.accounts.people.end_sessions(_account(desk, caller).id, but=caller.session)
    desk.accounts.note(by, "sessions ended", caller.name, str(count))
    return RedirectResponse("/account", 303)


@router.post("/account/tokens")
@allow(Role.READER)
def make_token(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    name: Annotated[str, Form(max_length=100)],
    scope: Annotated[str, Form()] = "read",
    days: Annotated[int | None, Form(ge=1, le=3_650)] = 90,
) -> Response:
    """Make a token; it is shown this once."""
    try:
        token = desk.accounts.make_token(_account(desk, caller), name, scope, days, by)
    except UsageError as error:
        return _page(request, desk, caller, problem=error.message, status=400)
    return _page(request, desk, caller, token=token)


@router.post("/account/feeds")
@allow(Role.READER)
def make_feed(
    request: Request,
    desk: TheDesk,
    caller: TheCaller,
    by: TheActor,
    feed: Annotated[str, Form(max_length=25_000)],
) -> Response:
    """Make an address of a feed for a feed reader; it is shown this once."""
    account, address = _account(desk, caller), feed_address(feed)
    if address is None:
        raise Refused(400, "that is not an Atom feed of this desk")
    base = base_url(request, desk)
    made = with_token(base + address, desk.accounts.make_feed_token(account, address, by))
    return _page(request, desk, caller, feed=made)


@router.post("/account/tokens/drop")
@allow(Role.READER)
def drop_token(desk: TheDesk, caller: TheCaller, by: TheActor, token: Annotated[str, Form(max_length=32)]) -> Response:
    """Delete a token: it no longer opens anything."""
    if not desk.accounts.people.drop_token(caller.id, token):
        raise Refused(404, "you have no such token")
    desk.accounts.note(by, "token deleted", caller.name)
    return RedirectResponse("/account", 303)


def _account(desk: Desk, caller: Caller) -> Account:
    account = desk.accounts.people.person(caller.id)
    if account is None:
        raise Refused(400, "the demo's person has no account")
    return account


def _page(
    request: Request,
    desk: Desk,
    caller: Caller,
    *,
    problem: str = "",
    token: str = "",
    feed: str = "",
    status: int = 200,
) -> Response:
    people = desk.accounts.people
    return page(
        request,
        "account.html",
        status=status,
        account=people.person(caller.id),
        does=DOES[caller.role],
        sessions=people.sessions_of(caller.id),
        tokens=people.tokens_of(caller.id),
        problem=problem,
        token=token,
        feed=feed,
    )
