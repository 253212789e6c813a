"""How far everybody gets at every route: ``tests/cases/access.txt``, one line a route.

A route without a line fails, and so does a line without a route. ``python -m tests.desk.test_access_table`` prints the table
as it is now, sorted: what changed in it is what to look at.
"""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from core.store import open_store
from desk.people.accounts import COMMAND_LINE
from desk.people.credentials import form_token, hashed, new_secret
from desk.people.limits import Slots
from desk.people.sessions import new_session
from desk.use_cases.desk import Desk
from desk.web.app import ROUTERS
from desk.web.guard import SAFE
from tests.desk.support import Endless, add_people, client_of, make_desk

CASES = Path(__file__).parents[1] / "cases" / "access.txt"
ROUTES = sorted(
    (route.path, method)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
)
REASONS = {
    "too old": "form",
    "another site": "site",
    "requires the role": "role",
    "may only read": "reads",
    "no longer valid": "feed",
}
"""Why something is refused with 403, in the words of the answer and in those of the table."""


class World(NamedTuple):
    """A desk and what its people hold."""

    desk: Desk
    client: TestClient
    read_token: str
    write_token: str
    feed_token: str

    def session(self, name: str) -> str:
        """The secret of a new session, as its cookie carries it."""
        secret, now_ms = new_secret(), self.desk.clock_ms()
        person = self.desk.accounts.known(name).id
        begun = new_session(hashed(secret), person, now_ms=now_ms, address=f"test of {name}", agent="")
        self.desk.accounts.people.begin_session(begun)
        return secret

    def ended_session(self) -> str:
        secret = self.session("admin")
        self.desk.accounts.people.end_sessions(self.desk.accounts.known("admin").id)
        return secret

    def dropped_token(self) -> str:
        accounts, admin = self.desk.accounts, self.desk.accounts.known("admin")
        token = accounts.make_token(admin, "dropped", "write", None, COMMAND_LINE)
        for one in accounts.people.tokens_of(admin.id):
            if one.name == "dropped":
                accounts.people.drop_token(admin.id, one.id)
        return token


Ask = Callable[[World, str], dict[str, Any]]


def _form(cookie: str, session: str | None = None, **headers: str) -> dict[str, Any]:
    """A form sent with the token made from a cookie, in a session or in none."""
    cookies = {"wirewatch": session} if session is not None else {"wirewatch_form": cookie}
    return {"cookies": cookies, "data": {"form_token": form_token(cookie)}, "headers": headers}


def _signed_in(name: str) -> Ask:
    def ask(world: World, _path: str) -> dict[str, Any]:
        secret = world.session(name)
        return _form(secret, secret)

    return ask


def _cross_site(world: World, _path: str) -> dict[str, Any]:
    secret = world.session("admin")
    return _form(secret, secret, **{"sec-fetch-site": "cross-site"})


def _as_text(world: World, _path: str) -> dict[str, Any]:
    secret = world.session("admin")
    body = f"form_token={form_token(secret)}"
    return {"cookies": {"wirewatch": secret}, "content": body, "headers": {"content-type": "text/plain"}}


def _bearer(token: Callable[[World], str]) -> Ask:
    return lambda world, _path: {"headers": {"authorization": f"Bearer {token(world)}"}, "json": {}}


ASKERS: dict[str, Ask] = {
    "anonymous": lambda _world, _path: _form("a" * 43),
    "reader": _signed_in("reader"),
    "editor": _signed_in("editor"),
    "admin": _signed_in("admin"),
    "ended": lambda world, _path: (lambda secret: _form(secret, secret))(world.ended_session()),
    "no-token": lambda world, _path: {"cookies": {"wirewatch": world.session("admin")}, "data": {"a": "b"}},
    "foreign-token": lambda world, _path: _form(world.session("editor"), world.session("admin")),
    "ended-token": lambda world, _path: _form(world.ended_session(), world.session("admin")),
    "cross-site": _cross_site,
    "text-body": _as_text,
    "reads": _bearer(lambda world: world.read_token),
    "writes": _bearer(lambda world: world.write_token),
    "dropped": _bearer(lambda world: world.dropped_token()),
    "feed": lambda world, _path: {"params": {"feed_token": world.feed_token}, "json": {}},
}
"""Everybody who asks. ``no-token`` to ``text-body`` are an admin's session and a form that isn't theirs; ``reads`` and
``writes`` an admin's API tokens, ``dropped`` one that was deleted; ``feed`` the token of ``/live/export.atom``."""


def outcome(answer: Any) -> str:
    """What came of it, in a word; ``in``: the route itself answered."""
    if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?next="):
        return "sign-in"
    if answer.status_code == 403 and "name or password" not in answer.text.lower():
        return next((word for words, word in REASONS.items() if words in answer.text), "403")
    if answer.status_code == 401:
        return "401"
    assert answer.status_code < 500 or answer.status_code in (502, 503), answer.text
    return "in"


def asked(world: World, method: str, path: str, ask: Ask) -> str:
    plain = re.sub(r"\{kind\}", "atom", path)
    plain = re.sub(r"\{[^}]*\}", "x", plain)
    request = ask(world, plain)
    if method in SAFE:
        request = {name: value for name, value in request.items() if name not in ("data", "json", "content")}
    world.client.cookies.clear()
    for name, value in request.pop("cookies", {}).items():
        world.client.cookies.set(name, value)
    return outcome(world.client.request(method, plain, follow_redirects=False, **request))


@contextmanager
def made_world(folder: Path) -> Iterator[World]:
    store = open_store(f"sqlite:///{folder}/store.db")
    # Nobody may open a stream, so that those who otherwise could are answered at once.
    desk = make_desk(store, buckets=Endless(), streams=(Slots(0), Slots(0), Slots(0)))
    add_people(desk)
    accounts, admin = desk.accounts, desk.accounts.known("admin")
    with client_of(desk) as client:
        yield World(
            desk,
            client,
            accounts.make_token(admin, "r", "read", None, COMMAND_LINE),
            accounts.make_token(admin, "w", "write", None, COMMAND_LINE),
            accounts.make_feed_token(admin, "/live/export.atom", COMMAND_LINE),
        )
    store.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with made_world(tmp_path_factory.mktemp("table")) as made:
        yield made


@functools.cache
def table() -> dict[tuple[str, str], dict[str, str]]:
    """The cases: for each route, the outcome of everybody."""
    lines = [line.split() for line in CASES.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    head, rows = lines[0], lines[1:]
    assert head == ["route", *ASKERS]
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows), "sorted, so that two changes rarely meet"
    return {(row[0], row[1]): dict(zip(ASKERS, row[2:], strict=True)) for row in rows}


PEOPLE = ("anonymous", "reader", "editor", "admin", "no-token", "reads")
OTHERS = tuple(who for who in ASKERS if who not in PEOPLE)


@pytest.mark.parametrize("askers", [PEOPLE, pytest.param(OTHERS, marks=pytest.mark.slow)], ids=["people", "others"])
@pytest.mark.parametrize(("path", "method"), ROUTES, ids=[f"{method} {path}" for path, method in ROUTES])
def test_each_role_reaches_what_the_table_says(world: World, path: str, method: str, askers: tuple[str, ...]) -> None:
    lines = table()
    assert (path, method) in lines, "a new route: say in tests/cases/access.txt who gets how far"
    line = lines[path, method]
    assert {who: asked(world, method, path, ASKERS[who]) for who in askers} == {who: line[who] for who in askers}


def test_the_table_has_no_line_without_a_route() -> None:
    assert set(table()) == set(ROUTES)


def test_nothing_changes_without_a_form_of_ours() -> None:
    """What the table must never allow."""
    for (path, method), line in table().items():
        name = f"{method} {path}"
        if method in SAFE:
            continue
        assert {line[who] for who in ("foreign-token", "ended-token", "no-token", "text-body")} == {"form"}, name
        assert line["cross-site"] == "site", name
        assert line["reads"] == ("reads" if path.startswith("/api/") else line["reads"]), name
        assert line["feed"] in ("401", "form"), name
        # The language of a browser that is not signed in is a cookie of its own.
        if path not in ("/sign-in", "/account/language"):
            assert (line["anonymous"], line["ended"]) == ("401", "401"), name
            assert path.startswith("/api/") or {line["reads"], line["writes"]} == {"401"}, name


def _print() -> None:
    with tempfile.TemporaryDirectory() as folder, made_world(Path(folder)) as world:
        rows = [["route", *ASKERS]]
        rows += [
            [path, method, *(asked(world, method, path, ask) for ask in ASKERS.values())] for path, method in ROUTES
        ]
    rows[0].insert(1, "")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(" ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    _print()
