"""What a route gets from its request (the desk, the caller, a submitted form), and how it answers a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Response
from pydantic import Field
from starlette.responses import HTMLResponse, RedirectResponse

from desk.people.accounts import By
from desk.people.roles import Caller
from desk.use_cases.channels import Channels
from desk.use_cases.desk import Desk
from desk.use_cases.devices import Devices
from desk.use_cases.subscriptions import Subscriptions
from desk.web.render import page

FORM_FIELD, FORM_HEADER = "form_token", "x-form-token"


def desk_of(request: Request) -> Desk:
    """The desk that answers this request."""
    return cast("Desk", request.app.state.desk)


def caller_of(request: Request) -> Caller:
    """The caller of this request; for routes that need a role, which always have one."""
    caller: Caller | None = request.state.caller
    if caller is None:
        raise RuntimeError("a public route asked for its caller")
    return caller


def by_of(request: Request) -> By:
    """The caller of this request, for the audit trail."""
    return By(request.state.caller, request.state.address)


def inside(path: str) -> str:
    """The path if it belongs to this desk, else the front page, so that no form leads to another site."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if plain else "/"


@dataclass(frozen=True)
class Visit:
    """A request to a page, with its data and its answers. For routes that need a role."""

    request: Request
    desk: Desk

    @property
    def by(self) -> By:
        """The caller, for the audit trail."""
        return by_of(self.request)

    @property
    def caller(self) -> Caller:
        """The caller of this request."""
        return caller_of(self.request)

    @property
    def subscriptions(self) -> Subscriptions:
        """The subscriptions, for actions of the caller."""
        return self.desk.subscriptions(self.by)

    @property
    def channels(self) -> Channels:
        """The channels, for actions of the caller."""
        return self.desk.channels(self.by)

    @property
    def devices(self) -> Devices:
        """The devices on which the caller is notified."""
        return self.desk.devices(self.by)

    @property
    def base_url(self) -> str:
        """The desk's public address without a trailing slash: the setting, or the address of this request."""
        return self.desk.settings.desk_public_url.rstrip("/") or str(self.request.base_url).rstrip("/")

    def page(self, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page."""
        return page(self.request, template, status=status, **values)

    def done(self, back: str) -> Response:
        """An empty answer for a script; for a form, a redirect to ``back``."""
        if FORM_HEADER in self.request.headers:
            return Response(status_code=204)
        return RedirectResponse(inside(back), 303)


def visit_of(request: Request) -> Visit:
    """The visit for this request."""
    return Visit(request, desk_of(request))


async def sent(request: Request) -> dict[str, list[str]]:
    """All fields of a form by name, for forms with checkboxes and lists, without files."""
    found: dict[str, list[str]] = {}
    for name, value in (await request.form(max_fields=500)).multi_items():
        if isinstance(value, str):
            found.setdefault(name, []).append(value)
    return found


Number = Annotated[int, Field(ge=-1, lt=1 << 53)]
"""A number in a request, limited to what columns and scripts can hold; -1 means none."""


def number_in(text: str) -> int | None:
    """Parses a number in a form or a header; None if it is not a number, or too large for a column."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


TheDesk = Annotated[Desk, Depends(desk_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
TheActor = Annotated[By, Depends(by_of)]
TheForm = Annotated[dict[str, list[str]], Depends(sent)]
TheVisit = Annotated[Visit, Depends(visit_of)]
