"""Channels, to which alerts are delivered: add, test, retry, remove. Addresses are never shown in full."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response
from starlette.responses import PlainTextResponse

from core.errors import UsageError
from desk.language import gettext, ngettext
from desk.people.limits import Limit
from desk.people.roles import Role
from desk.use_cases.channels import Channels
from desk.web.guard import allow
from desk.web.problems import too_many
from desk.web.requests import FORM_HEADER, TheForm, TheVisit, Visit

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Form(max_length=100)]
OPTION = "option."
TESTS = Limit(10, 6.0)
"""Limit of test messages of one person, so that the button can't be used to flood a receiver."""


@router.get("/channels")
@allow(Role.READER)
def show(visit: TheVisit) -> Response:
    """All channels with their health."""
    return _page(visit, visit.channels)


@router.post("/channels/add")
@allow(Role.EDITOR)
def add(visit: TheVisit, form: TheForm, name: Name, address: Annotated[str, Form(max_length=2_000)]) -> Response:
    """Add a channel, or change the address of one. Sends nothing yet. Fields ``option.…`` are options of its kind."""
    channels = visit.channels
    options = {field.removeprefix(OPTION): values[-1] for field, values in form.items() if field.startswith(OPTION)}
    try:
        made = channels.add(name, address, owner=visit.caller.name, options=options)
    except UsageError as error:
        return _page(visit, channels, problem=str(error).splitlines()[0])
    name = made.channel.name
    done = (
        gettext("%(channel)s is added: send it a test", channel=name)
        if made.new
        else gettext("%(channel)s is changed: send it a test", channel=name)
    )
    return _page(visit, channels, done=done, secret=made.secret)


@router.post("/channels/test")
@allow(Role.EDITOR)
def test(visit: TheVisit, name: Name) -> Response:
    """Send a test message now, and show the result."""
    channels = visit.channels
    channels.get(name)
    wait_s = visit.desk.buckets.take(f"channel test {visit.caller.id}", TESTS, visit.desk.monotonic())
    if wait_s:
        raise too_many(wait_s, gettext("too many tests: wait a moment"))
    problem = channels.test(name)
    words = (
        f"{name}: {problem}"
        if problem
        else gettext("%(channel)s: the receiver accepted the test message", channel=name)
    )
    if FORM_HEADER in visit.request.headers:
        return PlainTextResponse(words, 502 if problem else 200)
    return _page(visit, channels, problem=words if problem else "", done="" if problem else words)


@router.post("/channels/retry")
@allow(Role.EDITOR)
def retry(visit: TheVisit, name: Name) -> Response:
    """Make a failing channel try at once, and send its failed messages again."""
    channels = visit.channels
    count = channels.retry(name)
    return _page(
        visit,
        channels,
        done=ngettext(
            "retrying %(channel)s now; %(num)s failed message is queued again",
            "retrying %(channel)s now; %(num)s failed messages are queued again",
            count,
            channel=name,
        ),
    )


@router.post("/channels/remove")
@allow(Role.EDITOR)
def remove(visit: TheVisit, name: Name) -> Response:
    """Remove a channel and its address."""
    channels = visit.channels
    channels.remove(name)
    return _page(
        visit, channels, done=gettext("%(channel)s is removed; its waiting messages are kept as failed", channel=name)
    )


def _page(visit: Visit, channels: Channels, *, problem: str = "", done: str = "", secret: str = "") -> Response:
    found = channels.all()
    return visit.page(
        "channels.html",
        status=400 if problem else 200,
        channels=found,
        addresses={one.name: channels.shown(one) for one in found},
        used=channels.used_by(),
        problem=problem,
        done=done,
        secret=secret,
        mail=bool(visit.desk.settings.smtp_url),
        examples=[kind.example for kind in channels.kinds() if kind.example],
        options={option: what for kind in channels.kinds() for option, what in kind.options.items()},
    )
