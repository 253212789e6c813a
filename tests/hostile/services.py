"""Wirewatch as it runs on one machine: ``wirewatch up`` and ``connectors listen`` as real processes, and people at the desk."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from core.records import article_id
from core.store import Store, open_store
from desk.live.run_reader import DeskReader
from desk.people.accounts import COMMAND_LINE, Accounts
from desk.people.roles import Role
from tests.waiting import until
from tests.wirewatch.command import surroundings
from wirewatch.commands.desk import free_port

PASSWORD, TOKEN = "twelve little letters", "a token of the outlet's, long"
SECONDS = 40.0
"""A stalled pipeline or desk takes minutes; a machine that is busy with other things takes some seconds."""


@dataclass
class Running:
    """The processes, and what a test needs to talk to them."""

    folder: Path
    store: Store
    desk: str
    push: str
    said: list[str]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.store, clock_ms=lambda: time.time_ns() // 1_000_000)

    def pushed(self, url: str, **fields: object) -> int:
        """Push an article; gives the status of the answer."""
        line = json.dumps({"url": url, "fetched": "2026-01-01T00:00:00Z", **fields})
        headers = {"authorization": f"Bearer {TOKEN}"}
        return httpx.post(
            f"{self.push}/articles", content=line.encode("utf-8", "surrogatepass"), headers=headers, timeout=SECONDS
        ).status_code

    def goes_on(self, seconds: float = SECONDS) -> None:
        """An article that has to do with nothing is stored, and a page of the desk answers."""
        number = next(self.numbers)
        url = f"https://outlet.example/unrelated/{number}"
        text = f"The harbour office counted {number * 7 + 3} sheep on the quay of pier {number}. Each had a name."
        assert self.pushed(url, title=f"Sheep at pier {number}", text=text) == 202
        self.stored(url, seconds)
        assert httpx.get(f"{self.desk}/healthz", timeout=SECONDS).status_code == 200
        assert httpx.get(f"{self.desk}/sign-in", timeout=SECONDS).status_code == 200

    def stored(self, url: str, seconds: float = SECONDS) -> None:
        """Wait until the article at this address is in the store."""
        reader = DeskReader(self.store, "live")
        until(lambda: reader.article(article_id(url)) is not None, f"article {url} in the store", seconds=seconds)

    def person(self, name: str, *, address: str = "127.0.0.1", password: str = PASSWORD) -> Browser:
        """A browser in which a person has tried to sign in from an address of this machine."""
        return Browser(self.desk, name, address, password)

    def api(self, name: str, scope: str = "read") -> httpx.Client:
        """A program with a token."""
        token = self.accounts.make_token(self.accounts.known(name), "test", scope, None, COMMAND_LINE)
        return httpx.Client(base_url=self.desk, headers={"authorization": f"Bearer {token}"}, timeout=SECONDS)


class Browser:
    """A session, with the token of its forms."""

    def __init__(self, desk: str, name: str, address: str, password: str) -> None:
        transport = httpx.HTTPTransport(local_address=address)
        self.client = httpx.Client(base_url=desk, transport=transport, timeout=SECONDS)
        values = {"name": name, "password": password, "form_token": self.form_token("/sign-in")}
        self.signed_in = self.client.post("/sign-in", data=values)

    def form_token(self, path: str = "/account") -> str:
        found = re.search(r'name="form-token" content="([^"]*)"', self.client.get(path).text)
        assert found is not None, path
        return found[1]

    def send(self, path: str, **values: str) -> httpx.Response:
        """Send a form."""
        return self.client.post(path, data=values | {"form_token": self.form_token()})


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Start everything in this folder; ends it, and fails unless it ends by itself."""
    port, push_port = free_port(0), free_port(0)
    environment = surroundings() | {
        "WIREWATCH_DATA_DIR": str(folder / "var"),
        "WIREWATCH_DESK_PORT": str(port),
        "WIREWATCH_DESK_PROXIES": "127.0.0.3",
        "WIREWATCH_DESK_PROXY_HEADER": "X-Forwarded-User",
        "PUSH_TOKEN": TOKEN,
    }
    said: list[str] = []
    # A careless umask: what is made must be private all the same.
    with ExitStack() as ending:
        store = open_store(f"sqlite:///{folder / 'var' / 'store.db'}")
        ending.callback(store.close)
        accounts = Accounts(store, clock_ms=lambda: time.time_ns() // 1_000_000)
        for role in Role:
            accounts.add(role.value, role, PASSWORD, COMMAND_LINE)
        made = Running(folder, store, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{push_port}", said)
        for command in (["up"], ["connectors", "listen", "--port", str(push_port)]):
            ending.enter_context(_process(command, folder, environment, said))
        until(lambda: _answers(f"{made.desk}/healthz"), "desk", seconds=180)
        until(lambda: _answers(f"{made.push}/"), "push server", seconds=180)
        # Its first slice waits for Beam and the extraction's processes.
        made.goes_on(240)
        yield made


@contextmanager
def _process(command: list[str], folder: Path, environment: dict[str, str], said: list[str]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "wirewatch", *command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        umask=0o022,
    )
    assert process.stdout is not None
    reader = threading.Thread(target=_collect, args=(process.stdout, said), daemon=True)
    reader.start()
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            reader.join(5)
    assert process.returncode is not None


def _collect(stream: IO[str], said: list[str]) -> None:
    said.extend(stream)


def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5).status_code < 500
    return False


def modes(folder: Path) -> dict[str, str]:
    """Names and permissions of all files and folders below a folder and of itself."""
    return {str(path.relative_to(folder)): oct(path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*"))}
