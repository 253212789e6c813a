"""Devices on which a person is notified: turn on, turn off, test, on the account page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response
from starlette.responses import PlainTextResponse

from core.errors import UsageError
from desk.language import gettext
from desk.people.limits import Limit
from desk.people.roles import Role
from desk.web.guard import allow
from desk.web.pages.account import account_page
from desk.web.problems import too_many
from desk.web.requests import TheVisit, Visit

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Form(max_length=200)]
Key = Annotated[str, Form(max_length=200)]
CHANGES = Limit(10, 30.0)
"""Limit of additions and tests of devices of one person, since each makes this desk send to an address."""


@router.post("/account/devices/key")
@allow(Role.READER)
def key(visit: TheVisit) -> Response:
    """The public key to which browsers bind their subscription, in Base64url."""
    return PlainTextResponse(visit.devices.public_key())


@router.post("/account/devices")
@allow(Role.READER)
def add(
    visit: TheVisit,
    endpoint: Annotated[str, Form(max_length=2_000)],
    p256dh: Key,
    auth: Key,
    label: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Turn on notifications for the caller in this browser. Sends nothing yet."""
    _limit(visit)
    try:
        name = visit.devices.add(label, endpoint, p256dh, auth)
    except UsageError as error:
        return account_page(visit, problem=error.message, status=400)
    return account_page(visit, done=gettext("%(device)s is turned on: send it a test", device=name))


@router.post("/account/devices/test")
@allow(Role.READER)
def test(visit: TheVisit, name: Name) -> Response:
    """Send a test notification to one of the caller's devices, and show the result."""
    _limit(visit)
    problem = visit.devices.test(name)
    if problem:
        return account_page(visit, problem=f"{name}: {problem}", status=502)
    done = gettext("%(device)s: the push service accepted the test; it is shown in a moment", device=name)
    return account_page(visit, done=done)


@router.post("/account/devices/remove")
@allow(Role.READER)
def remove(visit: TheVisit, name: Name) -> Response:
    """Turn off notifications on one of the caller's devices."""
    visit.devices.remove(name)
    return account_page(visit, done=gettext("%(device)s is turned off", device=name))


def _limit(visit: Visit) -> None:
    wait_s = visit.desk.buckets.take(f"devices {visit.caller.id}", CHANGES, visit.desk.monotonic())
    if wait_s:
        raise too_many(wait_s, gettext("too many changes and tests: wait a moment"))
