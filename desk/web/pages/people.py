"""People and the audit trail, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response
from starlette.responses import RedirectResponse

from core.errors import UsageError
from desk.language import gettext
from desk.people.roles import DOES, Role, role_named
from desk.people.store import PAGE, Account
from desk.use_cases.desk import Desk
from desk.web.guard import allow
from desk.web.problems import Refused
from desk.web.requests import Number, TheVisit, Visit

router = APIRouter(include_in_schema=False)
Person = Annotated[str, Form(max_length=32)]


@router.get("/people")
@allow(Role.ADMIN)
def show(visit: TheVisit) -> Response:
    """All accounts."""
    return _page(visit)


@router.post("/people/add")
@allow(Role.ADMIN)
def add(
    visit: TheVisit,
    name: Annotated[str, Form(max_length=200)],
    role: Annotated[str, Form()],
    password: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Add a person; without a password they can sign in only through the proxy."""
    try:
        visit.desk.accounts.add(name, role_named(role), password or None, visit.by)
    except UsageError as error:
        return _page(visit, problem=error.message)
    return RedirectResponse("/people", 303)


@router.post("/people/role")
@allow(Role.ADMIN)
def change_role(visit: TheVisit, person: Person, role: Annotated[str, Form()]) -> Response:
    """Change a person's role."""
    try:
        visit.desk.accounts.set_role(_account(visit.desk, person), role_named(role), visit.by)
    except UsageError as error:
        return _page(visit, problem=str(error))
    return RedirectResponse("/people", 303)


@router.post("/people/active")
@allow(Role.ADMIN)
def change_active(visit: TheVisit, person: Person, active: Annotated[bool, Form()]) -> Response:
    """Close an account, or reopen it."""
    try:
        visit.desk.accounts.set_active(_account(visit.desk, person), active=active, by=visit.by)
    except UsageError as error:
        return _page(visit, problem=str(error))
    return RedirectResponse("/people", 303)


@router.post("/people/password")
@allow(Role.ADMIN)
def set_password(
    visit: TheVisit,
    person: Person,
    password: Annotated[str, Form(max_length=2_000)],
    keep: Annotated[bool, Form()] = False,
) -> Response:
    """Set a person's password; ends their sessions, and deletes tokens unless they are kept."""
    try:
        visit.desk.accounts.set_password(_account(visit.desk, person), password, visit.by, keep_tokens=keep)
    except UsageError as error:
        return _page(visit, problem=str(error))
    return RedirectResponse("/people", 303)


@router.get("/audit")
@allow(Role.ADMIN)
def audit(visit: TheVisit, before: Number | None = None, refusals: bool = True) -> Response:
    """Who did what, the newest first."""
    lines = visit.desk.accounts.trail.page(before=before, refusals=refusals)
    more = lines[-1].id if len(lines) == PAGE else None
    return visit.page("audit.html", lines=lines, more=more, refusals=refusals)


def _account(desk: Desk, identity: str) -> Account:
    account = desk.accounts.people.person(identity)
    if account is None:
        raise Refused(404, gettext("there is no such person"))
    return account


def _page(visit: Visit, *, problem: str = "") -> Response:
    return visit.page(
        "people.html",
        status=400 if problem else 200,
        people=visit.desk.accounts.people.listing(),
        roles=list(Role),
        does=DOES,
        problem=problem,
    )
