"""Who may do what: every route of the application against every role, and how people come in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from core.store import Store
from desk.people.accounts import COMMAND_LINE
from desk.people.roles import Role
from desk.people.sessions import IDLE_MS
from desk.use_cases.desk import Desk
from desk.web.app import ROUTERS, create_app
from desk.web.guard import RULES, SAFE, guard
from tests.desk.support import PASSWORD, Clock, add_people, client_of, form_token, make_desk, sign_in

ROUTES = [
    (method, route.path, route)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
IDS = [f"{method} {path}" for method, path, _ in ROUTES]
EVERYBODY = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/account/language"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    *(("GET", path) for path in ("/manifest.webmanifest", "/service-worker.js", "/offline")),
}
EDITORS = {
    *(("POST", f"/coverage/{what}") for what in ("add", "remove", "opml", "find", "again")),
    ("GET", "/coverage/find/{name}"),
    ("POST", "/rejected/retry"),
    *(("POST", f"/outlets/{what}") for what in ("label", "unlabel")),
    ("GET", "/subscriptions/new"),
    *(("POST", f"/subscriptions/{what}") for what in ("save", "state", "remove", "import")),
    *(("POST", f"/subscriptions/{what}") for what in ("check", "explain", "translate")),
    *(("POST", f"/topics/{what}") for what in ("try", "example", "save")),
    ("GET", "/alerts/{alert}/narrower"),
    *(("POST", f"/alerts/{what}") for what in ("mute", "unmute", "work", "assign", "mark")),
    ("PUT", "/api/v1/alerts/{alert}/work"),
    *(("POST", f"/channels/{what}") for what in ("add", "test", "retry", "remove")),
    *(("POST", f"/handover/{what}") for what in ("claim", "assign", "done", "note", "over")),
    ("PUT", "/api/v1/subscriptions/{subscription}"),
    ("DELETE", "/api/v1/subscriptions/{subscription}"),
    ("POST", "/api/v1/feeds"),
    ("DELETE", "/api/v1/feeds"),
    ("PUT", "/api/v1/handover/stories/{story}"),
    ("POST", "/api/v1/handover/notes"),
    *(("POST", f"/story/{what}") for what in ("join", "split", "undo")),
    *(("POST", f"/api/v1/decisions/{what}") for what in ("join", "split", "undo")),
}
ADMINS = {
    ("GET", "/people"),
    *(("POST", f"/people/{what}") for what in ("add", "role", "active", "password")),
    ("GET", "/audit"),
}
READERS = {
    ("POST", "/sign-out"),
    ("POST", "/density"),
    *(("POST", f"/views/{what}") for what in ("save", "drop")),
    *(("POST", f"/live/{what}") for what in ("read", "star", "read-all")),
    *(
        ("POST", f"/account/{what}")
        for what in (
            *("password", "language", "sign-out-others", "tokens", "tokens/drop", "feeds"),
            # Where they are notified is theirs too.
            *("devices", "devices/key", "devices/test", "devices/remove"),
        )
    ),
}
"""What changes something and yet is any reader's: only what is their own."""
OPEN_ENDED = {"/live/events", "/api/v1/stream"}


def rule(method: str, path: str) -> Role | None:
    """Who may use the route, as people would say it, written down a second time here."""
    if (method, path) in EVERYBODY:
        return None
    if (method, path) in ADMINS:
        return Role.ADMIN
    return Role.EDITOR if (method, path) in EDITORS else Role.READER


def may(who: str, method: str, path: str) -> bool:
    needed = rule(method, path)
    return needed is None or (who != "nobody" and Role(who).covers(needed))


# An endless answer to those who may is for the tests of streams.
CASES = [
    (who, method, path)
    for method, path, _ in ROUTES
    for who in ("nobody", "reader", "editor", "admin")
    if path not in OPEN_ENDED or not may(who, method, path)
]


def filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "x", path)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, TestClient, dict[str, str]]]:
    """A desk with a client, since a second one would run the desk in another event loop, and the session of each role."""
    from core.store import open_store

    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('access')}/store.db")
    clock = Clock()
    desk = make_desk(store, clock)
    add_people(desk)
    sessions: dict[str, str] = {}
    with client_of(desk) as client:
        for name in ("reader", "editor", "admin"):
            assert sign_in(client, name).status_code == 303
            sessions[name] = client.cookies["wirewatch"]
            client.cookies.clear()
        yield desk, client, sessions
    store.close()


@pytest.mark.parametrize(("method", "path", "route"), ROUTES, ids=IDS)
def test_every_route_has_the_rule_that_people_expect(method: str, path: str, route: APIRoute) -> None:
    assert route.endpoint in RULES, "say by @allow who may use it"
    assert RULES[route.endpoint] == rule(method, path)
    if method not in SAFE and rule(method, path) is Role.READER:
        assert (method, path) in READERS, "a reader would change something: list it here if that is meant"


def test_the_application_has_no_other_route(desk: Desk) -> None:
    app = create_app(desk)
    listed = {path for _, path, _ in ROUTES}
    assert {path for path, _ in app.state.navigation} <= listed
    others = {getattr(route, "path", None) for route in app.routes} - {None}
    assert others - listed == {"/static"}


@pytest.mark.slow
@pytest.mark.parametrize(("who", "method", "path"), CASES)
def test_a_role_gets_no_further_than_its_rule(
    people: tuple[Desk, TestClient, dict[str, str]], who: str, method: str, path: str
) -> None:
    desk, client, sessions = people
    desk.buckets = type(desk.buckets)()
    needed, allowed = rule(method, path), may(who, method, path)
    # Without a form token: a route that lets the role in refuses the form, so nothing changes in between.
    client.cookies.clear()
    if who in sessions:
        client.cookies.set("wirewatch", sessions[who])
    answer = client.request(method, filled(path), follow_redirects=False)
    if who == "nobody" and needed is not None:
        assert answer.status_code == (401 if path.startswith("/api/") or method not in SAFE else 303), answer.text
        assert path.startswith("/api/") or method not in SAFE or answer.headers["location"].startswith("/sign-in?next=")
    elif not allowed:
        assert answer.status_code == 403
        assert "requires the role" in answer.text
    elif method in SAFE:
        assert answer.status_code in (200, 400, 404, 422, 503) or answer.headers.get("location") == "/overview", (
            answer.text
        )
    else:
        assert answer.status_code == 403
        assert "too old" in answer.text


def test_a_route_without_a_rule_is_closed_to_all(desk: Desk) -> None:
    app: FastAPI = create_app(desk)

    @app.get("/forgotten")
    def forgotten() -> str:
        return "secret"

    client = TestClient(app, base_url="http://127.0.0.1")
    assert sign_in(client, "admin").status_code == 303
    answer = client.get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text
    assert guard in [one.dependency for one in app.router.dependencies]


def test_signing_in_and_out(client: TestClient) -> None:
    answer = client.get("/coverage?x=1", follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?next=%2Fcoverage%3Fx%3D1"
    assert sign_in(client, "reader", "not the password").status_code == 403
    assert client.get("/", follow_redirects=False).status_code == 303
    answer = sign_in(client, " ReaDer ")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert client.get("/coverage").status_code == 200
    kept = client.cookies["wirewatch"]
    assert client.post("/sign-out", data={"form_token": form_token(client, "/")}).status_code == 200
    # The cookie of a session that was ended opens nothing.
    client.cookies.set("wirewatch", kept)
    assert client.get("/", follow_redirects=False).status_code == 303


def test_a_redirect_after_sign_in_leads_only_to_own_pages(client: TestClient) -> None:
    for evil in ("//evil.example/", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        values = {"name": "reader", "password": PASSWORD, "next": evil, "form_token": form_token(client)}
        assert client.post("/sign-in", data=values, follow_redirects=False).headers["location"] == "/"
        client.cookies.clear()


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(client: TestClient) -> None:
    known, unknown = sign_in(client, "reader", "wrong").text, sign_in(client, "redaer", "wrong").text
    assert re.sub(r"reader|redaer", "", known) == re.sub(r"reader|redaer", "", unknown)


def test_forms_of_other_sites_do_nothing(desk: Desk, as_reader: TestClient) -> None:
    values = {"story": "s", "starred": "true"}
    assert as_reader.post("/live/star", data=values).status_code == 403
    assert as_reader.post("/live/star", data={**values, "form_token": "0" * 64}).status_code == 403
    token = form_token(as_reader, "/")
    crossed = as_reader.post(
        "/live/star", data={**values, "form_token": token}, headers={"sec-fetch-site": "cross-site"}
    )
    assert crossed.status_code == 403
    assert desk.marks.starred(desk.accounts.known("reader").id) == []
    assert as_reader.post("/live/star", data={**values, "form_token": token}).status_code == 200
    assert desk.marks.starred(desk.accounts.known("reader").id) == ["s"]


def test_a_form_token_belongs_to_one_session(desk: Desk, as_reader: TestClient) -> None:
    other = client_of(desk)
    sign_in(other, "editor")
    stolen = form_token(other, "/")
    assert as_reader.post("/live/star", data={"story": "s", "starred": "true", "form_token": stolen}).status_code == 403


def test_sessions_are_new_at_each_sign_in_and_not_in_the_store(desk: Desk, client: TestClient) -> None:
    client.cookies.set("wirewatch", "chosen-by-somebody-else")
    sign_in(client, "reader")
    first = client.cookies.get("wirewatch", domain="127.0.0.1")
    assert first not in (None, "chosen-by-somebody-else")
    stored = desk.accounts.people.sessions_of(desk.accounts.known("reader").id)
    assert first is not None
    assert all(first not in repr(one) for one in stored)


def test_a_session_ends_when_it_was_idle_too_long(desk: Desk, clock: Clock, as_reader: TestClient) -> None:
    clock.forward(IDLE_MS / 1000 - 60)
    assert as_reader.get("/").status_code == 200
    clock.forward(IDLE_MS / 1000 - 60)
    assert as_reader.get("/", follow_redirects=False).status_code == 200
    clock.forward(IDLE_MS / 1000)
    assert as_reader.get("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("how", ["closed", "password"])
def test_closing_an_account_or_a_new_password_ends_sessions_at_once(
    desk: Desk, as_reader: TestClient, how: str
) -> None:
    account = desk.accounts.known("reader")
    if how == "closed":
        desk.accounts.set_active(account, active=False, by=COMMAND_LINE)
    else:
        desk.accounts.set_password(account, PASSWORD + "!", COMMAND_LINE)
    assert as_reader.get("/", follow_redirects=False).status_code == 303
    assert sign_in(as_reader, "reader").status_code == 403


def test_the_api_is_limited(desk: Desk, clock: Clock, as_reader: TestClient) -> None:
    answers = [as_reader.get("/api/v1/me").status_code for _ in range(121)]
    assert answers[:120] == [200] * 120
    refused = as_reader.get("/api/v1/me")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["content-type"] == "application/problem+json"
    clock.forward(1)
    assert as_reader.get("/api/v1/me").status_code == 200


def test_one_customer_with_many_addresses_is_limited_as_one(desk: Desk) -> None:
    statuses = []
    with TestClient(create_app(desk), base_url="http://127.0.0.1") as first:
        for number in range(121):
            # The addresses that one line has: other subnets, other hosts in them.
            first._transport.client = (f"2001:db8:7:1{number % 100:02}::{number:x}", 50_000)
            statuses.append(first.get("/api/v1/me").status_code)
        first._transport.client = ("2001:db8:7:200::1", 50_000)
        statuses.append(first.get("/api/v1/me").status_code)
    assert statuses == [401] * 120 + [429] + [401]


def test_tokens_are_scoped_hashed_and_can_be_dropped(desk: Desk, clock: Clock, client: TestClient) -> None:
    editor = desk.accounts.known("editor")
    reads = desk.accounts.make_token(editor, "reads", "read", None, COMMAND_LINE)
    writes = desk.accounts.make_token(editor, "writes", "write", 1, COMMAND_LINE)
    assert all(reads not in repr(one) for one in desk.accounts.people.tokens_of(editor.id))
    feed = {"url": "https://new.example/feed"}
    for token, status in ((reads, 403), (writes, 200)):
        headers = {"authorization": f"Bearer {token}"}
        assert client.get("/api/v1/me", headers=headers).json()["means"] == "token"
        assert client.post("/api/v1/feeds", json=feed, headers=headers).status_code == status
        # A token is for the API: no page takes one.
        assert client.get("/coverage", headers=headers, follow_redirects=False).status_code == 303
    clock.forward(86_401)
    assert client.get("/api/v1/me", headers={"authorization": f"Bearer {writes}"}).status_code == 401
    desk.accounts.set_role(editor, Role.READER, COMMAND_LINE)
    clock.forward(-86_401)
    desk.buckets = type(desk.buckets)()
    assert client.post("/api/v1/feeds", json=feed, headers={"authorization": f"Bearer {writes}"}).status_code == 403
    kept = desk.accounts.people.tokens_of(editor.id)
    desk.accounts.people.drop_token(editor.id, next(one.id for one in kept if one.name == "reads"))
    assert client.get("/api/v1/me", headers={"authorization": f"Bearer {reads}"}).status_code == 401


def test_the_last_admin_stays(desk: Desk, client: TestClient) -> None:
    sign_in(client, "admin")
    admin = desk.accounts.known("admin")
    token = form_token(client, "/people")
    values = {"person": admin.id, "form_token": token}
    assert "is the last admin" in client.post("/people/role", data={**values, "role": "reader"}).text
    assert "is the last admin" in client.post("/people/active", data={**values, "active": "false"}).text
    assert client.get("/people").status_code == 200


def test_an_admins_acts_are_in_the_trail(desk: Desk, client: TestClient) -> None:
    sign_in(client, "admin")
    token = form_token(client, "/people")
    values = {"name": "Ann", "role": "editor", "password": PASSWORD, "form_token": token}
    assert client.post("/people/add", data=values).status_code == 200
    trail = client.get("/audit").text
    assert "person added" in trail
    assert "signed in" in trail
    assert PASSWORD not in trail
    assert next(line.name for line in desk.accounts.trail.page() if line.action == "person added") == "admin"


def test_a_proxy_signs_people_in_only_from_its_own_address(store: Store) -> None:
    desk = make_desk(store, desk_proxies="10.1.0.0/16", desk_proxy_header="X-Forwarded-User")
    add_people(desk)
    app = create_app(desk)
    headers = {"x-forwarded-user": "Editor", "x-forwarded-for": "192.0.2.7, 10.1.2.3"}
    stranger = TestClient(app, base_url="http://127.0.0.1", client=("10.2.0.1", 5))
    assert stranger.get("/", headers=headers, follow_redirects=False).status_code == 303
    proxy = TestClient(app, base_url="http://127.0.0.1", client=("10.1.2.3", 5))
    assert proxy.get("/coverage", headers=headers).status_code == 200
    assert proxy.get("/", headers={**headers, "x-forwarded-user": "nobody known"}).status_code == 403
    # No session, and forms are safe all the same.
    feed = {"url": "https://b.example/feed"}
    assert proxy.post("/coverage/add", data=feed, headers=headers).status_code == 403
    found = re.search(r'name="form-token" content="([^"]*)"', proxy.get("/coverage", headers=headers).text)
    assert found is not None
    answer = proxy.post("/coverage/add", data={**feed, "form_token": found[1]}, headers=headers)
    assert answer.status_code == 200
    line = desk.accounts.trail.page()[0]
    assert (line.action, line.name, line.address) == ("feed added", "editor", "192.0.2.7")


def test_the_demo_answers_to_this_machine_alone(store: Store) -> None:
    app = create_app(make_desk(store, demo=True))
    assert TestClient(app, base_url="http://localhost:8642").get("/").status_code == 200
    # A stranger's host name that points here.
    assert TestClient(app, base_url="http://rebound.example:8642").get("/").status_code == 421


def test_with_https_cookies_never_go_elsewhere(store: Store) -> None:
    desk = make_desk(store, desk_public_url="https://desk.example")
    add_people(desk)
    client = TestClient(create_app(desk), base_url="https://desk.example")
    cookie = sign_in(client, "reader").headers["set-cookie"]
    assert cookie.startswith("__Host-wirewatch=")
    assert "Secure" in cookie
    assert "max-age" in client.get("/").headers["strict-transport-security"]


def test_refusals_are_in_the_language_of_the_reader_and_of_programs_in_english(as_reader: TestClient) -> None:
    german = {"accept-language": "de"}
    token = {"form_token": form_token(as_reader, "/account")}
    rights = as_reader.post("/subscriptions/remove", data={"subscription": "x", **token}, headers=german)
    assert rights.status_code == 403
    assert "Dafür ist die Rolle Redakteur nötig; Ihre ist Leser." in rights.text
    old = as_reader.post("/density", data={"density": "dense", "form_token": "x"}, headers=german)
    assert "Die Seite, von der das kam, ist zu alt" in old.text
    gone = as_reader.get("/story/none", headers=german)
    assert "Es gibt keine solche Story." in gone.text
    program = as_reader.get("/api/v1/stories/none", headers=german)
    assert program.json()["detail"] == "there is no such story"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Story fehlt"),
        ({"story": "x" * 101, "starred": "true"}, "Story: höchstens 100 Zeichen"),
        ({"story": "x", "starred": "perhaps"}, "Starred kann nicht angenommen werden"),
        ({"story": "x", "starred": "true", "seq": "1"}, None),
    ],
)
def test_an_error_in_a_form_is_shown_in_the_readers_language(
    as_reader: TestClient, values: dict[str, str], said: str | None
) -> None:
    data = {**values, "form_token": form_token(as_reader, "/account")}
    answer = as_reader.post("/live/star", data=data, headers={"accept-language": "de"}, follow_redirects=False)
    assert answer.status_code == (303 if said is None else 422)
    assert said is None or said in answer.text


def test_a_body_that_is_too_large_is_refused_in_the_language_of_the_reader(client: TestClient) -> None:
    headers = {"accept-language": "de", "content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/sign-in", content=b"a=" + b"x" * 70_000, headers=headers)
    assert answer.status_code == 413
    assert "Was gesendet wurde, ist zu groß." in answer.text


def test_the_account_page_shows_a_token_only_once_it_is_made(as_reader: TestClient) -> None:
    before = as_reader.get("/account").text
    assert "Your new token" not in before
    assert "Macro" not in before
    made = as_reader.post("/account/tokens", data={"name": "n", "form_token": form_token(as_reader, "/account")}).text
    assert re.search(r'<code class="secret" dir="ltr">ww_[\w-]{20,}', made)
    assert "Your new token" not in as_reader.get("/account").text
