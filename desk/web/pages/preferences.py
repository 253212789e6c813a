"""People's own settings: density, and saved views."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response
from starlette.responses import RedirectResponse

from desk.people.preferences import LONGEST_QUERY
from desk.people.roles import Role
from desk.web.guard import allow
from desk.web.requests import TheVisit

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form(max_length=200)]


@router.post("/views/save")
@allow(Role.READER)
def save(
    visit: TheVisit, page: Text, name: Text, query: Annotated[str, Form(max_length=2 * LONGEST_QUERY)]
) -> Response:
    """Save a page's filters under a name."""
    view = visit.desk.preferences.save_view(visit.caller.id, page, name, query, now_ms=visit.desk.clock_ms())
    return RedirectResponse(view.address, 303)


@router.post("/views/drop")
@allow(Role.READER)
def drop(visit: TheVisit, page: Text, name: Text) -> Response:
    """Delete a view."""
    visit.desk.preferences.drop_view(visit.caller.id, page, name)
    return visit.done(page)


@router.post("/density")
@allow(Role.READER)
def density(visit: TheVisit, density: Text, back: Annotated[str, Form(max_length=5_000)] = "/") -> Response:
    """Set the density of pages."""
    visit.desk.preferences.set_density(visit.caller.id, density)
    return visit.done(back)
