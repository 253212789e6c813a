"""What every kind of stream does alike; a new kind joins by one line in ``place``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from core.errors import (
    OffsetOutOfRange,
    RecordTooLarge,
    StreamError,
    StreamUnavailable,
    UsageError,
    WriterFenced,
)
from core.streams import NewRecord, Stream, StreamRecord, create_stream, open_stream
from core.streams.base import Headers, partition_of
from tests.contracts.stream_places import Place, embedded, kafka, retaining
from tests.servers.kafka import free_ports

WRITER = Path(__file__).with_name("writer.py")
DEADLINE_S = 60


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    here = (
        embedded(tmp_path)
        if request.param == "sqlite"
        else kafka(request.getfixturevalue("kafka_server"), free_ports(1)[0])
    )
    yield here
    here.close()


def everything(stream: Stream, *, max_bytes: int = 8 << 20) -> list[StreamRecord]:
    """All that the stream holds, read on from its start until nothing comes."""
    position = dict(stream.start_offsets(stream.partitions()))
    found: list[StreamRecord] = []
    while batch := stream.read(position, max_bytes=max_bytes):
        for record in batch:
            assert record.offset >= position[record.partition], "read back or twice"
            position[record.partition] = record.offset + 1
        found.extend(batch)
    return found


def values_by_key(records: list[StreamRecord]) -> dict[bytes | None, list[bytes]]:
    found = defaultdict(list)
    for record in records:
        found[record.key].append(record.value)
    return dict(found)


def number(count: int, keys: int = 1) -> list[NewRecord]:
    return [NewRecord(f"key {i % keys}".encode(), f"value {i}".encode()) for i in range(count)]


# --- order, offsets, partitions


def test_records_of_one_key_stay_in_order(place: Place) -> None:
    stream = place.make()
    records = number(200, keys=7)
    for i in range(0, 200, 40):
        stream.append(records[i : i + 40])
    wanted = defaultdict(list)
    for record in records:
        wanted[record.key].append(record.value)
    assert values_by_key(everything(stream)) == wanted


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("schema", b"wirewatch.Article/1"), ("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00")),
        (("twice", b"1"), ("twice", b"2"), ("empty", b""), ("any", bytes(range(256))), ("näme", b"x")),
    ],
    ids=["none", "ours", "odd"],
)
def test_headers_come_back_as_they_were(place: Place, headers: Headers) -> None:
    stream = place.make()
    stream.append([NewRecord(b"a", b"1", headers=headers), NewRecord(b"a", b"2")])
    assert [one.headers for one in everything(stream)] == [headers, ()]


def test_append_returns_the_position_of_each_record(place: Place) -> None:
    stream = place.make()
    records = number(50, keys=9)
    appended = stream.append(records)
    assert len(appended) == 50
    lies = {(r.partition, r.offset): (r.timestamp_ms, r.key, r.value) for r in everything(stream)}
    for record, at in zip(records, appended, strict=True):
        assert lies[at.partition, at.offset] == (at.timestamp_ms, record.key, record.value)


def test_offsets_begin_at_zero_and_rise(place: Place) -> None:
    stream = place.make(partitions=1)
    assert stream.start_offsets([0]) == stream.end_offsets([0]) == {0: 0}
    appended = [*stream.append(number(3)), *stream.append(number(2))]
    assert [at.offset for at in appended] == [0, 1, 2, 3, 4]
    assert (stream.start_offsets([0]), stream.end_offsets([0])) == ({0: 0}, {0: 5})


def test_key_decides_the_partition_as_in_kafka(place: Place) -> None:
    stream = place.make(partitions=5)
    records = [NewRecord(bytes([i]) * i, b"") for i in range(40)]
    assert [at.partition for at in stream.append(records)] == [partition_of(r.key, range(5)) for r in records]


def test_writer_may_choose_the_partition(place: Place) -> None:
    stream = place.make(partitions=3)
    appended = stream.append([NewRecord(b"same", b"", partition=p) for p in (2, 0, 1, 2)])
    assert [(at.partition, at.offset) for at in appended] == [(2, 0), (0, 0), (1, 0), (2, 1)]


def test_partitions_are_those_asked_for(place: Place) -> None:
    stream = place.make(partitions=3)
    assert list(stream.partitions()) == [0, 1, 2]
    assert list(place.make(stream.name, partitions=9).partitions()) == [0, 1, 2], "one that exists keeps its own"


def test_streams_at_one_url_are_apart(place: Place) -> None:
    one, other = place.make(partitions=1), place.make(partitions=1)
    one.append([NewRecord(b"k", b"one")])
    other.append([NewRecord(b"k", b"other")])
    assert [r.value for r in everything(one)] == [b"one"]
    assert [r.value for r in everything(other)] == [b"other"]
    assert one.uuid != other.uuid


@pytest.mark.parametrize("call", ["append", "read", "end_offsets", "start_offsets", "commit"])
def test_unknown_partition_is_named(place: Place, call: str) -> None:
    stream = place.make(partitions=2)
    calls: dict[str, Callable[[], object]] = {
        "append": lambda: stream.append([NewRecord(b"a", b"b"), NewRecord(b"a", b"b", partition=7)]),
        "read": lambda: stream.read({0: 0, 7: 0}),
        "end_offsets": lambda: stream.end_offsets([7]),
        "start_offsets": lambda: stream.start_offsets([7]),
        "commit": lambda: stream.commit("group", {7: 1}),
    }
    with pytest.raises(StreamError, match="no partition 7"):
        calls[call]()
    assert everything(stream) == []


# --- writers


def test_only_the_last_one_to_take_a_writers_name_appends_under_it(place: Place) -> None:
    old = place.make(partitions=2)
    old.fence("relay")
    assert [
        at.offset for at in old.append([NewRecord(b"k", b"1", partition=0), NewRecord(b"k", b"2", partition=1)])
    ] == [
        0,
        0,
    ]
    new = place.again(old)
    new.fence("relay")
    for _ in range(2):
        with pytest.raises(WriterFenced, match="relay"):
            old.append([NewRecord(b"k", b"old", partition=p) for p in (0, 1)])
    new.append([NewRecord(b"k", b"new", partition=0)])
    assert sorted(record.value for record in everything(new)) == [b"1", b"2", b"new"]
    # It is not a matter of who is older.
    old.fence("relay")
    old.append([NewRecord(b"k", b"again", partition=0)])
    with pytest.raises(WriterFenced):
        new.append([NewRecord(b"k", b"no", partition=0)])
    assert sorted(record.value for record in everything(new)) == [b"1", b"2", b"again", b"new"]


def test_writers_of_other_names_and_of_none_are_not_fenced(place: Place) -> None:
    one = place.make(partitions=1)
    two, free, other = place.again(one), place.again(one), place.make(partitions=1)
    one.fence("live")
    two.fence("november")
    other.fence("live")
    for stream, value in ((one, b"1"), (two, b"2"), (free, b"3"), (one, b"4"), (other, b"5")):
        stream.append([NewRecord(b"k", value)])
    assert [record.value for record in everything(free)] == [b"1", b"2", b"3", b"4"]


def test_a_writer_continues_after_a_record_that_is_too_large(place: Place) -> None:
    stream = place.make(partitions=1)
    stream.fence("relay")
    with pytest.raises(RecordTooLarge):
        stream.append([NewRecord(b"k", b"x" * (stream.max_value_bytes + 1))])
    stream.append([NewRecord(b"k", b"fits")])
    assert [record.value for record in everything(stream)] == [b"fits"]


# --- reading


def in_order(records: Sequence[StreamRecord]) -> list[StreamRecord]:
    """By partition, then by offset."""
    return sorted(records, key=lambda one: (one.partition, one.offset))


def test_reading_has_no_hidden_position(place: Place) -> None:
    stream = place.make(partitions=2)
    stream.append(number(60, keys=5))
    ends = stream.end_offsets([0, 1])
    middle = {p: end // 2 for p, end in ends.items()}
    first = stream.read({0: 0, 1: 0})
    assert in_order(stream.read({0: 0, 1: 0})) == in_order(first), "the same again"
    assert {(r.partition, r.offset) for r in stream.read(middle)} == {
        (p, o) for p in (0, 1) for o in range(middle[p], ends[p])
    }
    assert [r.offset for r in stream.read({1: 0})] == list(range(ends[1])), "one partition alone"
    assert in_order(stream.read({0: 0, 1: 0})) == in_order(first), "after reading elsewhere"
    assert list(stream.read({0: 3, 1: ends[1]})) == [r for r in first if r.partition == 0 and r.offset >= 3]


def test_small_portions_give_all(place: Place) -> None:
    stream = place.make()
    stream.append([NewRecord(f"{i}".encode(), b"x" * (i * 37 % 900)) for i in range(120)])
    assert in_order(everything(stream, max_bytes=700)) == in_order(everything(stream))


def test_portions_are_about_as_large_as_asked(place: Place) -> None:
    stream = place.make(partitions=2)
    stream.append([NewRecord(b"", b"x" * 1000, partition=i % 2) for i in range(100)])
    found = stream.read({0: 0, 1: 0}, max_bytes=10_000)
    assert 1 <= len(found) <= 11
    assert {r.partition for r in stream.read({0: 0, 1: 0}, max_bytes=50_000)} == {0, 1}, "none starves"


def test_one_record_comes_whatever_its_size(place: Place) -> None:
    stream = place.make(partitions=1)
    stream.append([NewRecord(b"k", b"x" * 5000), NewRecord(b"k", b"y" * 5000)])
    assert [r.value[:1] for r in stream.read({0: 0}, max_bytes=1)] == [b"x"]


def test_available_records_come_without_waiting(place: Place) -> None:
    stream = place.make(partitions=2)
    stream.append([NewRecord(b"k", b"v", partition=1)])
    # A new instance each time: Kafka's first fetch takes longer than a poll.
    for _ in range(3):
        assert [r.value for r in place.again(stream).read({0: 0, 1: 0}, wait_ms=0)] == [b"v"]


def test_nothing_comes_at_the_end(place: Place) -> None:
    stream = place.make(partitions=2)
    stream.append(number(5))
    assert list(stream.read(stream.end_offsets([0, 1]))) == []
    assert list(stream.read(stream.end_offsets([0, 1]), wait_ms=30)) == []
    assert list(stream.read({})) == []


def test_waiting_ends_when_something_comes(place: Place) -> None:
    stream = place.make()
    command = [sys.executable, str(WRITER), place.url, stream.name, "late", "1", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE):
        found = stream.read(dict.fromkeys(stream.partitions(), 0), wait_ms=DEADLINE_S * 1000)
    assert [r.key for r in found] == [b"late"]


# --- time


def test_append_times_never_step_back(place: Place) -> None:
    stream = place.make(partitions=2)
    other = place.again(stream)
    for i in range(20):
        (other if i % 3 else stream).append(number(5, keys=4))
    for partition in stream.partitions():
        times = [r.timestamp_ms for r in everything(stream) if r.partition == partition]
        assert times == sorted(times)
        assert all(abs(time.time() * 1000 - at) < 3_600_000 for at in times)


def test_an_archive_keeps_the_times_it_is_given(place: Place) -> None:
    stream = place.make(partitions=1, archive=True)
    times = [1_000_000_000_000, 999_999_999_999, 1_300_000_000_123]
    assert [at.timestamp_ms for at in stream.append([NewRecord(b"k", b"v", timestamp_ms=t) for t in times])] == times
    assert [r.timestamp_ms for r in everything(stream)] == times


# --- sizes and contents


def test_the_largest_value_fits_even_if_it_does_not_compress(place: Place) -> None:
    stream = place.make(partitions=1)
    value = os.urandom(stream.max_value_bytes)
    stream.append([NewRecord(b"k" * 512, value), NewRecord(b"small", b"after")])
    found = everything(stream)
    assert [r.key for r in found] == [b"k" * 512, b"small"]
    assert found[0].value == value


def test_too_large_a_record_leaves_nothing_of_its_call(place: Place) -> None:
    stream = place.make(partitions=1)
    limit = stream.max_value_bytes
    for refused in (NewRecord(b"k", bytes(limit + 1)), NewRecord(b"k" * 513, bytes(limit))):
        with pytest.raises(RecordTooLarge) as caught:
            stream.append([NewRecord(b"k", b"small"), refused])
        assert (caught.value.size_bytes, caught.value.limit_bytes) == (limit + 1, limit)
    assert stream.end_offsets([0]) == {0: 0}
    stream.append([NewRecord(b"k", b"next")])
    assert [r.value for r in everything(stream)] == [b"next"]


def test_the_limit_can_be_set_in_the_url(place: Place) -> None:
    with create_stream(f"{place.url}?max_value_bytes=1000", place.name(), 1) as stream:
        assert stream.max_value_bytes == 1000
        with pytest.raises(RecordTooLarge):
            stream.append([NewRecord(b"", bytes(1001))])
        assert len(stream.append([NewRecord(b"", bytes(1000))])) == 1


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0",
        b"\0\0a\0",
        b"\xff\xfe\x80",
        bytes(range(256)),
        "سوريا 新闻 🙂".encode(),
        b"'; DROP TABLE records; --",
        b"\r\n" * 9,
    ],
    ids=["empty", "nul", "nuls", "no utf-8", "all bytes", "unicode", "sql", "line ends"],
)
def test_any_bytes_come_back(place: Place, blob: bytes) -> None:
    stream = place.make()
    stream.append([NewRecord(blob, blob), NewRecord(blob, blob + b"\0"), NewRecord(b"\0" + blob, blob)])
    assert sorted((r.key, r.value) for r in everything(stream)) == sorted(
        [(blob, blob), (blob, blob + b"\0"), (b"\0" + blob, blob)], key=lambda pair: (pair[0], pair[1])
    )


def test_appending_nothing_does_nothing(place: Place) -> None:
    stream = place.make(partitions=1)
    assert list(stream.append([])) == []
    assert stream.end_offsets([0]) == {0: 0}


# --- retention


def test_what_was_deleted_is_out_of_range(place: Place) -> None:
    stream = place.make(partitions=2, archive=True)
    stream.append([NewRecord(b"", b"%d" % i, partition=0, timestamp_ms=1_000 * i) for i in range(1, 11)])
    assert retaining(stream).delete_before(4_500) == 4
    assert stream.start_offsets([0, 1]) == {0: 4, 1: 0}
    assert stream.end_offsets([0, 1]) == {0: 10, 1: 0}
    for reader in (stream, place.again(stream)):
        with pytest.raises(OffsetOutOfRange) as caught:
            reader.read({1: 0, 0: 3})
        error = caught.value
        assert (error.partition, error.offset, error.start, error.end) == (0, 3, 4, 10)
        assert [r.value for r in reader.read({0: 4, 1: 0})] == [b"5", b"6", b"7", b"8", b"9", b"10"], (
            "goes on after the error"
        )
    assert retaining(stream).delete_before(10_001) == 6
    assert stream.start_offsets([0]) == stream.end_offsets([0]) == {0: 10}
    assert list(stream.read({0: 10, 1: 0})) == []
    assert [at.offset for at in stream.append([NewRecord(b"", b"", partition=0, timestamp_ms=20_000)])] == [10]


@pytest.mark.parametrize("offset", [-1, 4, 1 << 40])
def test_offsets_outside_are_refused(place: Place, offset: int) -> None:
    stream = place.make(partitions=1)
    stream.append(number(3))
    with pytest.raises(OffsetOutOfRange) as caught:
        stream.read({0: offset})
    assert (caught.value.start, caught.value.end) == (0, 3)
    assert len(stream.read({0: 0})) == 3


# --- groups


def test_a_group_has_the_position_it_committed(place: Place) -> None:
    stream = place.make(partitions=3)
    stream.append(number(30, keys=9))
    group = f"groupe ü группа {place.name()}"
    assert stream.committed(group) == {}
    stream.commit(group, {0: 2, 2: 1})
    stream.commit(group, {0: 5})
    stream.commit(group, {})
    assert stream.committed(group) == {0: 5, 2: 1}
    assert place.again(stream).committed(group) == {0: 5, 2: 1}
    assert stream.committed("another") == {}
    stream.commit(group, {0: 1})
    assert stream.committed(group) == {0: 1, 2: 1}, "positions may go back"


# --- identity


def test_a_recreated_stream_has_another_uuid(place: Place) -> None:
    stream = place.make(partitions=2)
    stream.append(number(5))
    assert place.again(stream).uuid == place.make(stream.name).uuid == stream.uuid
    place.delete(stream)
    with pytest.raises(StreamError, match=r"deleted|no such stream"):
        stream.partitions()
    place.delete(stream)
    anew = place.make(stream.name, partitions=2)
    assert anew.uuid != stream.uuid
    assert everything(anew) == []
    with pytest.raises(StreamError, match="deleted"):
        stream.partitions()


def test_a_missing_stream_is_not_made_by_opening_it(place: Place) -> None:
    place.make()
    name = place.name()
    for _ in range(2):
        with pytest.raises(StreamError, match="no such stream") as caught:
            open_stream(place.url, name)
        assert not isinstance(caught.value, StreamUnavailable)
        assert name in str(caught.value)
        assert "wirewatch streams create" in str(caught.value)


@pytest.mark.parametrize("name", ["", ".", "..", "поток", "a b", "a/b", "a\0", "x" * 250, "a\n", "raw;--"])
def test_names_follow_kafkas_rule_everywhere(place: Place, name: str) -> None:
    for call in (create_stream, open_stream):
        with pytest.raises(UsageError, match="name"):
            call(place.url, name)


@pytest.mark.parametrize("partitions", [0, -1, 10_001])
def test_a_stream_needs_partitions(place: Place, partitions: int) -> None:
    with pytest.raises(UsageError, match="partitions"):
        create_stream(place.url, place.name(), partitions)


def test_a_stream_knows_its_url(place: Place) -> None:
    stream = place.make()
    assert stream.url == place.url
    assert isinstance(stream, Stream)


# --- closing and failing


def test_closing_twice_is_harmless(place: Place) -> None:
    stream = create_stream(place.url, place.name())
    stream.append(number(1))
    stream.read({0: 0})
    stream.close()
    stream.close()


def test_an_unreachable_server_is_reported(place: Place) -> None:
    with pytest.raises(StreamUnavailable) as caught:
        create_stream(place.nowhere, "news")
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "option",
    ["colour=red", "timeout_s=0", "timeout_s=soon", "timeout_s=", "timeout_s=1&timeout_s=2", "max_value_bytes=-1"],
)
def test_wrong_options_are_named(place: Place, option: str) -> None:
    with pytest.raises(UsageError, match=option.partition("=")[0]):
        open_stream(f"{place.url}?{option}", "news")


@pytest.mark.slow
def test_several_processes_create_it_at_once(place: Place) -> None:
    name = place.name()
    code = "import sys; from core.streams import create_stream; print(create_stream(*sys.argv[1:]).uuid)"
    makers = [
        subprocess.Popen([sys.executable, "-c", code, place.url, name], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    uuids = {maker.communicate(timeout=DEADLINE_S)[0].strip() for maker in makers}
    assert [maker.returncode for maker in makers] == [0] * 4
    assert uuids == {place.make(name).uuid}


def test_two_processes_write_at_once(place: Place) -> None:
    stream = place.make(partitions=2)
    writers = [
        subprocess.Popen(
            [sys.executable, str(WRITER), place.url, stream.name, label, "25", "4"], stdout=subprocess.DEVNULL
        )
        for label in ("left", "right")
    ]
    for writer in writers:
        assert writer.wait(DEADLINE_S) == 0
    found = everything(stream)
    for key, values in values_by_key(found).items():
        assert key in {b"left", b"right"}
        assert [tuple(map(int, v.split()[1:3])) for v in values] == [
            (batch, at) for batch in range(25) for at in range(4)
        ]
    for partition in stream.partitions():
        mine = [r for r in found if r.partition == partition]
        assert [r.timestamp_ms for r in mine] == sorted(r.timestamp_ms for r in mine)


@pytest.mark.slow
def test_a_killed_writer_leaves_a_sound_stream(place: Place) -> None:
    stream = place.make(partitions=1)
    wanted = 0
    for round_number in range(3):
        command = [sys.executable, str(WRITER), place.url, stream.name, f"round-{round_number}", "100000", "20"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                if int(line) == 5 + round_number:
                    writer.send_signal(signal.SIGKILL)
            acknowledged = int(line) + 1
        found = [
            r.value.split()[1:3] for r in everything(place.again(stream)) if r.key == f"round-{round_number}".encode()
        ]
        batches = [int(batch) for batch, _ in found]
        assert batches == sorted(batches)
        assert set(range(acknowledged)) <= set(batches), "an acknowledged record is lost"
        if place.kind == "sqlite":
            assert len(found) % 20 == 0, "half a call was stored"
        wanted += len(found)
    stream.append([NewRecord(b"after", b"")])
    assert len(everything(stream)) == wanted + 1
