"""The embedded stream: its laws against a plain list, and what can go wrong with a file."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.errors import OffsetOutOfRange, StreamError, StreamUnavailable
from core.records.identity import raw_hash
from core.streams import NewRecord, Stream, StreamRecord, create_stream
from core.streams.base import partition_of
from core.streams.embedded.stream import SqliteStream
from tests.laws import examples

PARTITIONS = 3


def with_digest(record: NewRecord) -> NewRecord:
    """The record with the digest of its value."""
    return record._replace(digest=raw_hash(record.value))


records = st.builds(
    NewRecord,
    key=st.binary(max_size=6),
    value=st.one_of(st.binary(max_size=30), st.integers(0, 400).map(lambda n: b"abc" * n)),
    partition=st.none() | st.integers(0, PARTITIONS - 1),
    timestamp_ms=st.none() | st.integers(0, 300),
    digest=st.just(""),
).flatmap(lambda record: st.sampled_from((record, with_digest(record))))


class Log(RuleBasedStateMachine):
    """The stream beside lists: whatever is appended, deleted and opened again, both hold the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{self.folder.name}/log.db"
        self.now = 0
        self.model: list[list[StreamRecord]] = [[] for _ in range(PARTITIONS)]
        self.starts = [0] * PARTITIONS
        self.last = [0] * PARTITIONS

    @initialize()
    def make(self) -> None:
        self.stream = SqliteStream.create(self.url, "log", PARTITIONS, clock=lambda: self.now)

    def teardown(self) -> None:
        self.stream.close()
        self.folder.cleanup()

    @rule(now=st.integers(0, 300))
    def clock_is_set(self, now: int) -> None:
        self.now = now

    @rule(batch=st.lists(records, max_size=8))
    def append(self, batch: list[NewRecord]) -> None:
        wanted = []
        for record in batch:
            partition = partition_of(record.key, range(PARTITIONS)) if record.partition is None else record.partition
            at = max(self.now, self.last[partition]) if record.timestamp_ms is None else record.timestamp_ms
            self.last[partition] = max(self.last[partition], at)
            offset = len(self.model[partition])
            self.model[partition].append(
                StreamRecord(partition, offset, at, record.key, record.value, headers=record.headers)
            )
            wanted.append((partition, offset, at))
        assert [tuple(at) for at in self.stream.append(batch)] == wanted

    @rule(data=st.data(), max_bytes=st.integers(0, 2000))
    def read(self, data: st.DataObject, max_bytes: int) -> None:
        chosen = data.draw(st.lists(st.integers(0, PARTITIONS - 1), unique=True, min_size=1))
        offsets = {p: data.draw(st.integers(self.starts[p], len(self.model[p]))) for p in chosen}
        found = self.stream.read(offsets, max_bytes=max_bytes)
        there = sum(len(self.model[p]) - offset for p, offset in offsets.items())
        assert bool(found) == bool(there)
        for p, offset in offsets.items():
            mine = [r for r in found if r.partition == p]
            assert mine == self.model[p][offset : offset + len(mine)], "a piece without gaps, from the offset on"
        assert [(r.digest, r.size) for r in found] == [(raw_hash(r.value), len(r.value)) for r in found]
        sizes = [len(r.value) + len(r.key or b"") for r in found]
        assert sum(sizes) <= max_bytes or sum(sizes[1:]) <= max_bytes

    @rule(data=st.data())
    def read_outside(self, data: st.DataObject) -> None:
        p = data.draw(st.integers(0, PARTITIONS - 1))
        outside = st.integers(max_value=self.starts[p] - 1) | st.integers(min_value=len(self.model[p]) + 1)
        offset = data.draw(outside.filter(lambda n: abs(n) < 1 << 62))
        with pytest.raises(OffsetOutOfRange):
            self.stream.read({p: offset})

    @rule(before=st.integers(0, 310))
    def delete_before(self, before: int) -> None:
        gone = 0
        for p, log in enumerate(self.model):
            kept = next((r.offset for r in log[self.starts[p] :] if r.timestamp_ms >= before), len(log))
            gone += kept - self.starts[p]
            self.starts[p] = kept
        assert self.stream.delete_before(before) == gone

    @rule()
    def open_again(self) -> None:
        uuid = self.stream.uuid
        self.stream.close()
        self.stream = SqliteStream.open(self.url, "log", clock=lambda: self.now)
        assert self.stream.uuid == uuid

    @invariant()
    def bounds_fit(self) -> None:
        assert list(self.stream.start_offsets(range(PARTITIONS)).values()) == self.starts
        assert list(self.stream.end_offsets(range(PARTITIONS)).values()) == [len(log) for log in self.model]


TestLog = Log.TestCase
TestLog.settings = settings(max_examples=examples(30), stateful_step_count=25, deadline=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "streams.db"


@pytest.fixture
def stream(file: Path) -> Iterator[SqliteStream]:
    with SqliteStream.create(f"sqlite:///{file}?timeout_s=0.05", "news", 2, clock=lambda: 1000) as stream:
        yield stream


def test_time_never_steps_back_with_the_clock(file: Path) -> None:
    times = iter([0, 500, 400, 450, 501])
    with SqliteStream.create(f"sqlite:///{file}", "news", 1, clock=lambda: next(times)) as stream:
        stamped = [stream.append([NewRecord(b"", b""), NewRecord(b"", b"")]) for _ in range(4)]
    assert [[at.timestamp_ms for at in call] for call in stamped] == [[500, 500], [500, 500], [500, 500], [501, 501]]


def test_values_are_compressed(file: Path, stream: SqliteStream) -> None:
    stream.append([NewRecord(b"k", b"<p>the same again</p>" * 50_000)] * 5)
    stream.close()
    assert file.stat().st_size < 200_000


def test_keeping_bytes_deletes_the_oldest(stream: SqliteStream) -> None:
    stream.append([NewRecord(b"", os.urandom(1000), partition=i % 2) for i in range(20)])
    assert stream.delete_beyond(6_500) == 14
    assert stream.start_offsets([0, 1]) == {0: 7, 1: 7}
    assert stream.delete_beyond(6_500) == 0
    assert stream.delete_beyond(0) == 6
    assert stream.start_offsets([0, 1]) == stream.end_offsets([0, 1])


def test_deleting_gives_space_back(file: Path, stream: SqliteStream) -> None:
    for _ in range(10):
        stream.append([NewRecord(b"", os.urandom(100_000)) for _ in range(5)])
    stream.delete_before(2000)
    stream.close()
    assert file.stat().st_size < 1_000_000


def test_a_lock_that_does_not_end_is_unavailable(file: Path, stream: SqliteStream) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StreamUnavailable, match="lock") as caught:
        stream.append([NewRecord(b"", b"")])
    assert caught.value.hint
    assert list(stream.read({0: 0})) == [], "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    assert len(stream.append([NewRecord(b"", b"")])) == 1


def test_a_full_disk_is_unavailable_and_stores_nothing(stream: SqliteStream) -> None:
    stream.append([NewRecord(b"", b"first", partition=0)])
    pages = stream._connection.execute("PRAGMA page_count").fetchone()[0]
    stream._connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StreamUnavailable, match="disk is full") as caught:
        stream.append([NewRecord(b"", b"second", partition=0), NewRecord(b"", os.urandom(100_000), partition=0)])
    assert "space" in (caught.value.hint or "")
    assert stream.end_offsets([0]) == {0: 1}
    stream._connection.execute("PRAGMA max_page_count=1000000")
    assert [at.offset for at in stream.append([NewRecord(b"", b"second", partition=0)])] == [1]


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be taken for one" * 100, b"short"])
def test_another_kind_of_file_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(StreamError, match="not a database"):
        SqliteStream.create(f"sqlite:///{file}", "news", 1, clock=lambda: 0)
    assert file.read_bytes() == content


def test_another_database_is_refused(file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE articles (id)")
    other.close()
    with pytest.raises(StreamError, match="is not a stream"):
        SqliteStream.create(f"sqlite:///{file}", "news", 1, clock=lambda: 0)
    with pytest.raises(StreamError, match="is not a stream"):
        SqliteStream.open(f"sqlite:///{file}", "news", clock=lambda: 0)


def test_a_newer_file_is_refused(file: Path, stream: SqliteStream) -> None:
    stream._connection.execute("PRAGMA user_version=9")
    with pytest.raises(StreamError, match="version 9"):
        SqliteStream.open(f"sqlite:///{file}", "news", clock=lambda: 0)


def test_damage_is_reported_with_its_place(stream: SqliteStream) -> None:
    stream.append([NewRecord(b"", b"a" * 1000, partition=1)] * 2)
    stream._connection.execute("UPDATE records SET value = x'00ff' WHERE \"offset\" = 1")
    whole, damaged = stream.read({1: 0})
    assert whole.value == b"a" * 1000, "what is before it can be read"
    with pytest.raises(StreamError, match="offset 1 of partition 1 is damaged"):
        _ = damaged.value


def test_a_value_is_unpacked_only_if_it_is_used(stream: SqliteStream) -> None:
    value = b"a" * 1000
    stream.append([NewRecord(b"", value, partition=0, digest=raw_hash(value)), NewRecord(b"", value, partition=0)])
    stream._connection.execute("UPDATE records SET value = x'00ff'")
    with_digest, without = stream.read({0: 0})
    assert (with_digest.digest, with_digest.size) == (raw_hash(value), 1000)
    with pytest.raises(StreamError, match="damaged"):
        _ = without.digest


def test_digests_are_deleted_with_their_records(stream: SqliteStream) -> None:
    for at in range(4):
        stream.append([NewRecord(b"", b"%d" % at, partition=0, timestamp_ms=at, digest=raw_hash(b"%d" % at))])
    # The version before deletes none.
    stream._connection.execute('DELETE FROM records WHERE "offset" = 0')
    assert stream.delete_before(3) == 2
    assert stream._connection.execute('SELECT "offset" FROM digests').fetchall() == [(3,)]


def test_a_closed_stream_raises(stream: SqliteStream) -> None:
    stream.close()
    calls: list[Callable[[], object]] = [
        lambda: stream.read({0: 0}),
        lambda: stream.append([NewRecord(b"", b"")]),
        stream.partitions,
    ]
    for call in calls:
        with pytest.raises(StreamError, match="closed"):
            call()


@pytest.mark.parametrize("anew", [False, True])
def test_an_open_file_that_is_removed_is_noticed(file: Path, stream: SqliteStream, anew: bool) -> None:
    stream.append([NewRecord(b"", b"")])
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    if anew:
        SqliteStream.create(f"sqlite:///{file}", "news", 2, clock=lambda: 0).close()
    with pytest.raises(StreamError, match="removed"):
        stream.append([NewRecord(b"", b"written into nothing")])
    with pytest.raises(StreamError, match="removed"):
        stream.partitions()


def test_one_file_holds_several_streams(file: Path, stream: SqliteStream) -> None:
    with SqliteStream.create(f"sqlite:///{file}", "alerts", 1, clock=lambda: 7) as other:
        other.append([NewRecord(b"a", b"alert")])
        stream.append([NewRecord(b"n", b"news", partition=0)])
        SqliteStream.delete(f"sqlite:///{file}", "news")
        assert [r.value for r in other.read({0: 0})] == [b"alert"]
        assert isinstance(other, Stream)


def test_the_file_is_sound_after_all_this(file: Path, stream: SqliteStream) -> None:
    stream.append([NewRecord(b"%d" % i, b"x" * i) for i in range(500)])
    stream.delete_before(5000)
    stream.close()
    with sqlite3.connect(file) as other:
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def older(tmp_path: Path, change: str) -> str:
    """The URL of a file with one record, without what a later version added."""
    url = f"sqlite:///{tmp_path / 'streams.db'}"
    with create_stream(url, "news", 1) as stream:
        stream.append([NewRecord(b"a", b"1")])
    with closing(sqlite3.connect(tmp_path / "streams.db")) as file:
        file.execute(change)
    return url


def test_a_file_from_before_digests_gets_them(tmp_path: Path) -> None:
    with create_stream(older(tmp_path, "DROP TABLE digests"), "news", 1) as stream:
        stream.append([NewRecord(b"a", b"2", digest=raw_hash(b"2"))])
        assert [one.digest for one in stream.read({0: 0})] == [raw_hash(b"1"), raw_hash(b"2")]


def test_a_file_from_before_headers_gets_them(tmp_path: Path) -> None:
    with create_stream(older(tmp_path, "ALTER TABLE records DROP COLUMN headers"), "news", 1) as stream:
        stream.append([NewRecord(b"a", b"2", headers=(("schema", b"x"),))])
        assert [(one.value, one.headers) for one in stream.read({0: 0})] == [(b"1", ()), (b"2", (("schema", b"x"),))]
