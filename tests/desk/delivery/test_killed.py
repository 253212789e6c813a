"""The real process, killed with SIGKILL in the middle of its work: everything arrives, repeats are told by their id."""

from __future__ import annotations

import signal
import socket
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from core.records.alert import Schedule
from core.store import open_store
from tests.desk.delivery.support import Receiver, alert, hook, put, statuses, subscribe, subscription
from tests.servers.kafka import free_ports
from tests.waiting import until
from tests.wirewatch.command import service
from tests.wirewatch.forked import Forked

ROOT = Path(__file__).parents[3]
ALERTS = 120


def start(folder: Path, *arguments: str) -> AbstractContextManager[Forked]:
    settings = {"WIREWATCH_DATA_DIR": str(folder), "WIREWATCH_DELIVERY_ALLOW_PRIVATE": "127.0.0.1"}
    return service("deliver", *arguments, cwd=ROOT, says=folder / "said.txt", **settings)


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


@pytest.mark.slow
def test_killed_again_and_again_then_stopped_cleanly(tmp_path: Path, receiver: Receiver) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    subscribe(store, subscription(schedule=Schedule(per_hour=0)))
    hook(store, receiver.url)
    put(store, *(alert(number) for number in range(ALERTS)))
    receiver.answers = [(200, {}) if number % 7 else (503, {}) for number in range(40)]
    for share in (0.1, 0.4, 0.7):
        with start(tmp_path):
            until(lambda share=share: len(receiver.got) >= ALERTS * share, "messages")  # type: ignore[misc]
        # What a dead process held is free at once; pauses after failures are not waited for.
        with store.writing() as connection:
            connection.exec_driver_sql("UPDATE channels SET not_before_ms = 0")
            connection.exec_driver_sql("UPDATE messages SET due_ms = 0 WHERE status = 'waiting'")
    (port,) = free_ports(1)
    with start(tmp_path, "--metrics-port", str(port)) as process:
        # The messages may all have gone before the last kill: then only this says that the process stands.
        until(lambda: listens(port), "the service")
        until(lambda: statuses(store) == {"sent": ALERTS}, "all sent")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "Traceback" not in (tmp_path / "said.txt").read_text()
    bodies: dict[str, set[bytes]] = {}
    for got in receiver.got:
        bodies.setdefault(got.id, set()).add(got.body)
    assert len(bodies) == ALERTS
    assert {len(same) for same in bodies.values()} == {1}
    assert sorted(set(receiver.titles())) == sorted(f"Headline {number}" for number in range(ALERTS))
    store.close()


def test_its_metrics_say_what_was_sent_and_what_waits(tmp_path: Path, receiver: Receiver) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    subscribe(store, subscription(), subscription("later", schedule=Schedule(kind="daily")))
    hook(store, receiver.url)
    put(store, alert(0), alert(1, "later"))
    (port,) = free_ports(1)
    with start(tmp_path, "--metrics-port", str(port)):
        until(lambda: statuses(store) == {"sent": 1, "held": 1}, "one sent and one held")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    store.close()
    assert 'wirewatch_messages_sent_total{channel="hook"} 1.0' in lines
    assert 'wirewatch_deliveries{status="held"} 1.0' in lines
    assert 'wirewatch_deliveries{status="failed"} 0.0' in lines
    assert "wirewatch_delivery_oldest_seconds 0.0" in lines
    assert 'wirewatch_channel_failing{channel="hook"} 0.0' in lines
