"""Each attack that once worked, against the running services: what has to do with nothing goes on within seconds."""

from __future__ import annotations

import csv
import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from urllib.parse import quote

import httpx
import pytest

from desk.people.accounts import COMMAND_LINE
from desk.people.roles import Role
from tests.core.net.test_heads import REFUSALS, REFUSED, SECOND, answered
from tests.hostile.services import PASSWORD, SECONDS, Running, modes, running
from tests.serving import Answering, Handler
from tests.waiting import until
from tests.wirewatch.command import on_terminal
from wirewatch.commands.desk import free_port

pytestmark = pytest.mark.slow

AID = "Syria convoy: aid reached Aleppo, the ministry in Damascus said of people and things."
CHAIN = " NEAR/1000 ".join(["s*", "o*", "a*", "t*", "m*"] * 4)
WORDS = " ".join(f"{word}{number}" for number in range(44) for word in ("some", "of", "all", "that", "mine"))


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("attacked")) as made:
        yield made
        made.goes_on()


@pytest.mark.parametrize(
    "run",
    [
        "…" * 100_000,
        "." * 60_000,
        "?!" * 40_000,
        '."' * 40_000,
        "。" * 60_000,
        "۔؟" * 40_000,
        "”’»)" * 20_000,
        "1." * 40_000,
    ],
    ids=["ellipses", "dots", "marks", "quotes", "full-width", "Urdu", "closers", "numbers"],
)
def test_1_a_page_of_punctuation(services: Running, run: str) -> None:
    url = f"https://poison.example/{quote(run[:4])}"
    html = f"<html><body><article><p>{AID}</p><p>{run}</p></article></body></html>"
    assert services.pushed(url, title="Aid for Syria", html=html) == 202
    services.goes_on()


def test_2_a_chain_of_nears_that_is_saved(services: Running) -> None:
    with services.api("editor", "write") as program:
        answer = program.put("/api/v1/subscriptions/chain", json={"query": CHAIN})
        assert answer.status_code in (200, 201, 400, 422), answer.text
        # Whatever the linter thinks of them: queries that are older than it are still there.
        shorter = program.put("/api/v1/subscriptions/shorter", json={"query": "s* NEAR/1000 o* NEAR/1000 a*"})
        assert shorter.status_code < 500
    assert services.pushed("https://poison.example/near", title="Some of all", text=WORDS) == 202
    services.goes_on()


def test_2_a_chain_of_nears_that_is_searched_for_by_clients_that_hang_up(services: Running) -> None:
    with services.api("reader") as program:

        def ask(_number: int) -> None:
            with suppress(httpx.TimeoutException):
                program.get("/api/v1/search", params={"query": CHAIN}, timeout=1)

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(ask, range(36)))
        services.goes_on()
        assert program.get("/api/v1/me").status_code == 200


class Inside(Handler):
    """What nothing may reach: a server on loopback. Redirects to another place on it."""

    asked: list[str]

    def _any(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send(307, Location=f"http://127.0.0.1:{self.server.server_port}/inner")  # type: ignore[attr-defined]

    do_GET = do_POST = do_PUT = do_HEAD = _any


@pytest.fixture
def inside() -> Iterator[tuple[int, list[str]]]:
    handler = type("Handler", (Inside,), {"asked": []})
    with Answering(handler) as server:
        yield server.server_port, handler.asked  # type: ignore[attr-defined]


def test_3_channels_that_lead_inside(services: Running, inside: tuple[int, list[str]]) -> None:
    port, asked = inside
    editor = services.person("editor")
    assert editor.signed_in.status_code == 303
    for number, address in enumerate(
        (
            f"json://127.0.0.1:{port}/redirect",
            f"json://localhost:{port}/x?method=GET",
            f"http://127.0.0.1:{port}/hook",
            f"http://0x7f000001:{port}/hook",
            f"workflows://host:443/a/b/c?template=http://127.0.0.1:{port}/t",
            "discord://1/2?template=/etc/passwd",
            f"mailto://user:secret@outlet.example:{port}?smtp=127.0.0.1&mode=insecure",
            f"fcm://project/device?keyfile=http://127.0.0.1:{port}/key",
            "file:///etc/passwd",
        )
    ):
        answer = editor.send("/channels/add", name=f"c{number}", address=address, url=address, kind="apprise")
        assert answer.status_code < 500, answer.text
        assert "root:" not in answer.text
        tested = editor.send("/channels/test", name=f"c{number}", channel=f"c{number}")
        assert tested.status_code < 500, tested.text
    assert asked == []
    services.goes_on()


def test_4_addresses_that_command_a_terminal(services: Running) -> None:
    odd = ("\x1b]0;taken over\x07", "\x9b31m", "\u202egnp.exe", "\u2066x")
    with services.api("editor", "write") as program:
        for text in odd:
            answer = program.post("/api/v1/feeds", json={"url": f"http://odd.example/{text}/rss"})
            assert answer.status_code < 500
    services.pushed(
        f"https://odd.example/{quote(odd[0])}", source=f"the {odd[0]}{odd[2]}", title=odd[1], text=f"One {odd[2]}"
    )
    services.goes_on()
    url = f"https://odd.example/{quote(odd[0])}"
    for arguments in (["feed", "list"], ["feed", "coverage"], ["trace", url], ["status"]):
        shown = on_terminal(*arguments, cwd=services.folder, WIREWATCH_DATA_DIR=str(services.folder / "var"))
        assert not {"\x1b", "\x9b", "\x07", "\u202e", "\u2066"} & set(shown.stdout + shown.stderr), arguments


def test_5_connections_that_say_nothing(services: Running) -> None:
    host, _, port = services.push.removeprefix("http://").partition(":")
    with ExitStack() as open_:
        for _ in range(60):
            idle = open_.enter_context(socket.create_connection((host, int(port)), timeout=SECONDS))
            with suppress(OSError):
                idle.sendall(b"POST /articles HTTP/1.1\r\nHost: x\r\n")
        services.goes_on()


def test_6_files_that_others_could_read(services: Running) -> None:
    services.goes_on()
    found = modes(services.folder / "var")
    assert found["."] == "0o700"
    assert {
        name: mode for name, mode in found.items() if "/" not in name and name.count(".db") and mode != "0o600"
    } == {}
    assert {"store.db", "streams.db"} <= set(found)


def test_7_a_stranger_who_tries_a_name_until_it_is_slowed(services: Running) -> None:
    assert services.person("reader").signed_in.status_code == 303
    answers = [
        services.person("reader", address="127.0.0.2", password=f"guess {n}").signed_in.status_code for n in range(12)
    ]
    assert answers == [403] * 10 + [429] * 2
    assert services.person("reader").signed_in.status_code == 303
    # Nor from a place that they never came from before.
    assert services.person("reader", address="127.0.0.9").signed_in.status_code == 303
    admin = services.person("admin")
    assert "sign-in slowed" in admin.client.get("/audit").text


def test_8_a_token_made_with_a_stolen_password(services: Running) -> None:
    accounts = services.accounts
    ann = accounts.add("ann", Role.READER, PASSWORD, COMMAND_LINE)
    token = {"authorization": f"Bearer {accounts.make_token(ann, 't', 'read', None, COMMAND_LINE)}"}
    feed = accounts.make_feed_token(ann, "/live/export.atom", COMMAND_LINE)
    reader = services.person("ann")
    assert httpx.get(f"{services.desk}/api/v1/me", headers=token, timeout=SECONDS).status_code == 200
    assert reader.send("/account/password", old=PASSWORD, new="another twelve letters").status_code == 303
    assert httpx.get(f"{services.desk}/api/v1/me", headers=token, timeout=SECONDS).status_code == 401
    answer = httpx.get(f"{services.desk}/live/export.atom", params={"feed_token": feed}, timeout=SECONDS)
    assert answer.status_code == 403


def test_9_values_that_were_internal_errors(services: Running) -> None:
    admin = services.person("admin")
    files = {
        "a.toml": b"a = " + b"[" * 60_000 + b"]" * 60_000,
        "b.toml": b"[" + b"k." * 500_000 + b"k]",
        "a.jsonl": b'{"id": "a", "topics": ' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    }
    asked = [
        *(
            admin.client.get(path)
            for path in ("/search?q=z" + "%3F" * 70, f"/audit?before={10**22}", "/audit?before=-1")
        ),
        *(admin.send(path, seq=str(10**25), story="s") for path in ("/live/read", "/live/read-all")),
        admin.send("/subscriptions/check", query="w*x*y*" * 3_000, new="1"),
        admin.send("/subscriptions/explain", query="a", document="http://["),
        *(
            admin.client.post(
                "/subscriptions/import", files={"file": one}, headers={"x-form-token": admin.form_token()}
            )
            for one in files.items()
        ),
    ]
    assert [answer.status_code for answer in asked if answer.status_code >= 500] == []
    services.goes_on()


def test_10_two_names_from_the_proxy(services: Running) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.3")
    with httpx.Client(base_url=services.desk, transport=transport, timeout=SECONDS) as proxy:
        assert proxy.get("/api/v1/me", headers={"x-forwarded-user": "reader"}).json()["name"] == "reader"
        doubled = proxy.get("/people", headers=[("x-forwarded-user", "admin"), ("x-forwarded-user", "reader")])
        assert doubled.status_code == 400
    elsewhere = httpx.get(f"{services.desk}/api/v1/me", headers={"x-forwarded-user": "admin"}, timeout=SECONDS)
    assert elsewhere.status_code == 401


def test_11_numbers_and_dots_in_what_is_logged(services: Running) -> None:
    run = "9." * 20_000
    assert services.pushed(f"https://poison.example/{run[:1500]}", title=run, text=run, source=run[:200]) in (202, 400)
    with services.api("editor", "write") as program:
        assert program.post("/api/v1/feeds", json={"url": f"http://poison.example/{run[:1500]}"}).status_code < 500
    services.goes_on()


def test_12_headlines_that_are_formulas_in_any_width(services: Running) -> None:
    titles = ["=1+1 is two", "＝HYPERLINK at night", "\t＠SUM of all", "”+1 for peace"]
    for number, title in enumerate(titles):
        url = f"https://formula.example/{number}"
        text = f"What was said on day {number * 31} of the {title} affair, in {number + 2} languages."
        assert services.pushed(url, title=title, text=text) == 202
        services.stored(url)
    reader = services.person("reader")

    def exported() -> list[str]:
        text = reader.client.get("/live/export.csv").content.decode("utf-8-sig")
        return [row["headline"] for row in csv.DictReader(io.StringIO(text, newline=""))]

    until(
        lambda: sum("affair" not in one and one.lstrip("'")[:1] in "=＝＠”\t" for one in exported()) >= 3,
        "formulas in the file",
    )
    assert [one for one in exported() if one.lstrip(' \t”"')[:1] in ("=", "＝", "＠", "+")] == []


def test_13_a_desk_that_is_searching_stops_on_request(services: Running) -> None:
    port = free_port(0)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WIREWATCH_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "wirewatch", "desk", "--port", str(port)],
        cwd=services.folder,
        env=environment
        | {"WIREWATCH_DATA_DIR": str(services.folder / "var"), "WIREWATCH_SEARCH_DIR": str(services.folder / "i")},
        stdin=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        with services.api("reader") as program:
            until(lambda: answers(f"{base}/healthz"), "second desk")

            def ask(_number: int) -> None:
                with suppress(httpx.HTTPError):
                    program.get(f"{base}/api/v1/search", params={"query": CHAIN}, timeout=30)

            with ThreadPoolExecutor(6) as threads:
                asking = [threads.submit(ask, number) for number in range(6)]
                process.send_signal(signal.SIGTERM)
                assert process.wait(SECONDS) in (0, -signal.SIGTERM)
                assert len(asking) == 6
    finally:
        process.kill()
        process.wait()


def test_14_a_form_of_strangers_in_a_charset_that_is_slow_to_read(services: Running) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n%s\r\n' % (
        b"a" * 500_000 + b"-" + b"b" * 500_000
    )
    kind = {"content-type": "multipart/form-data; boundary=x; charset=punycode"}

    def ask(_number: int) -> int:
        body = part * 7 + b"--x--\r\n"
        return httpx.post(f"{services.desk}/sign-in", headers=kind, content=body, timeout=SECONDS).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {415}
    services.goes_on()


@pytest.mark.parametrize("server", ["desk", "push"])
def test_15_requests_that_another_server_would_read_in_another_way(services: Running, server: str) -> None:
    port = int(getattr(services, server).rpartition(":")[2])
    for request in REFUSED:
        statuses, _ = answered(port, request + SECOND)
        assert statuses in REFUSALS, request
    services.goes_on()


def test_16_clients_of_the_desk_that_do_not_read(services: Running) -> None:
    host, _, port = services.desk.removeprefix("http://").partition(":")
    several = b"GET /static/desk.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 400
    with ExitStack() as open_:
        for _ in range(400):
            one = open_.enter_context(socket.create_connection((host, int(port)), timeout=SECONDS))
            one.setblocking(False)
            with suppress(OSError):
                one.send(several)
        services.goes_on()


def answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5).status_code == 200
    return False
