"""``wirewatch desk`` as a process of its own, as people run it behind a proxy that signs them in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import NamedTuple

import httpx

from benchmarks.desk.build import RUN, Built
from benchmarks.soak.sampling import parsed
from core.clock import wall_ms
from core.settings import PREFIX
from core.store import open_store
from desk.people.accounts import COMMAND_LINE, Accounts
from desk.people.roles import Role
from tests.servers.kafka import free_ports

HEADER = "X-Bench-Person"
PEOPLE = 40
_START_S, _END_S = 120, 20


class Use(NamedTuple):
    """What the process has used so far. ``private_mb``: memory that is its own; ``mapped_mb``: pages of files (the index)."""

    private_mb: float
    mapped_mb: float
    cpu_s: float


class DeskProcess:
    """A desk that runs. ``started_s``: from its start to its first full page."""

    def __init__(self, pid: int, url: str, started_s: float) -> None:
        self.pid, self.url, self.started_s = pid, url, started_s

    def use(self) -> Use:
        """What it uses now."""
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines() if ":" in line
        )
        kept = {name: int(status[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile")}
        cpu_s = parsed(self.pid, Path(f"/proc/{self.pid}/stat").read_text()).cpu_s
        return Use(kept["RssAnon"], kept["RssFile"], cpu_s)


def person(number: int) -> dict[str, str]:
    """The header by which the proxy names a person: limits are for each of them."""
    return {HEADER: f"bench {number % PEOPLE}"}


@contextmanager
def running_desk(built: Built, search: Path) -> Iterator[DeskProcess]:
    """A desk on the store, stopped at the end. Raises RuntimeError if it doesn't start."""
    url = f"sqlite:///{built.path}"
    _add_people(url)
    [port] = free_ports(1)
    folder = built.path.parent / "var"
    values = {
        "DATA_DIR": str(folder),
        "STORE_URL": url,
        "SEARCH_DIR": str(search),
        "RUN": RUN,
        "CANARY_INTERVAL_S": "0",
        "DESK_PROXIES": "127.0.0.1",
        "DESK_PROXY_HEADER": HEADER,
    }
    command = [sys.executable, "-m", "wirewatch", "desk", "--port", str(port)]
    start = perf_counter()
    log = built.path.parent / "desk.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            env={**os.environ, **{PREFIX + name: value for name, value in values.items()}},
            stdout=out,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(process, address, log)
            yield DeskProcess(process.pid, address, perf_counter() - start)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = perf_counter() + _START_S
    while perf_counter() < end and process.poll() is None:
        try:
            if 'class="story"' in httpx.get(address, headers=person(0), timeout=30).text:
                return
        except httpx.TransportError:
            pass
        sleep(0.05)
    raise RuntimeError(f"the desk does not show stories: {log.read_text(errors='replace')[-2000:]}")


def _add_people(url: str) -> None:
    store = open_store(url)
    accounts = Accounts(store, clock_ms=wall_ms)
    known = {one.shown for one in accounts.people.listing()}
    for number in range(PEOPLE):
        name = person(number)[HEADER]
        if name not in known:
            accounts.add(name, Role.READER, None, COMMAND_LINE)
    store.close()
