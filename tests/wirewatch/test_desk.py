"""``wirewatch desk`` as a process: it starts, answers, refuses what is not safe, and ends when it is told to."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from core.settings import Settings
from core.store import open_store
from pipeline.ledger.ledger import RunLedger
from tests.desk.support import Wire, add_people, make_desk
from tests.desk.test_api import token_of
from tests.pipeline.transforms.support import NOON_MS
from tests.servers.kafka import free_ports
from tests.waiting import until
from tests.wirewatch.command import service, wirewatch
from tests.wirewatch.forked import Forked
from wirewatch.commands.desk import listen

PASSWORD = "twelve little letters\n"


@contextmanager
def running(folder: Path, port: int, *arguments: str) -> Iterator[tuple[Forked, Path]]:
    """The desk's process and what it says; killed at the end if it is still there."""
    said = folder / "said.txt"
    with service("desk", "--port", str(port), *arguments, cwd=folder, says=said) as process:
        yield process, said


def answers(url: str) -> bool:
    """Whether the desk says there that it works."""
    try:
        return httpx.get(url, timeout=30).text == "ok\n"
    except httpx.TransportError:
        return False


def test_it_starts_answers_and_ends_on_sigterm(tmp_path: Path) -> None:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with running(tmp_path, port) as (process, said):
        until(lambda: process.poll() is not None or answers(f"{url}/healthz"), "desk that answers")
        assert process.poll() is None, said.read_text()
        # Nobody was let in yet, so there is a form and nothing else.
        assert httpx.get(url, timeout=30).headers["location"].startswith("/sign-in")
        assert httpx.get(f"{url}/api/v1/stories", timeout=30).status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    told = said.read_text()
    assert f"the desk is at http://127.0.0.1:{port}/" in told
    assert "there is no account to sign in with: wirewatch people add" in told
    assert "Traceback" not in told


def test_it_ends_on_sigterm_while_costly_searches_run(tmp_path: Path) -> None:
    """A chain of NEARs on one article took half a minute, and nothing but SIGKILL ended the desk."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    settings = Settings(data_dir=str(tmp_path / "var"))
    store = open_store(settings.store)
    desk = make_desk(store)
    add_people(desk)
    headers = token_of(desk)
    ledger = RunLedger(store, "live", "me")
    ledger.take(kind="live", now_ms=NOON_MS)
    wire = Wire(ledger)
    text = "The talks about a state attack: sources said the city bank and border trade stay closed. " * 14
    for number in range(60):
        wire.article(f"News {number}", text)
    store.close()
    chain = " NEAR/1000 ".join(["t*", "a*", "s*", "c*", "b*"] * 4)

    def asked(path: str, **values: str) -> httpx.Response:
        return httpx.get(f"{url}/api/v1/{path}", params=values, headers=headers, timeout=60)

    def busy() -> None:
        with suppress(httpx.TransportError):
            while asked("queries/backtest", query=chain, days="3650").status_code in (200, 503):
                pass

    with running(tmp_path, port) as (process, said):
        until(lambda: process.poll() is not None or answers(f"{url}/healthz"), "desk that answers")
        assert process.poll() is None, said.read_text()
        until(lambda: asked("search", query="talks").json()["total"] == "60", "articles in the index")
        busy_ones = [threading.Thread(target=busy) for _ in range(6)]
        for one in busy_ones:
            one.start()
        # Short requests still get through.
        assert asked("stories").status_code == 200
        process.send_signal(signal.SIGTERM)
        # The units and compose allow a minute before they kill.
        assert process.wait(30) == 0
        for one in busy_ones:
            one.join(60)
    assert "Traceback" not in said.read_text()


def test_the_desk_is_not_opened_to_other_machines_before_it_has_an_account(tmp_path: Path) -> None:
    [port] = free_ports(1)
    refused = wirewatch("desk", "--host", "0.0.0.0", "--port", str(port), cwd=tmp_path)  # noqa: S104 - refused
    assert refused.returncode == 2
    assert "there is no account to sign in with, and other machines can reach 0.0.0.0" in refused.stderr
    assert "wirewatch people add" in refused.stderr


def test_the_desk_refuses_the_demo_option(tmp_path: Path) -> None:
    refused = wirewatch("desk", "--demo", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--demo has no sign-in" in refused.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = wirewatch("desk", "--port", str(port), cwd=tmp_path)
    assert refused.returncode == 2
    assert f"the desk can't listen on 127.0.0.1:{port}" in refused.stderr


def test_an_answer_does_not_wait_until_its_head_is_acknowledged() -> None:
    # asyncio turns Nagle's algorithm off only on sockets that say what they speak.
    with listen(Settings(desk_port=0)) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.proto == socket.IPPROTO_TCP
