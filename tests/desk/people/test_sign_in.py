"""Coming in: who is slowed, what is written down of those who are refused, what ends with a password, what proxies may say."""

from __future__ import annotations

import re

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from core.store import Store
from desk.people import store as people_store
from desk.people.accounts import COMMAND_LINE, Slowed
from desk.people.addresses import client_address, networks
from desk.people.credentials import Passwords
from desk.people.roles import Role
from desk.people.store import OTHERS, REFUSALS_HOURLY
from desk.use_cases.desk import Desk
from desk.web.app import create_app
from tests.desk.support import PASSWORD, Clock, add_people, client_of, form_token, make_desk, sign_in
from tests.statements import statements

NEW = "another twelve letters"


def at(desk: Desk, address: str) -> TestClient:
    """A browser at this address."""
    return TestClient(create_app(desk), base_url="http://127.0.0.1:8642", client=(address, 5))


def test_wrong_passwords_from_elsewhere_do_not_lock_an_account(desk: Desk, client: TestClient) -> None:
    assert sign_in(client, "reader").status_code == 303
    for number in range(1, 40):
        stranger = at(desk, f"192.0.2.{number}")
        answers = [sign_in(stranger, "reader", f"guess {guess}").status_code for guess in range(3)]
        assert set(answers) <= {403, 429}
    # From the place that is theirs, and from an unknown one.
    assert sign_in(client_of(desk), "reader").status_code == 303
    assert sign_in(at(desk, "198.51.100.1"), "reader").status_code == 303


def test_guessing_from_one_place_is_slowed_and_other_names_there_are_not(
    desk: Desk, clock: Clock, client: TestClient
) -> None:
    answers = [sign_in(client, "reader", f"guess {number}").status_code for number in range(12)]
    assert answers == [403] * 10 + [429] * 2
    refused = sign_in(client, "reader")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert "Too many attempts: wait a minute" in refused.text
    assert sign_in(client, "editor").status_code == 303
    clock.forward(60)
    fresh = client_of(desk)
    assert sign_in(fresh, "reader").status_code == 303
    assert [sign_in(fresh, "admin").status_code for _ in range(15)] == [303] * 15


def test_processes_of_one_desk_count_together(store: Store, clock: Clock, desk: Desk) -> None:
    other = make_desk(store, clock)
    answers = [
        sign_in(client_of(one), "reader", f"guess {number}").status_code for number in range(6) for one in (desk, other)
    ]
    assert answers == [403] * 10 + [429] * 2


def test_a_session_does_not_speed_up_guesses_at_the_old_password(desk: Desk, as_reader: TestClient) -> None:
    values = {"old": "not this one", "new": NEW, "form_token": form_token(as_reader, "/account")}
    answers = [as_reader.post("/account/password", data=values).status_code for _ in range(12)]
    assert answers == [403] * 10 + [429] * 2
    assert [line.action for line in desk.accounts.trail.page()[:2]] == ["sign-in slowed", "password refused"]


def test_refusals_are_in_the_trail(desk: Desk, client: TestClient) -> None:
    for _ in range(12):
        sign_in(client, "reader", "wrong")
    lines = {line.action: line for line in desk.accounts.trail.page()}
    assert (lines["sign-in refused"].name, lines["sign-in refused"].times) == ("reader", 10)
    assert (lines["sign-in slowed"].name, lines["sign-in slowed"].times) == ("reader", 2)
    sign_in(client, "admin")
    assert "10 times within the hour" in client.get("/audit").text
    assert "sign-in refused" not in client.get("/audit?refusals=false").text
    assert "signed in" in client.get("/audit?refusals=false").text


def test_what_people_end_is_in_the_trail(desk: Desk, client: TestClient) -> None:
    sign_in(client, "editor")
    other = client_of(desk)
    sign_in(other, "editor")
    client.post("/account/tokens", data={"name": "mine", "form_token": form_token(client, "/account")})
    account = desk.accounts.known("editor")
    [token] = desk.accounts.people.tokens_of(account.id)

    def post(page: str, **values: str) -> int:
        return client.post(page, data=values | {"form_token": form_token(client, "/account")}).status_code

    assert post("/account/tokens/drop", token="0" * 32) == 404
    assert post("/account/tokens/drop", token=token.id) in (200, 303)
    assert post("/account/sign-out-others") in (200, 303)
    assert other.get("/account", follow_redirects=False).status_code in (303, 401)
    assert post("/coverage/find", url="ftp://x") == 400
    assert post("/coverage/find", url=" outlet.example/news ") in (200, 303)
    assert post("/sign-out") in (200, 303)
    assert desk.accounts.people.sessions_of(account.id) == []
    done = [(line.action, line.detail) for line in desk.accounts.trail.page()[:4]]
    assert done == [("signed out", ""), ("site searched for feeds", ""), ("sessions ended", "1"), ("token deleted", "")]
    assert desk.accounts.trail.page()[1].subject == "https://outlet.example/news"


def test_strangers_cannot_fill_the_audit_trail(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_store, "REFUSALS_KEPT", 100)
    accounts = desk.accounts
    before = len(accounts.trail.page(refusals=False, limit=1_000))
    for _ in range(3):
        for number in range(200):
            try:
                accounts.sign_in(f"name {number}", "x" * 12, address=f"192.0.2.{number % 250}", agent="")
            except Slowed:
                continue
        clock.forward(3_600)
    lines = accounts.trail.page(limit=10_000)
    refusals = [line for line in lines if line.refusal]
    assert len(refusals) <= 101
    assert len(lines) - len(refusals) == before
    newest_hour = [line for line in refusals if line.at_ms == refusals[0].at_ms]
    assert len(newest_hour) == REFUSALS_HOURLY + 1
    assert sum(line.times for line in newest_hour) == 200
    assert newest_hour[0].action == OTHERS


def test_a_long_or_odd_name_is_written_down_and_harms_nothing(desk: Desk, client: TestClient) -> None:
    for name in ("\0", "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"), "ﷺ" * 200, "\u202eadmin"):
        assert sign_in(client, name, "wrong").status_code == 403
    assert {len(line.name) <= 100 for line in desk.accounts.trail.page()} == {True}


class Counting(PasswordHasher):
    """Counts what it is asked, with the parameters of each hash."""

    asked: list[str]

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
        self.asked.append(str(hash).rpartition("$")[0].rpartition("$")[0])
        return bool(super().verify(hash, password))  # type: ignore[arg-type]


def statements_of_attempt(desk: Desk, name: str) -> list[str]:
    """The SQL of a sign-in with a wrong password, without its values."""
    with statements(desk.store.engine) as seen:
        assert desk.accounts.sign_in(name, "wrong password", address=f"192.0.2.{len(name)}", agent="") is None
    return seen


def test_a_sign_in_takes_the_same_steps_whether_or_not_the_account_exists(store: Store) -> None:
    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    hasher.asked = []
    desk = make_desk(store, passwords=Passwords(hasher))
    add_people(desk)
    desk.accounts.add("proxied", Role.READER, None, COMMAND_LINE)
    desk.accounts.add("closed", Role.READER, PASSWORD, COMMAND_LINE)
    desk.accounts.set_active(desk.accounts.known("closed"), active=False, by=COMMAND_LINE)
    hasher.asked.clear()
    ways = {name: statements_of_attempt(desk, name) for name in ("reader", "proxied", "closed", "nobody of that name")}
    assert len(hasher.asked) == len(ways)
    assert len(set(hasher.asked)) == 1, "one check of the same cost, whoever it is"
    assert len({tuple(way) for way in ways.values()}) == 1, "the same statements in the same order"


def test_a_session_chosen_or_owned_by_another_is_never_taken_over(desk: Desk, client: TestClient) -> None:
    attacker = client_of(desk)
    assert sign_in(attacker, "reader").status_code == 303
    planted = attacker.cookies["wirewatch"]
    client.cookies.set("wirewatch", planted, domain="127.0.0.1")
    answer = client.post(
        "/sign-in",
        data={"name": "admin", "password": PASSWORD, "form_token": form_token(client, "/account")},
        follow_redirects=False,
    )
    made = re.search(r"wirewatch=([^;]+)", answer.headers["set-cookie"])
    assert answer.status_code == 303
    assert made is not None
    assert made[1] != planted
    # The planted one is still the attacker's own and no more.
    assert attacker.get("/api/v1/me").json()["name"] == "reader"
    assert attacker.get("/people").status_code == 403


def opens(client: TestClient, api: str, feed: str) -> tuple[int, int]:
    return (
        client.get("/api/v1/me", headers={"authorization": f"Bearer {api}"}).status_code,
        client.get(f"/live/export.atom?feed_token={feed}").status_code,
    )


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("who", ["reader", "admin"])
def test_a_new_password_ends_tokens_unless_they_are_kept_on_purpose(
    desk: Desk, client: TestClient, who: str, keep: bool
) -> None:
    reader = desk.accounts.known("reader")
    api = desk.accounts.make_token(reader, "t", "read", None, COMMAND_LINE)
    feed = desk.accounts.make_feed_token(reader, "/live/export.atom", COMMAND_LINE)
    stranger, intruder = client_of(desk), client_of(desk)
    assert opens(stranger, api, feed) == (200, 200)
    assert sign_in(intruder, "reader").status_code == 303
    sign_in(client, who)
    kept = {"keep": "true"} if keep else {}
    if who == "reader":
        page, values = "/account/password", {"old": PASSWORD, "new": NEW}
    else:
        page, values = "/people/password", {"person": reader.id, "password": NEW}
    form = client.get("/account" if who == "reader" else "/people").text
    assert 'type="checkbox" name="keep" value="true">' in form
    token = form_token(client, "/account")
    assert client.post(page, data={**values, **kept, "form_token": token}, follow_redirects=False).status_code == 303
    assert opens(stranger, api, feed) == ((200, 200) if keep else (401, 403))
    assert intruder.get("/", follow_redirects=False).status_code == 303
    line = next(line for line in desk.accounts.trail.page() if line.action == "password set")
    assert line.detail == ("tokens kept: 2" if keep else "tokens deleted: 2")


def test_after_a_new_password_every_place_is_unknown_again(desk: Desk, client: TestClient) -> None:
    intruder = at(desk, "192.0.2.1")
    assert sign_in(intruder, "reader").status_code == 303
    desk.accounts.set_password(desk.accounts.known("reader"), NEW, COMMAND_LINE)
    for number in range(100, 130):
        sign_in(at(desk, f"192.0.2.{number}"), "reader", "wrong")
    answers = [sign_in(intruder, "reader", f"guess {number}").status_code for number in range(8)]
    assert answers == [403] * 5 + [429] * 3


def test_tokens_of_a_closed_account_stay_gone_when_it_opens_again(desk: Desk, client: TestClient) -> None:
    reader = desk.accounts.known("reader")
    api = desk.accounts.make_token(reader, "t", "read", None, COMMAND_LINE)
    for active in (False, True):
        desk.accounts.set_active(reader, active=active, by=COMMAND_LINE)
        assert client.get("/api/v1/me", headers={"authorization": f"Bearer {api}"}).status_code == 401


def test_trying_tokens_is_limited(desk: Desk, client: TestClient) -> None:
    guess = {"authorization": "Bearer ww_guess"}
    answers = [client.get("/api/v1/me", headers=guess).status_code for _ in range(125)]
    assert answers == [401] * 120 + [429] * 5


@pytest.fixture
def proxied(store: Store) -> tuple[Desk, TestClient]:
    desk = make_desk(store, desk_proxies="10.1.0.0/16", desk_proxy_header="X-Forwarded-User")
    add_people(desk)
    return desk, TestClient(create_app(desk), base_url="http://127.0.0.1", client=("10.1.2.3", 5))


@pytest.mark.parametrize("second", ["admin", "reader", ""])
def test_two_headers_that_name_a_person_are_refused(proxied: tuple[Desk, TestClient], second: str) -> None:
    desk, proxy = proxied
    headers = [("x-forwarded-user", "reader"), ("X-Forwarded-User", second), ("x-forwarded-for", "192.0.2.7")]
    answer = proxy.get("/api/v1/me", headers=headers)
    assert answer.status_code == 400
    assert "must replace the client" in answer.json()["detail"]
    line = desk.accounts.trail.page()[0]
    assert (line.action, line.address) == ("proxy sign-in refused", "192.0.2.7")


def test_a_name_from_the_proxy_without_an_account_is_in_the_trail(proxied: tuple[Desk, TestClient]) -> None:
    desk, proxy = proxied
    for _ in range(3):
        assert proxy.get("/", headers={"x-forwarded-user": "mallory"}).status_code == 403
    line = desk.accounts.trail.page()[0]
    assert (line.action, line.name, line.times) == ("proxy sign-in refused", "mallory", 3)


PROXIES = networks("10.0.0.0/8, 2001:db8::/64")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        # What the client wrote comes first, in the same header or in one of its own.
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1::7]:4711"], "2001:db8:1::7"),
        ("10.0.0.1", ["2001:db8:1::7"], "2001:db8:1::7"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("2001:db8::1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, _hidden"], "10.0.0.1"),
        ("10.0.0.1", [", ,"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1" + ", x" * 10_000], "10.0.0.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_client_is_the_address_that_the_last_proxy_saw(peer: str, forwarded: list[str], address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


def test_a_client_behind_the_proxy_cannot_choose_its_address(proxied: tuple[Desk, TestClient]) -> None:
    desk, proxy = proxied
    for number in range(12):
        headers = [("x-forwarded-for", f"203.0.113.{number}"), ("x-forwarded-for", "198.51.100.1")]
        values = {"name": "reader", "password": "wrong", "form_token": form_token(proxy)}
        answer = proxy.post("/sign-in", data=values, headers=headers)
    assert answer.status_code == 429
    assert {line.address for line in desk.accounts.trail.page() if line.refusal} == {"198.51.100.1"}


def test_passwords_are_checked_on_few_threads_of_their_own(desk: Desk, client: TestClient) -> None:
    assert desk.signing_in.total_tokens == 2
    sign_in(client, "reader", "wrong")
    assert desk.signing_in.borrowed_tokens == 0


def test_the_form_says_how_to_add_the_first_account(store: Store, clock: Clock) -> None:
    desk = make_desk(store, clock)
    command = '<code dir="ltr">wirewatch people add NAME --role admin</code>'
    with client_of(desk) as client:
        empty = client.get("/sign-in").text
        assert f"There is no account yet. This command adds one: {command}" in empty
        for language in ("de", "ar"):
            other = client.get("/sign-in", headers={"accept-language": language}).text
            assert command in other
            assert "There is no account yet" not in other
        add_people(desk)
        assert command not in client.get("/sign-in").text
