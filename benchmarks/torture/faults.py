"""An installation, and what can be done to it: each fault does its harm at once and mends what a keeper would mend."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar

from benchmarks.torture.disks import FileLimit, SmallDisk
from benchmarks.torture.parts import Flink, Part, Postgres
from core.settings import Settings
from core.streams import open_stream
from tests.servers.kafka import KafkaServer

T = TypeVar("T")
Tend = Callable[[float], None]
"""Waits for some seconds while services that end are started again, as a supervisor would."""
Fault = Callable[["Installation", Random, Tend], bool]
"""Does harm and undoes it; False: it found nothing to harm."""


@dataclass
class Installation:
    """One set-up that runs.

    ``tended`` are started again when they end; ``disk_by`` says how a disk is filled; ``feed`` brings news. ``look`` reads on
    in the raw stream, and ``cut`` is called with the end of a partition after a cut. ``problems``: errors that the faults
    themselves found.
    """

    name: str
    settings: Settings
    trap: Path
    tended: dict[str, Part]
    faults: Mapping[str, Fault] = field(default_factory=dict)
    disks: dict[str, SmallDisk | FileLimit] = field(default_factory=dict)
    disk_by: str = "tmpfs"
    kafka: KafkaServer | None = None
    postgres: Postgres | None = None
    flink: Flink | None = None
    feed: Callable[[], None] = lambda: None
    look: Callable[[], bool] = lambda: True
    handled: Callable[[], int] = lambda: 0
    cut: Callable[[int, int], None] = lambda _partition, _end: None
    problems: list[str] = field(default_factory=list)

    def supervised(self) -> list[Part]:
        """What is started again when it ends: the services, and Flink's parts, as a cluster's own keepers do."""
        return [*self.tended.values(), *(self.flink.parts.values() if self.flink else ())]

    def signs(self) -> tuple[int, ...]:
        """What changes when a part complains or ends."""
        logs = [part.log for part in self.supervised()]
        if self.postgres:
            logs.append(self.postgres.log)
        said = sum(log.stat().st_size for log in logs if log.exists())
        return said, sum(part.starts for part in self.tended.values()), int(self.kafka is None or alive(self.kafka))

    def repair(self) -> None:
        """Bring back every server, with room on its disk."""
        for disk in self.disks.values():
            disk.free()
        if self.postgres:
            self.postgres.start()
        if self.kafka and not alive(self.kafka):
            self.kafka.kill()
            self.kafka.start()
        if self.flink:
            self.flink.start()


def alive(kafka: KafkaServer) -> bool:
    """Whether the broker's process runs."""
    process = kafka._process  # noqa: SLF001 - a helper of the tests, like this one
    return process is not None and process.poll() is None


def _kill(*names: str) -> Fault:
    def fault(here: Installation, random: Random, _tend: Tend) -> bool:
        for name in names:
            here.tended[name].kill()
        # A pause now and then: what comes in meanwhile is a backlog.
        if random.random() < 0.3:
            time.sleep(random.uniform(0, 2))
        return True

    return fault


def _sink(here: Installation, random: Random, tend: Tend) -> bool:
    """The process that holds the sink dies in the middle of its next transaction."""
    # A transaction has at least four statements, some twenty with articles and alerts in it.
    how = f"statement {random.randint(1, 12)}" if random.random() < 0.6 else f"commit {random.uniform(0, 12):.1f}"
    here.trap.write_text(how)
    until = time.monotonic() + 30
    while here.trap.exists() and time.monotonic() < until:
        # Without news there is no transaction.
        here.feed()
        tend(0.5)
    sprung = not here.trap.exists()
    here.trap.unlink(missing_ok=True)
    return sprung


def _broker(here: Installation, random: Random, tend: Tend) -> bool:
    kafka = _there(here.kafka)
    (kafka.kill if random.random() < 0.6 else kafka.stop)()
    tend(random.uniform(0, 3))
    kafka.start()
    return True


def _paused_relay(here: Installation, _random: Random, tend: Tend) -> bool:
    """The pipeline stands still between reading results and appending them; another takes its run; then it wakes."""
    trap = here.trap.with_name(f"{here.trap.name}.relay")
    trap.touch()
    _fed_until(here, tend, lambda: not trap.exists(), 60)
    if trap.exists():
        trap.unlink(missing_ok=True)
        return False
    old = here.tended["pipeline"].leave()
    if old is None or not list(trap.parent.glob(f"{trap.name}.{old.pid}")):
        here.problems.append("another process than the pipeline relays")
        return True
    with old:
        # Its successor relays newer versions meanwhile.
        before = here.handled()
        _fed_until(here, tend, lambda: here.handled() > before, 120)
        tend(2.0)
        os.kill(old.pid, signal.SIGCONT)
        until = time.monotonic() + 90
        while old.poll() is None and time.monotonic() < until:
            tend(0.5)
        if old.poll() is None:
            here.problems.append("a pipeline that lost its run while it stood still did not end")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(old.pid, signal.SIGKILL)
    return True


def _fed_until(here: Installation, tend: Tend, done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        here.feed()
        tend(0.5)


def _cut(here: Installation, random: Random, _tend: Tend) -> bool:
    """The broker loses power before its disk has the end of a partition of the raw stream."""
    kafka = _there(here.kafka)
    # Nothing is appended from here on, so that it is known what is lost.
    here.tended["connectors"].kill()
    until = time.monotonic() + 30
    while not here.look() and time.monotonic() < until:
        time.sleep(0.2)
    logs = [one for one in kafka.directory.rglob(f"{here.settings.raw_stream}-*/*.log") if one.stat().st_size > 2_000]
    kafka.kill()
    if not logs:
        kafka.start()
        return False
    chosen = random.choice(logs)
    size = chosen.stat().st_size
    with chosen.open("r+b") as log:
        # In the middle of a batch: what was begun is gone too.
        log.truncate(size - random.randint(100, min(size, 20_000) - 1))
    kafka.start()
    partition = int(chosen.parent.name.rpartition("-")[2])
    with open_stream(here.settings.stream, here.settings.raw_stream) as stream:
        here.cut(partition, stream.end_offsets([partition])[partition])
    return True


def _postgres(here: Installation, random: Random, tend: Tend) -> bool:
    server = _there(here.postgres)
    server.kill()
    tend(random.uniform(0, 1.5))
    server.start()
    return True


def _backends(here: Installation, _random: Random, _tend: Tend) -> bool:
    return _there(here.postgres).end_backends() > 0


def _full(name: str) -> Fault:
    def fault(here: Installation, random: Random, tend: Tend) -> bool:
        if name == "data":
            _shorten_logs(Path(here.settings.data_dir))
        before = here.signs()
        here.disks[name].fill()
        try:
            # Until a service has noticed, and then for a random while.
            until = time.monotonic() + 20
            while here.signs() == before and time.monotonic() < until:
                here.feed()
                tend(0.3)
            noticed = here.signs() != before
            tend(random.uniform(0, 3))
        finally:
            here.disks[name].free()
        here.repair()
        return noticed

    return fault


def _shorten_logs(folder: Path) -> None:
    """Empty SQLite's write-ahead logs: else small writes go on for long in the room that those have."""
    for path in folder.glob("*.db"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=5)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _worker(here: Installation, random: Random, _tend: Tend) -> bool:
    """One of Flink's Python workers dies."""
    workers = _there(here.flink).parts["workers"].children()
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(random.choice(workers), signal.SIGKILL)
    return bool(workers)


def _flink(name: str) -> Fault:
    def fault(here: Installation, random: Random, tend: Tend) -> bool:
        flink = _there(here.flink)
        flink.parts[name].kill(family=True)
        tend(random.uniform(0, 2))
        flink.start()
        return True

    return fault


def _there(part: T | None) -> T:
    if part is None:
        raise LookupError("this set-up has no such part")
    return part


SERVICES: Mapping[str, Fault] = {
    "connectors": _kill("connectors"),
    "pipeline": _kill("pipeline"),
    "sink": _sink,
    "paused relay": _paused_relay,
    "both services": _kill("connectors", "pipeline"),
}
DISK: Mapping[str, Fault] = {"disk": _full("data")}
SERVERS: Mapping[str, Fault] = {
    "broker": _broker,
    "postgres": _postgres,
    "connections": _backends,
    "disk of kafka": _full("kafka"),
    "disk of postgres": _full("postgres"),
}
CUTS: Mapping[str, Fault] = {"cut": _cut}
"""Apart, since what comes after a cut can't equal a run over what is left: the articles of lost records stay."""

CLUSTER: Mapping[str, Fault] = {
    "worker": _worker,
    "task manager": _flink("taskmanager"),
    "job manager": _flink("jobmanager"),
    "job server": _flink("jobserver"),
    "disk of checkpoints": _full("checkpoints"),
}
