"""People and the audit trail, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import RedirectResponse

from core.errors import UsageError
from desk.people.roles import DOES, Role, role_named
from desk.people.store import PAGE, Account
from desk.use_cases.desk import Desk
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.render import page
from desk.web.requests import TheActor, TheDesk

router = APIRouter(include_in_schema=False)
Person = Annotated[str, Form(max_length=32)]


@router.get("/people")
@allow(Role.ADMIN)
def show(request: Request, desk: TheDesk) -> Response:
    """All accounts."""
    return _page(request, desk)


@router.post("/people/add")
@allow(Role.ADMIN)
def add(
    request: Request,
    desk: TheDesk,
    by: TheActor,
    name: Annotated[str, Form(max_length=200)],
    role: Annotated[str, Form()],
    password: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Add a person; without a password they can sign in by the proxy only."""
    try:
        desk.accounts.add(name, role_named(role), password or None, by)
    except UsageError as error:
        return _page(request, desk, problem=error.message)
    return RedirectResponse("/people", 303)


@router.post("/people/role")
@allow(Role.ADMIN)
def change_role(
    request: Request, desk: TheDesk, by: TheActor, person: Person, role: Annotated[str, Form()]
) -> Response:
    """Change a person's role."""
    try:
        desk.accounts.set_role(_account(desk, person), role_named(role), by)
    except UsageError as error:
        return _page(request, desk, problem=str(error))
    return RedirectResponse("/people", 303)


@router.post("/people/active")
@allow(Role.ADMIN)
def change_active(
    request: Request, desk: TheDesk, by: TheActor, person: Person, active: Annotated[bool, Form()]
) -> Response:
    """Close an account, or open it again."""
    try:
        desk.accounts.set_active(_account(desk, person), active=active, by=by)
    except UsageError as error:
        return _page(request, desk, problem=str(error))
    return RedirectResponse("/people", 303)


@router.post("/people/password")
@allow(Role.ADMIN)
def set_password(
    request: Request, desk: TheDesk, by: TheActor, person: Person, password: Annotated[str, Form(max_length=2_000)]
) -> Response:
    """Set a person's password; their sessions end."""
    try:
        desk.accounts.set_password(_account(desk, person), password, by)
    except UsageError as error:
        return _page(request, desk, problem=str(error))
    return RedirectResponse("/people", 303)


@router.get("/audit")
@allow(Role.ADMIN)
def audit(request: Request, desk: TheDesk, before: int | None = None) -> Response:
    """Who did what, the newest first."""
    lines = desk.accounts.trail.page(before=before)
    more = lines[-1].id if len(lines) == PAGE else None
    return page(request, "audit.html", lines=lines, more=more)


def _account(desk: Desk, identity: str) -> Account:
    account = desk.accounts.people.person(identity)
    if account is None:
        raise Refused(404, "there is no such person")
    return account


def _page(request: Request, desk: Desk, *, problem: str = "") -> Response:
    return page(
        request,
        "people.html",
        status=400 if problem else 200,
        people=desk.accounts.people.listing(),
        roles=list(Role),
        does=DOES,
        problem=problem,
    )
