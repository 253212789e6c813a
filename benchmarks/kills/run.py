"""One run: outlets that publish, ``wirewatch up``, a killer, a receiver of alerts; then everything is compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from msgspec.structs import replace

from benchmarks.results import load
from benchmarks.torture.check import Findings, marks, verify
from benchmarks.torture.contracts import read_all
from benchmarks.torture.feed import Press
from benchmarks.torture.torture import SUBSCRIPTIONS
from connectors.store.feeds import FeedRepository
from core.clock import wall_ms
from core.records import from_ms
from core.records.alert import Schedule
from core.settings import NAMES, PREFIX, Settings
from core.store import Store, StoreReader, SubscriptionStore, open_store
from core.store.outbox import count_waiting
from core.streams import open_stream
from desk.delivery.store.channels import Channel, DeliveryRepository
from desk.delivery.store.queue import SendQueue
from tests.servers.kafka import free_ports
from tests.serving import Answering, Handler

SERVICES = {"connectors": "connectors run", "pipeline": "pipeline run", "delivery": "deliver", "desk": "desk"}
REST_S, PUBLISH_EVERY_S, LOOK_S = 180.0, 0.7, 0.05
CHANNEL = "receiver"
# Nothing that gathers alerts.
DELIVERED = [replace(one, delivery=(CHANNEL,), schedule=Schedule(per_hour=0, gather_s=0)) for one in SUBSCRIPTIONS]


@dataclass
class Result:
    """What a run came to. Seconds are the longest of all feeds: from the last kill to the next poll, and between two polls."""

    seed: int
    seconds: float
    kills: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    after_last_kill_s: float = 0.0
    longest_gap_s: float = 0.0
    polls: int = 0
    messages: int = 0
    sent_again: int = 0

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words."""
        return self.findings.problems


class Receiver:
    """A webhook on loopback that keeps what it was sent: message id → the alerts in it."""

    def __init__(self) -> None:
        self.alerts: dict[str, tuple[str, ...]] = {}
        self.requests = 0
        lock = threading.Lock()
        receiver = self

        class Hook(Handler):
            def do_POST(self) -> None:
                size = int(self.headers.get("content-length", 0))
                body = self.rfile.read(size)
                if len(body) == size:
                    with lock:
                        receiver.requests += 1
                        found = tuple(one["id"] for one in json.loads(body)["alerts"])
                        receiver.alerts[self.headers["webhook-id"]] = found
                self.send(200)

        self._http = Answering(Hook)
        self.address = f"127.0.0.1:{self._http.server_port}"
        self.close = self._http.close


def run(
    folder: Path, *, seed: int, seconds: float, every_s: float, feeds: int, say: Callable[[str], None] = lambda _: None
) -> Result:
    """Kill a service every ``every_s`` for ``seconds``; the order of services is a function of ``seed``."""
    random = Random(seed)
    press, receiver = Press(feeds, random), Receiver()
    settings = _settings(folder, press, receiver)
    store = open_store(settings.store)
    result = Result(seed, seconds)
    try:
        _prepare(store, press, receiver)
        with _up(settings, folder) as up:
            _until(lambda: all(outlet.polls for outlet in press.outlets), "first polls", up)
            killed_s = _kill(up, press, random, result, every_s=every_s, say=say)
            _until(
                lambda: all(outlet.polls[-1] > killed_s for outlet in press.outlets), "polls after the last kill", up
            )
            firsts = [min(at for at in outlet.polls if at > killed_s) for outlet in press.outlets]
            result.after_last_kill_s = max(firsts) - killed_s
            say(f"polled {result.after_last_kill_s:.1f} s after the last kill; waiting for the rest")
            _until(lambda: _at_rest(settings, store, press), "rest", up)
        result.findings = verify(settings, DELIVERED, press.published(), folder)
        _judge_polls(result, press)
        _judge_alerts(result, receiver, store, settings)
    finally:
        store.close()
        receiver.close()
        press.close()
    return result


def _kill(
    up: subprocess.Popen[bytes],
    press: Press,
    random: Random,
    result: Result,
    *,
    every_s: float,
    say: Callable[[str], None],
) -> float:
    """Publish and kill until the time is over; the moment of the last kill."""
    began = killed_s = published_s = time.monotonic()
    # Each service comes as often as the others.
    due: list[str] = []
    while (now_s := time.monotonic()) < began + result.seconds or due:
        if now_s - published_s >= PUBLISH_EVERY_S:
            published_s = now_s
            press.publish(1, set())
        if now_s - killed_s >= every_s:
            due = due or random.sample(list(SERVICES), len(SERVICES))
            # One that is not back yet is killed once it is.
            if pid := _pid_of(up.pid, SERVICES[due[-1]]):
                os.kill(pid, signal.SIGKILL)
                killed_s = time.monotonic()
                result.kills[due[-1]] += 1
                say(f"{now_s - began:5.0f} s  killed {due.pop()}, load {load():.1f}")
        time.sleep(LOOK_S)
    return killed_s


def _judge_polls(result: Result, press: Press) -> None:
    gaps = [b - a for outlet in press.outlets for a, b in zip(outlet.polls, outlet.polls[1:], strict=False)]
    result.longest_gap_s, result.polls = max(gaps), sum(len(outlet.polls) for outlet in press.outlets)


def _judge_alerts(result: Result, receiver: Receiver, store: Store, settings: Settings) -> None:
    """Each alert reached the receiver in one message: sent again perhaps, under the same id."""
    result.messages, result.sent_again = len(receiver.alerts), receiver.requests - len(receiver.alerts)
    messages = Counter(alert for alerts in receiver.alerts.values() for alert in alerts)
    if twice := [alert for alert, count in messages.items() if count > 1]:
        result.problems.append(f"{len(twice)} alerts came in two messages: {twice[:5]}")
    stored = {alert.id for alert in StoreReader(store, settings.run).alerts()}
    if missing := stored - messages.keys():
        result.problems.append(f"{len(missing)} alerts did not arrive: {sorted(missing)[:5]}")


def _settings(folder: Path, press: Press, receiver: Receiver) -> Settings:
    (port,) = free_ports(1)
    return Settings(
        data_dir=str(folder / "data"),
        extraction_processes=1,
        spare_processes=0,
        poll_interval_s=1.0,
        poll_average_s=1.0,
        host_gap_s=0.0,
        pages_per_poll=50,
        canary_interval_s=0.0,
        desk_port=port,
        allow_private=tuple(outlet.address for outlet in press.outlets),
        delivery_allow_private=receiver.address,
    )


def _prepare(store: Store, press: Press, receiver: Receiver) -> None:
    SubscriptionStore(store).save_subscriptions(DELIVERED, now_ms=wall_ms(), from_the_beginning=True)
    config = {"url": f"http://{receiver.address}/in", "secret": "whsec_" + "QUJD" * 8}
    made = Channel(name=CHANNEL, kind="webhook", config=config, per_minute=0, added_ms=wall_ms())
    DeliveryRepository(store).save_channel(made)
    repository = FeedRepository(store)
    for outlet in press.outlets:
        outlet.publish(10_000 + press.outlets.index(outlet))
        repository.add(outlet.feed_url, outlet.name, from_ms(wall_ms()))


@contextmanager
def _up(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for name in NAMES:
        value = getattr(settings, name)
        environment[f"{PREFIX}{name.upper()}"] = ",".join(value) if isinstance(value, tuple) else str(value)
    with (folder / "up.log").open("wb") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "wirewatch", "up"],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield up
            up.terminate()
            up.wait(60)
        finally:
            if up.poll() is None:
                os.killpg(up.pid, signal.SIGKILL)
                up.wait()


def _pid_of(up: int, command: str) -> int:
    children = Path(f"/proc/{up}/task/{up}/children")
    for child in children.read_text().split() if children.exists() else ():
        try:
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().decode().replace("\0", " ")
        except OSError:
            continue
        if f"wirewatch {command}" in arguments:
            return int(child)
    return 0


def _at_rest(settings: Settings, store: Store, press: Press) -> bool:
    """Everything that was published has its outcome, and everything was sent on."""
    with open_stream(settings.stream, settings.raw_stream) as raw:
        records = list(read_all(raw))
    if press.published() - {mark for record in records for mark in marks(record.value)}:
        return False
    if StoreReader(store, settings.run).count_outcomes().total() < len(records):
        return False
    with store.reading() as connection:
        if count_waiting(connection):
            return False
    return not SendQueue(store, "bench").messages(CHANNEL, now_ms=wall_ms() + 86_400_000, limit=1)


def _until(condition: Callable[[], bool], what: str, up: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + REST_S
    while not condition():
        if up.poll() is not None:
            raise SystemExit(f"wirewatch up ended with {up.returncode}")
        if time.monotonic() > deadline:
            raise SystemExit(f"no {what} within {REST_S:.0f} s")
        time.sleep(0.2)
