"""Relays that stand still at any step while others take their run: the newest version stays the last one of the stream."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Fenced, WriterFenced
from core.store import Store
from core.store import tables as t
from core.store.outbox import Outbox
from core.streams import NewRecord, Stream
from pipeline.relay import Relay
from tests.laws import examples
from tests.pipeline.ledger.drafts import opened


class Log:
    """What is on the stream, who has the writer's name and who owns the run."""

    def __init__(self, store: Store, pauses: Sequence[str]) -> None:
        self.store, self.pauses = store, list(pauses)
        self.values: list[int] = []
        self.writer: object = None
        self.owner: Process | None = None
        self.version = 0
        with store.writing() as connection:
            connection.execute(t.outbox.delete())

    def put(self) -> None:
        self.version += 1
        row = {"run": "live", "destination": "s", "key": "live/X", "payload": str(self.version), "status": "waiting"}
        with self.store.writing() as connection:
            connection.execute(t.outbox.insert(), row)

    def pause(self) -> None:
        """Here a process may stand still while another takes the run and relays a newer version, or only stores one."""
        what = self.pauses.pop() if self.pauses else ""
        if "taken" in what:
            Process(self).work()
        if "stored" in what:
            self.put()


class Process:
    """One process with the run, its relay and its own instance of the stream."""

    name = url = "s"

    def __init__(self, log: Log) -> None:
        self._log, self._broken = log, True
        outbox = Outbox(log.store)
        self._relay = Relay(cast("Any", self), {"s": cast("Stream", self)}, self._may)
        self._outbox = outbox

    def work(self) -> None:
        self._log.owner = self
        self._log.put()
        self.pump()

    def pump(self) -> None:
        with contextlib.suppress(Fenced):
            for _ in range(3):
                self._relay.pump()

    def _may(self, _run: str) -> bool:
        self._log.pause()
        if self._log.owner is not self:
            raise Fenced("taken over")
        return True

    # The stream.
    def fence(self, _writer: str) -> None:
        self._log.pause()
        self._log.writer, self._broken = self, False

    def append(self, records: Sequence[NewRecord]) -> None:
        self._log.pause()
        if self._log.writer is not self or self._broken:
            self._broken = True
            raise WriterFenced("s", "live")
        self._log.values += [int(record.value) for record in records]
        self._log.pause()

    # The outbox.
    def runs(self, destinations: Any) -> Any:
        return self._outbox.runs(destinations)

    def of_run(self, *of: Any) -> Any:
        self._log.pause()
        return self._outbox.of_run(*of)

    def done(self, rows: Any) -> None:
        self._log.pause()
        self._outbox.done(rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened(cast("Path", tmp_path_factory.mktemp("relay"))) as made:
        yield made


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pauses=st.lists(st.sampled_from(["", "", "taken", "stored", "taken, stored"]), max_size=24))
def test_the_newest_version_is_the_last_one(store: Store, pauses: list[str]) -> None:
    log = Log(store, pauses)
    Process(log).work()
    # What was stored last has its turn, once nothing pauses any more.
    assert log.owner is not None
    log.pauses.clear()
    log.owner.pump()
    with store.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(t.outbox)).scalar_one() == 0
    assert sorted(set(log.values)) == list(range(1, log.version + 1))
    assert log.values[-1] == log.version
    # A step back is a repeat of what was not struck off; from there each version follows the one before.
    assert all(after <= before + 1 for before, after in itertools.pairwise([0, *log.values]))
