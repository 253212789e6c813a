"""Every parameter of every route, found in the application itself, with hostile values: refused or ignored, never a 500."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

import pytest
from annotated_types import Le, Lt
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from core.records.alert import Subscription
from core.search import SearchIndex
from core.store import Store, StoreReader, open_store
from desk.people.accounts import COMMAND_LINE
from desk.people.roles import Role
from desk.use_cases.desk import Desk
from desk.views.forms import LiveFilter, SearchForm
from desk.web.app import ROUTERS, create_app
from desk.web.requests import sent
from pipeline.ledger.ledger import RunLedger
from tests.desk.support import Clock, Endless, Wire, add_people, make_desk
from tests.laws import shares
from tests.pipeline.transforms.support import NOON_MS

TEMPLATES = Path(__file__).parents[2] / "desk" / "web" / "templates"
VALUES: dict[str, bytes] = {
    "more than 64 bits": b"9" * 25,
    "less than 64 bits": b"-" + b"9" * 25,
    "more digits than Python reads": b"9" * 5_000,
    "negative": b"-1",
    "past any column": b"9223372036854775807",
    "a float": b"1e400",
    "no number": b"NaN",
    "endless": b"-Infinity",
    "a digit that int() refuses": "²".encode(),
    "digits of another script": "٣٤".encode(),
    "nothing": b"",
    "NUL": b"a\0b",
    "half a surrogate": b"\xed\xa0\x80",
    "no UTF-8": b"\xff\xfe",
    "control characters": "\x1b]0;x\x07\u202e\u2066\r\nSet-Cookie: a=b".encode(),
    "very long": b"x" * 20_000,
    "brackets": b"[" * 4_000,
    "parentheses": b"(" * 4_000,
    "braces": b'{"a":' * 4_000,
    "a path": b"../../../../etc/passwd",
    "a template": b"{{ 7 * 7 }}{% for x in range(9**9) %}",
    "an address": b"javascript:alert(1)",
    "a broken address": b"http://[",
    "no date": b"2026-02-31",
    "a date past all": b"9999-12-31",
    "the first date": b"0001-01-01",
}
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"9" * 5_000,
    "a float past all": b'{"a": 1e999}',
    "NaN": b'{"a": NaN}',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "closed deep lists": b"[" * 50_000 + b"]" * 50_000,
    "half a surrogate": b'{"url": "\\ud800", "query": "\\ud800", "text": "\\ud800", "id": "\\ud800"}',
    "NUL": b'{"url": "http://a.example/\\u0000", "query": "\\u0000", "text": "\\u0000"}',
    "huge numbers": b'{"version": 99999999999999999999999999, "gather_s": 1e300, "per_hour": -1, "query": "a", "text": 1}',
    "a name twice": b'{"query": "a", "query": 5}',
    "no UTF-8": b'{"query": "\xff"}',
    "another encoding": '{"query": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"query": "a"}',
    "wrong types": b'{"query": [], "url": {}, "text": [], "state": 1, "channels": {"a": 1}, "topics": "x", "delivery": 7}',
}
FILES: dict[str, tuple[str, bytes]] = {
    "deep TOML": ("a.toml", b"a = " + b"[" * 50_000 + b"]" * 50_000),
    "deep TOML tables": ("a.toml", b"a = " + b"{b = " * 20_000 + b"1" + b"}" * 20_000),
    "deep TOML keys": ("a.toml", b"[" + b"a." * 40_000 + b"a]\nx = 1"),
    "deep JSON": ("a.jsonl", b'{"id": "a", "query": "b", "topics": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "an unclosed JSON": ("a.jsonl", b'{"a":' * 50_000),
    "huge numbers": ("a.toml", b'[[subscriptions]]\nid = "a"\nquery = "b"\ngather_s = 99999999999999999999999999\n'),
    "a float past all": ("a.jsonl", b'{"id": "a", "query": "b", "gather_s": 1e999, "version": 1e400}'),
    "a TOML date": ("a.toml", b"[[subscriptions]]\nid = 2026-01-01\nquery = 07:00:00\n"),
    "half a surrogate": ("a.jsonl", b'{"id": "\\ud800", "query": "\\ud800"}'),
    "no UTF-8": ("a.toml", b"\xff\xfe\x00"),
    "NUL": ("a.jsonl", b"\0" * 1_000),
    "a zip": ("a.toml", b"PK\x03\x04" + bytes(1_000)),
    "no name": ("", b"x"),
    "an odd name": ("../../\u202e\x00.toml", b"x"),
    "many lines": ("a.jsonl", b"{}\n" * 20_000),
    "deep OPML": ("a.opml", b"<opml><body>" + b"<outline>" * 20_000 + b"</outline>" * 20_000 + b"</body></opml>"),
}


class Parameter(NamedTuple):
    """One that a route takes: where it stands, and its name."""

    where: str
    name: str


class Fields(NamedTuple):
    """What a route and all it depends on declare."""

    path_params: list[Any]
    query_params: list[Any]
    body_params: list[Any]


def flattened(dependant: Dependant) -> Fields:
    several = [dependant, *_inside(dependant)]
    return Fields(
        [one for each in several for one in each.path_params],
        [one for each in several for one in each.query_params],
        [one for each in several for one in each.body_params],
    )


def _inside(dependant: Dependant) -> Iterator[Dependant]:
    for one in dependant.dependencies:
        yield one
        yield from _inside(one)


def parameters_of(route: APIRoute) -> list[Parameter]:
    """All parameters of a route, those of its own forms and of pages that read the whole address among them."""
    flat = flattened(route.dependant)
    found = [
        *(Parameter("path", one.alias) for one in flat.path_params),
        *(Parameter("query", one.alias) for one in flat.query_params),
        *(Parameter("form", one.alias) for one in flat.body_params),
    ]
    if sent in [one.call for one in route.dependant.dependencies]:
        names = {name for file in TEMPLATES.glob("*.html") for name in re.findall(r'name="(\w+)"', file.read_text())}
        found += [Parameter("form", name) for name in sorted(names)]
    if "query_params" in inspect.getsource(route.endpoint):
        found += [Parameter("query", name) for name in {*LiveFilter.__struct_fields__, *SearchForm.__struct_fields__}]
    return sorted(set(found))


ROUTES = [
    (method, route)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
OPEN_ENDED = {"/live/events", "/api/v1/stream"}


class World(NamedTuple):
    """A desk with something in it, a client that its proxy signs in as an admin, and values that exist."""

    desk: Desk
    client: TestClient
    valid: dict[str, str]
    headers: dict[str, str]

    def fresh_headers(self) -> dict[str, str]:
        return self.headers | {"x-form-token": self.token()}

    def token(self) -> str:
        found = re.search(
            r'name="form-token" content="([^"]*)"', self.client.get("/account", headers=self.headers).text
        )
        assert found is not None
        return found[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hostile")
    store: Store = open_store(f"sqlite:///{folder}/store.db")
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    wire, clock = Wire(ledger), Clock()
    article = wire.article(
        "Grain leaves Odesa", "The corridor holds.", topics={"syria": ["Grain"]}, subscriptions={"s": ["Grain"]}
    )
    index = SearchIndex.open(folder / "search")
    index.refresh(StoreReader(store, "live"))
    desk = make_desk(
        store, clock, search=index, buckets=Endless(), desk_proxies="10.1.2.3", desk_proxy_header="X-Forwarded-User"
    )
    add_people(desk)
    desk.accounts.add("boss", Role.ADMIN, None, COMMAND_LINE)
    desk.subscriptions(COMMAND_LINE).save_new(Subscription(id="s", query="grain"), by="test")
    alert = desk.reader.alerts(limit=1)[0].alert.id
    reader = desk.accounts.known("reader")
    desk.accounts.make_token(reader, "t", "read", None, COMMAND_LINE)
    valid = {
        "article": article,
        "story": article,
        "subscription": "s",
        "id": "s",
        "alert": alert,
        "person": reader.id,
        "query": "grain",
        "q": "grain",
        "document": "grain",
        "dialect": "factiva",
        "kind": "csv",
        "name": "somebody",
        "role": "reader",
        "password": "twelve letters and more",
        "feed": "/live/export.atom",
        "url": "https://b.example/feed",
        "starred": "true",
        "active": "true",
        "seq": "1",
        "text": "a note",
        "token": "0" * 32,
        "old": "twelve little letters",
        "new": "twelve other letters",
        "state": "paused",
        "file": "x",
    }
    with TestClient(
        create_app(desk), base_url="http://127.0.0.1", client=("10.1.2.3", 5), raise_server_exceptions=False
    ) as client:
        yield World(desk, client, valid, {"x-forwarded-user": "boss"})
    index.close()
    store.close()


def ask(
    world: World, method: str, route: APIRoute, values: list[tuple[Parameter, bytes]], headers: dict[str, str]
) -> Any:
    """Ask the route, with these values in place of those that exist."""
    given: dict[Parameter, list[bytes]] = {
        one: [world.valid[one.name].encode()] for one in required(route) if one.name in world.valid
    }
    if sent in [one.call for one in route.dependant.dependencies]:
        # An open form declares nothing; what it is about has to be there, or the other fields are not looked at.
        given |= {Parameter("form", name): [world.valid[name].encode()] for name in ("id", "query")}
    for one in {one for one, _ in values}:
        given[one] = [value for other, value in values if other == one]
    path = route.path_format
    for one, several in given.items():
        if one.where == "path":
            path = path.replace(f"{{{one.name}}}", quote_from_bytes(several[0], safe="") or "%20")
    path = re.sub(r"\{[^}]*\}", "x", path)
    query = "&".join(
        f"{one.name}={quote_from_bytes(value)}"
        for one, several in given.items()
        if one.where == "query"
        for value in several
    )
    form = "&".join(
        f"{one.name}={quote_from_bytes(value)}"
        for one, several in given.items()
        if one.where == "form"
        for value in several
    )
    content: dict[str, Any] = {}
    if method not in ("GET", "HEAD"):
        headers = headers | {"content-type": "application/x-www-form-urlencoded"}
        content = {"content": form}
    return world.client.request(
        method, f"{path}?{query}" if query else path, headers=headers, follow_redirects=False, **content
    )


def required(route: APIRoute) -> list[Parameter]:
    flat = flattened(route.dependant)
    return [
        *(Parameter("path", one.alias) for one in flat.path_params),
        *(Parameter("query", one.alias) for one in flat.query_params if one.field_info.is_required()),
        *(Parameter("form", one.alias) for one in flat.body_params if one.field_info.is_required()),
    ]


def wrong(answer: Any) -> bool:
    """Whether the answer shows a fault of ours."""
    return answer.status_code >= 500 and answer.status_code not in (502, 503)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "route"), ROUTES, ids=[f"{method} {route.path}" for method, route in ROUTES])
def test_no_value_of_a_parameter_is_an_internal_error(world: World, method: str, route: APIRoute) -> None:
    if route.path in OPEN_ENDED:
        # Answers to those who may end with the test; a value that can't be read is refused before.
        values = {
            name: value
            for name, value in VALUES.items()
            if name in ("more than 64 bits", "no number", "a digit that int() refuses")
        }
    else:
        values = VALUES
    headers, faults = world.fresh_headers(), []
    for parameter in parameters_of(route):
        for name, value in values.items():
            answer = ask(world, method, route, [(parameter, value)], headers)
            if route.path in OPEN_ENDED:
                assert answer.status_code == 422
            if wrong(answer):
                faults.append(f"{parameter.where} {parameter.name} with {name}: {answer.status_code}")
    for names in ([(one, b"1"), (one, b"x")] for one in parameters_of(route) if route.path not in OPEN_ENDED):
        answer = ask(world, method, route, names, headers)
        if wrong(answer):
            faults.append(f"{names[0][0]} twice: {answer.status_code}")
    short = {name: value for name, value in values.items() if len(value) < 1_000 and route.path not in OPEN_ENDED}
    for name, value in short.items():
        answer = ask(
            world, method, route, [(one, value) for one in parameters_of(route) if one.where != "path"], headers
        )
        if wrong(answer):
            faults.append(f"all with {name}: {answer.status_code}")
    assert faults == []


KINDS = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "",
)
ODD_CHARSETS = (
    "punycode",
    "idna",
    "utf-7",
    "unicode_escape",
    "cp037",
    "utf-16",
    "zlib",
    "none",
    "PUNYCODE",
    '"punycode"',
)


@pytest.mark.parametrize("charset", ODD_CHARSETS)
@pytest.mark.parametrize(
    "header", ["multipart/form-data; boundary=x; charset={}", "Multipart/Form-Data;CharSet={};boundary=x"]
)
def test_a_form_in_another_charset_is_refused_before_it_is_read(world: World, charset: str, header: str) -> None:
    """Punycode takes time by the square of the length, and a form is decoded before it is known who sends it."""
    part = (
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"a" * 500_000 + b"-" + b"b" * 500_000 + b"\r\n"
    )
    kind = {"content-type": header.format(charset)}
    answer = world.client.post("/sign-in", headers=kind, content=part * 7 + b"--x--\r\n", follow_redirects=False)
    assert answer.status_code == 415


@pytest.mark.parametrize("charset", ["; charset=UTF-8", "", '; charset="utf-8"', "; charset=us-ascii"])
def test_a_form_in_utf_8_is_read(world: World, charset: str) -> None:
    form = f"id=charset-{len(charset)}&query=grain&new=1&form_token={world.token()}"
    kind = {"content-type": f"application/x-www-form-urlencoded{charset}"}
    answer = world.client.post(
        "/subscriptions/save", headers=world.headers | kind, content=form, follow_redirects=False
    )
    assert answer.status_code == 303


WRITING = [(method, route) for method, route in ROUTES if method not in ("GET", "HEAD")]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "route"), WRITING, ids=[f"{method} {route.path}" for method, route in WRITING])
def test_no_body_is_an_internal_error(world: World, method: str, route: APIRoute) -> None:
    headers, faults = world.fresh_headers(), []
    path = re.sub(r"\{(\w+)[^}]*\}", lambda found: world.valid.get(found[1], "x"), route.path)
    for (name, body), kind in itertools.product(BODIES.items(), KINDS):
        answer = world.client.request(
            method, path, headers=headers | {"content-type": kind}, content=body, follow_redirects=False
        )
        if wrong(answer):
            faults.append(f"{name} as {kind}: {answer.status_code}")
    for name in ("text", "url", "query", "id"):
        for what, value in VALUES.items():
            text = value.decode("utf-8", "replace")
            answer = world.client.request(method, path, headers=headers, json={name: text}, follow_redirects=False)
            if wrong(answer):
                faults.append(f"{name} with {what}: {answer.status_code}")
    assert faults == []


@pytest.mark.parametrize("path", ["/subscriptions/import", "/coverage/opml"])
@pytest.mark.parametrize("name", FILES)
def test_no_file_is_an_internal_error(world: World, path: str, name: str) -> None:
    answer = world.client.post(path, files={"file": FILES[name]}, headers=world.fresh_headers(), follow_redirects=False)
    assert not wrong(answer), answer.text
    if path == "/subscriptions/import":
        assert answer.status_code in (400, 422), answer.headers.get("location")


HEADERS = (
    *(
        "accept",
        "accept-language",
        "authorization",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "if-none-match",
    ),
    *("last-event-id", "range", "referer", "sec-fetch-site", "user-agent", "x-form-token", "x-forwarded-for"),
    "x-forwarded-user",
)


PATHS = ("/", "/account", "/api/v1/me", "/live/export.atom", "/static/desk.css", "/sign-in", "/nothing")


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_is_an_internal_error(world: World, header: str) -> None:
    parts = shares(7)
    for at, (name, value) in enumerate(VALUES.items(), HEADERS.index(header)):
        printable = bytes(byte for byte in value if byte >= 32 and byte != 127)
        # In a seventh of the cases, each header still meets each value, and each of both meets each path.
        for path in (one for number, one in enumerate(PATHS) if (number + at) % parts == 0):
            answer = world.client.get(
                path, headers=[*world.headers.items(), (header, printable)], follow_redirects=False
            )  # type: ignore[list-item]
            assert not wrong(answer), f"{header} with {name} at {path}"


def numbers(annotation: Any) -> bool:
    return int in (annotation, *getattr(annotation, "__args__", ()))


def test_every_number_has_a_bound_above() -> None:
    """SQLite and PostgreSQL take 64 bits, scripts 53: what is larger has to be refused where it comes in."""
    open_above = []
    for method, route in ROUTES:
        flat = flattened(route.dependant)
        for one in (*flat.path_params, *flat.query_params, *flat.body_params):
            bounds = [*one.field_info.metadata, *_inner(one.field_info.annotation)]
            if numbers(one.field_info.annotation) and not any(isinstance(bound, (Lt, Le)) for bound in bounds):
                open_above.append(f"{method} {route.path}: {one.alias}")
    assert open_above == []


def _inner(annotation: Any) -> list[Any]:
    found = list(getattr(annotation, "__metadata__", ()))
    for one in getattr(annotation, "__args__", ()):
        found += _inner(one)
    return [inner for one in found for inner in (getattr(one, "metadata", None) or [one])]
