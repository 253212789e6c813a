"""Channels: where alerts are delivered to. Added, tried out, tried again, removed; addresses are never shown whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from starlette.responses import PlainTextResponse

from core.errors import UsageError
from desk.delivery.channels import Options
from desk.delivery.secrets import shown_address
from desk.delivery.store.channels import Channel, DeliveryBook
from desk.people.limits import Limit
from desk.people.roles import Role
from desk.use_cases.channels import channel_of_address, options_of, try_out
from desk.web.deps import Desk, TheActor, TheCaller, TheDesk
from desk.web.guard import FORM_HEADER, allow
from desk.web.problems import Refused
from desk.web.render import page

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Form(max_length=100)]
TESTS = Limit(10, 6.0)
"""Test messages of one person: a button must not become a way to flood somebody."""


@router.get("/channels")
@allow(Role.READER)
def show(request: Request, desk: TheDesk) -> Response:
    """All channels and how they fare."""
    return _page(request, desk)


@router.post("/channels/add")
@allow(Role.EDITOR)
def add(
    request: Request,
    desk: TheDesk,
    by: TheActor,
    caller: TheCaller,
    name: Name,
    address: Annotated[str, Form(max_length=2_000)],
) -> Response:
    """Add a channel, or give one another address. Nothing is sent yet."""
    try:
        made, secret = channel_of_address(name, address, owner=caller.name, options=_options(desk))
    except UsageError as error:
        return _page(request, desk, problem=str(error).splitlines()[0])
    new = DeliveryBook(desk.store).save_channel(made)
    desk.directory.note(by, "channel added" if new else "channel changed", made.name, shown_address(made))
    return _page(request, desk, done=f"{made.name} is {'added' if new else 'changed'}: send it a test", secret=secret)


@router.post("/channels/test")
@allow(Role.EDITOR)
def test(request: Request, desk: TheDesk, by: TheActor, caller: TheCaller, name: Name) -> Response:
    """Send a test message now, and say what came of it."""
    channel = _known(desk, name)
    wait_s = desk.buckets.take(f"channel test {caller.id}", TESTS, desk.monotonic())
    if wait_s:
        raise Refused(429, "that were many tests: wait a little", {"Retry-After": str(max(1, round(wait_s)))})
    problem = try_out(channel, desk.settings, _options(desk))
    desk.directory.note(by, "channel tested", name, problem or "taken")
    words = f"{name}: {problem}" if problem else f"{name}: the receiver took the test message"
    if FORM_HEADER in request.headers:
        return PlainTextResponse(words, 502 if problem else 200)
    return _page(request, desk, problem=words if problem else "", done="" if problem else words)


@router.post("/channels/retry")
@allow(Role.EDITOR)
def retry(request: Request, desk: TheDesk, by: TheActor, name: Name) -> Response:
    """Let a failing channel try at once, and send again what had failed for good."""
    _known(desk, name)
    count = DeliveryBook(desk.store).retry_channel(name, now_ms=desk.clock_ms())
    desk.directory.note(by, "channel tried again", name, str(count))
    return _page(request, desk, done=f"{name} tries again now; {count} failed messages wait again")


@router.post("/channels/remove")
@allow(Role.EDITOR)
def remove(request: Request, desk: TheDesk, by: TheActor, name: Name) -> Response:
    """Remove a channel and its address."""
    _known(desk, name)
    DeliveryBook(desk.store).remove_channel(name)
    desk.directory.note(by, "channel removed", name)
    return _page(request, desk, done=f"{name} is removed; what waited for it is kept as failed")


def _options(desk: Desk) -> Options:
    return options_of(desk.settings, desk.clock_ms, desk.monotonic)


def _known(desk: Desk, name: str) -> Channel:
    found = DeliveryBook(desk.store).channel(name)
    if found is None:
        raise Refused(404, "there is no such channel")
    return found


def _page(request: Request, desk: Desk, *, problem: str = "", done: str = "", secret: str = "") -> Response:
    channels = DeliveryBook(desk.store).channels()
    used: dict[str, list[str]] = {}
    newest = {one.id: one for one in desk.queries.read(now_ms=desk.clock_ms()).subscriptions}
    for one in newest.values():
        for name in one.delivery if one.active else ():
            used.setdefault(name, []).append(one.name or one.id)
    return page(
        request,
        "channels.html",
        status=400 if problem else 200,
        channels=channels,
        addresses={one.name: shown_address(one) for one in channels},
        used=used,
        problem=problem,
        done=done,
        secret=secret,
        mail=bool(desk.settings.smtp_url),
    )
