"""Rejected records are appended once more, each once, however the process that does it ends."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.retries import ELSEWHERE, GONE, LOOK_MS, RetriedRecords, found_again, writer_of
from core.records import Outcome, OutcomeKind, Position
from core.store import Store, open_store
from core.store.retries import APPENDED, ASKED, BEGUN, RejectedRecord, Rejections, Retries, Wanted
from core.store.retries import GONE as STATE_GONE
from core.store.tables import retries
from core.streams import NewRecord, Stream, create_stream, open_stream
from core.streams.base import Appended, StreamRecord
from core.streams.headers import RETRY_OF
from tests.connectors.support import NOON, Clock, after

COUNT = 7


class Killed(BaseException):
    """The process ends here."""


class Raw:
    """A raw stream of two partitions with records that were rejected, all asked for again."""

    def __init__(self, folder: Path, url: str) -> None:
        # One broker serves all tests: a stream of its own, and a run, whose name is the writer's.
        own = uuid.uuid4().hex[:8]
        self.url, self.name, self.run = url or f"sqlite:///{folder / 'streams.db'}", f"raw-{own}", f"live-{own}"
        self.clock = Clock(NOON)
        self.store: Store = open_store(f"sqlite:///{folder / 'store.db'}")
        self.retries = Retries(self.store, self.run)
        self.looks = 0
        with create_stream(self.url, self.name, 2) as raw:
            self.uuid = raw.uuid
            records = [
                NewRecord(f"key {n}".encode(), f"value {n}".encode(), headers=(("schema", b"x"),)) for n in range(COUNT)
            ]
            self.old = [self.position(place) for place in raw.append(records)]
        self.ask(self.old)

    def position(self, place: Appended | StreamRecord) -> Position:
        return Position(run=self.run, stream=self.uuid, partition=place.partition, offset=place.offset)

    def ask(self, positions: Sequence[Position]) -> int:
        chosen = [
            RejectedRecord(
                outcome=Outcome(
                    run=self.run,
                    stream=one.stream,
                    partition=one.partition,
                    first_offset=one.offset,
                    last_offset=one.offset,
                    kind=OutcomeKind.REJECTED,
                )
            )
            for one in positions
        ]
        return Rejections(self.store, self.run).ask(chosen, by="ann", now_ms=1)

    def worker(self, wrapped: Callable[[Stream], Stream] = lambda stream: stream) -> RetriedRecords:
        return RetriedRecords(self.store, self.run, lambda: wrapped(open_stream(self.url, self.name)), self.clock)

    def tend(self, worker: RetriedRecords) -> int:
        self.looks += 1
        self.clock.now = after(self.looks * LOOK_MS / 1000)
        return worker.tend()

    def records(self) -> list[StreamRecord]:
        with open_stream(self.url, self.name) as raw:
            return [one for p in raw.partitions() for one in _all_of(raw, p)]

    def named(self) -> Counter[str]:
        """The old positions that records name, how often."""
        return Counter(value.decode() for one in self.records() for name, value in one.headers if name == RETRY_OF)

    def rows(self) -> list[Any]:
        with self.store.reading() as connection:
            return list(connection.execute(retries.select()).all())

    def states(self) -> Counter[str]:
        return Counter(row.state for row in self.rows())


def _all_of(raw: Stream, partition: int) -> Iterator[StreamRecord]:
    at = 0
    while found := raw.read({partition: at}):
        yield from found
        at = found[-1].offset + 1


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def raw(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Raw]:
    made = Raw(tmp_path, "" if request.param == "sqlite" else request.getfixturevalue("kafka_server"))
    yield made
    made.store.close()


class _Dying:
    """A stream whose process ends ``at`` an append: before it, or after it but before anything is noted."""

    def __init__(self, stream: Stream, *, appends: bool) -> None:
        self._stream, self._appends = stream, appends

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        if self._appends:
            self._stream.append(records)
        raise Killed

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def __enter__(self) -> _Dying:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._stream.close()


def dying(stream: Stream, *, appends: bool) -> Stream:
    """The stream of a process that ends at its next append."""
    return _Dying(stream, appends=appends)  # type: ignore[return-value]


def test_each_is_appended_once_and_names_its_old_position(raw: Raw) -> None:
    worker = raw.worker()
    assert raw.tend(worker) == COUNT
    assert raw.tend(worker) == 0
    assert raw.named() == {str(one): 1 for one in raw.old}
    by_place = {raw.position(one): one for one in raw.records()}
    for new in by_place.values():
        for name, value in new.headers:
            if name == RETRY_OF:
                _, _, partition, offset = value.decode().split("/")
                old = by_place[Position(run=raw.run, stream=raw.uuid, partition=int(partition), offset=int(offset))]
                assert (old.key, old.value, old.partition) == (new.key, new.value, new.partition)
                assert new.headers == (*old.headers, (name, value))
    assert raw.states() == {APPENDED: COUNT}


@pytest.mark.parametrize("appends", [False, True])
def test_a_process_that_is_killed_at_its_append(raw: Raw, *, appends: bool) -> None:
    for _ in range(2):
        with pytest.raises(Killed):
            raw.tend(raw.worker(lambda stream: _Dying(stream, appends=appends)))  # type: ignore[arg-type, return-value]
        # The second finds all of it there, and has nothing to append.
        if appends:
            break
    assert raw.states() == {BEGUN: COUNT}
    assert raw.tend(raw.worker()) == COUNT
    assert raw.named() == {str(one): 1 for one in raw.old}
    assert raw.states() == {APPENDED: COUNT}


def test_a_process_that_was_suspended_can_no_longer_append(raw: Raw) -> None:
    class Paused(_Dying):
        def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
            # While it stands still before its append, another one does the work.
            assert raw.tend(raw.worker()) == COUNT
            return self._stream.append(records)

    assert raw.tend(raw.worker(lambda stream: Paused(stream, appends=True))) == 0  # type: ignore[arg-type, return-value]
    assert raw.named() == {str(one): 1 for one in raw.old}


def test_records_that_the_stream_no_longer_holds_are_reported_as_gone(raw: Raw) -> None:
    beyond = Position(run=raw.run, stream=raw.uuid, partition=0, offset=1_000)
    other = Position(run=raw.run, stream="another", partition=0, offset=0)
    assert raw.ask([beyond, other]) == 2
    assert raw.tend(raw.worker()) == COUNT
    assert raw.states() == {APPENDED: COUNT, STATE_GONE: 2}
    assert {row.problem for row in raw.rows()} == {None, GONE, ELSEWHERE}


def test_asking_twice_changes_nothing(raw: Raw) -> None:
    assert raw.ask(raw.old) == 0
    assert raw.states() == {ASKED: COUNT}


def test_only_records_that_were_begun_are_searched_for(raw: Raw) -> None:
    with open_stream(raw.url, raw.name) as stream:
        stream.fence(writer_of(raw.run))
        assert found_again(stream, []) == {}
        # Asked, not begun: no place is known.
        assert found_again(stream, raw.retries.due(100)) == {}


def test_nothing_is_opened_while_nothing_is_due(raw: Raw) -> None:
    raw.tend(raw.worker())

    def refuses(_stream: Stream) -> Stream:
        raise AssertionError("opened")

    assert raw.tend(raw.worker(refuses)) == 0
    assert list(Rejections(raw.store, raw.run).listing(Wanted())) == []
