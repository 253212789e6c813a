"""Signing in and out, and the caller's own account: password, sessions, tokens."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Form, Response
from starlette.responses import RedirectResponse

from core.errors import UsageError
from desk.language import LANGUAGES, gettext, ngettext
from desk.people.accounts import Slowed
from desk.people.roles import DOES, ROLE_NAMES, Caller, Role
from desk.people.store import Account
from desk.use_cases.desk import Desk
from desk.web.guard import LANGUAGE_COOKIE, SESSION_COOKIE, allow, feed_address, set_cookie, with_token
from desk.web.problems import Refused
from desk.web.requests import TheVisit, Visit, inside

router = APIRouter(include_in_schema=False)
SESSION_S = 30 * 86_400
LANGUAGE_COOKIE_S = 365 * 86_400
MOST_WAITING = 40
FIRST_PAGE = "/overview"
"""The page after signing in, if none was asked for."""


@router.get("/sign-in")
@allow(None)
def form(visit: TheVisit, next: str = FIRST_PAGE) -> Response:  # noqa: A002 - the address' own word
    """The sign-in form; redirects a person who is already signed in."""
    if visit.request.state.caller is not None:
        return RedirectResponse(inside(next), 303)
    return visit.page("sign_in.html", next=inside(next), problem="", name="", no_account=_no_account(visit))


def _no_account(visit: Visit) -> bool:
    """Whether no account exists, and no proxy is configured that signs people in."""
    return not visit.desk.settings.desk_proxy_header and visit.desk.accounts.none_yet()


@router.post("/sign-in")
@allow(None)
async def sign_in(
    visit: TheVisit,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=2_000)],
    next: Annotated[str, Form()] = FIRST_PAGE,  # noqa: A002 - the form's own word
) -> Response:
    """Begin a session for a valid name and password; wrong ones delay the next attempt (``desk.people.sign_in_throttle``)."""
    address: str = visit.request.state.address
    agent = visit.request.headers.get("user-agent", "")
    waiting = visit.desk.signing_in
    if waiting.statistics().tasks_waiting >= MOST_WAITING:
        raise Refused(503, gettext("Too many people are signing in: try again in a moment"), {"Retry-After": "5"})
    # On separate threads: a password takes a tenth of a second, and pages must not wait while someone guesses.
    try:
        found = await to_thread.run_sync(
            partial(visit.desk.accounts.sign_in, name, password, address=address, agent=agent), limiter=waiting
        )
    except Slowed as slowed:
        raise _too_many(slowed) from None
    if found is None:
        problem = gettext("The name or the password is wrong.")
        none_yet = await to_thread.run_sync(_no_account, visit)
        return visit.page(
            "sign_in.html", status=403, next=inside(next), problem=problem, name=name, no_account=none_yet
        )
    set_cookie(visit.desk, visit.request, SESSION_COOKIE, found[0], max_age_s=SESSION_S)
    return RedirectResponse(inside(next), 303)


@router.post("/sign-out")
@allow(Role.READER)
def sign_out(visit: TheVisit) -> Response:
    """End this session."""
    visit.desk.accounts.sign_out(visit.by)
    set_cookie(visit.desk, visit.request, SESSION_COOKIE, "", max_age_s=0)
    return RedirectResponse("/sign-in", 303)


@router.get("/account")
@allow(Role.READER)
def show(visit: TheVisit) -> Response:
    """The caller's sessions and tokens."""
    return account_page(visit)


@router.post("/account/password")
@allow(Role.READER)
def change_password(
    visit: TheVisit,
    old: Annotated[str, Form(max_length=2_000)],
    new: Annotated[str, Form(max_length=2_000)],
    keep: Annotated[bool, Form()] = False,
) -> Response:
    """Change the password, which needs the old one; ends all sessions, and deletes tokens unless they are kept."""
    account = _account(visit.desk, visit.caller)
    try:
        if not visit.desk.accounts.check(account, old, visit.by):
            return account_page(visit, problem=gettext("The old password is wrong."), status=403)
        visit.desk.accounts.set_password(account, new, visit.by, keep_tokens=keep)
    except Slowed as slowed:
        raise _too_many(slowed) from None
    except UsageError as error:
        return account_page(visit, problem=error.message, status=400)
    return RedirectResponse("/sign-in", 303)


@router.post("/account/language")
@allow(None)
def set_language(
    visit: TheVisit,
    language: Annotated[str, Form(max_length=16)] = "",
    back: Annotated[str, Form(max_length=2_000)] = "/account",
) -> Response:
    """Set the language of the pages for the account, or for this browser before signing in and in the demo.

    Empty: the browser's language.
    """
    chosen = language if language in LANGUAGES else ""
    caller = visit.request.state.caller
    account = visit.desk.accounts.people.person(caller.id) if caller is not None else None
    if account is not None:
        visit.desk.accounts.set_language(account, chosen or None)
        chosen = ""
    age_s = LANGUAGE_COOKIE_S if chosen else 0
    set_cookie(visit.desk, visit.request, LANGUAGE_COOKIE, chosen, max_age_s=age_s)
    return RedirectResponse(inside(back), 303)


@router.post("/account/sign-out-others")
@allow(Role.READER)
def sign_out_others(visit: TheVisit) -> Response:
    """End all sessions except this one."""
    _account(visit.desk, visit.caller)
    visit.desk.accounts.end_other_sessions(visit.by)
    return RedirectResponse("/account", 303)


@router.post("/account/tokens")
@allow(Role.READER)
def make_token(
    visit: TheVisit,
    name: Annotated[str, Form(max_length=100)],
    scope: Annotated[str, Form()] = "read",
    days: Annotated[int | None, Form(ge=1, le=3_650)] = 90,
) -> Response:
    """Create a token, which is shown only once."""
    try:
        token = visit.desk.accounts.make_token(_account(visit.desk, visit.caller), name, scope, days, visit.by)
    except UsageError as error:
        return account_page(visit, problem=error.message, status=400)
    return account_page(visit, token=token)


@router.post("/account/feeds")
@allow(Role.READER)
def make_feed(visit: TheVisit, feed: Annotated[str, Form(max_length=25_000)]) -> Response:
    """Create a feed's address for a feed reader, which is shown only once."""
    account, address = _account(visit.desk, visit.caller), feed_address(feed)
    if address is None:
        raise Refused(400, gettext("that is not an Atom feed of this desk"))
    base = visit.base_url
    made = with_token(base + address, visit.desk.accounts.make_feed_token(account, address, visit.by))
    return account_page(visit, feed=made)


@router.post("/account/tokens/drop")
@allow(Role.READER)
def drop_token(visit: TheVisit, token: Annotated[str, Form(max_length=32)]) -> Response:
    """Delete a token, which is then no longer valid."""
    if not visit.desk.accounts.drop_token(token, visit.by):
        raise Refused(404, gettext("you have no such token"))
    return RedirectResponse("/account", 303)


def _too_many(slowed: Slowed) -> Refused:
    minutes = -(-slowed.wait_s // 60)
    said = ngettext("Too many attempts: wait a minute", "Too many attempts: wait %(num)s minutes", minutes)
    return Refused(429, said, {"Retry-After": str(slowed.wait_s)})


def _account(desk: Desk, caller: Caller) -> Account:
    account = desk.accounts.people.person(caller.id)
    if account is None:
        raise Refused(400, gettext("accounts are off in the demo"))
    return account


def account_page(
    visit: Visit, *, problem: str = "", done: str = "", token: str = "", feed: str = "", status: int = 200
) -> Response:
    """The account page, with the result of a form."""
    people, devices = visit.desk.accounts.people, visit.devices
    channel = devices.channel()
    return visit.page(
        "account.html",
        status=status,
        account=people.person(visit.caller.id),
        does=DOES[visit.caller.role],
        role_name=ROLE_NAMES[visit.caller.role],
        sessions=people.sessions_of(visit.caller.id),
        tokens=people.tokens_of(visit.caller.id),
        devices=devices.all(),
        device_channel=channel,
        notified_of=devices.subscriptions(channel),
        problem=problem,
        done=done,
        token=token,
        feed=feed,
    )
