"""Records stamped by a clock that was ahead, read by a new reader whose clock is right: they are not waited for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from core.records import OrderKey, decode, encode
from core.streams import NewRecord
from core.streams.embedded.stream import SqliteStream
from pipeline.drivers import reader as reading
from pipeline.drivers.history import StreamHistory
from pipeline.drivers.reader import AHEAD_MS, MergingReader
from pipeline.drivers.slices import SliceLimits
from pipeline.order import Merge, MergeMark, Numbered
from tests.pipeline.drivers.scripted import Clock, ScriptedStream

SKEW = 150
NOW = 1_800_000_000_000
HOURS_2 = 7_200_000
Place = tuple[int, int]


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def embedded(tmp_path: Path, clock: Clock) -> Iterator[SqliteStream]:
    """The embedded stream, stamping by ``clock``."""
    with SqliteStream.create(f"sqlite:///{tmp_path}/streams.db", "raw", 3, clock=clock) as stream:
        yield stream


def append(stream: SqliteStream, partition: int, *values: bytes) -> None:
    for value in values:
        stream.append([NewRecord(value, value, partition)])


def reader_of(
    stream: SqliteStream | ScriptedStream, clock: Callable[[], int], mark: MergeMark | None = None
) -> MergingReader:
    start = mark or dict.fromkeys(stream.partitions(), 0)
    return MergingReader(stream, Merge(start), clock_ms=clock, skew=SKEW)


def taken(reader: MergingReader, clock: Clock) -> list[Numbered]:
    """All records that come out within a second: the tests can't wait for hours."""
    out = []
    for _ in range(10):
        out += iter(reader.next, None)
        clock.now_ms += 100
    return out


def places(found: list[Numbered]) -> list[Place]:
    return [(one.record.partition, one.record.offset) for one in found]


@pytest.mark.parametrize("ahead_ms", [HOURS_2, 11 * 365 * 86_400_000])
def test_a_new_reader_gives_what_was_stamped_ahead_and_all_that_follows(
    embedded: SqliteStream, clock: Clock, ahead_ms: int
) -> None:
    # Its partitions stood still for two hours, or for good, and all that was appended meanwhile was in memory.
    clock.now_ms = NOW + ahead_ms
    append(embedded, 0, b"a", b"b")
    append(embedded, 1, b"c")
    clock.now_ms = NOW
    reader = reader_of(embedded, clock)
    with capture_logs() as logs:
        first = taken(reader, clock)
        assert sorted(places(first)) == [(0, 0), (0, 1), (1, 0)]
        assert {(one.key.time_ms, one.key.late) for one in first} == {(NOW, 1)}
        for number in range(1, 4):
            # Two are stamped in the future still, one by the right clock.
            for partition in range(3):
                append(embedded, partition, f"{number}".encode())
            now_ms = clock.now_ms
            found = taken(reader, clock)
            assert sorted(one.record.value for one in found) == [f"{number}".encode()] * 3
            assert all(now_ms <= one.key.time_ms < clock.now_ms for one in found)
            assert reader.merge.held == 0
            clock.now_ms += 60_000
    assert [(entry["log_level"], entry["partition"], entry["ahead_s"]) for entry in logs] == [
        ("warning", 0, ahead_ms // 1000)
    ]


def test_every_restart_continues_at_once(embedded: SqliteStream, clock: Clock) -> None:
    clock.now_ms = NOW + HOURS_2
    append(embedded, 0, b"a")
    clock.now_ms = NOW
    mark, numbers = None, []
    for restart in range(4):
        reader = reader_of(embedded, clock, mark)
        append(embedded, 0, f"{restart}".encode())
        append(embedded, 1, f"{restart}".encode())
        numbers += [one.number for one in taken(reader, clock)]
        # As a runner keeps it.
        mark = decode(encode(reader.merge.mark()), MergeMark)
        assert all(partition.released == () for partition in mark.partitions.values())
    assert numbers == list(range(9))


def test_those_of_true_times_keep_theirs_and_none_is_held_up_or_late() -> None:
    # A broker whose clock was wrong for a moment: what it stamps afterwards is right.
    clock = Clock(NOW)
    stream = ScriptedStream(clock, 3)
    stream.put(0, NOW - 950, NOW + HOURS_2, NOW + HOURS_2 + 5, NOW - 400)
    stream.put(1, NOW - 900, NOW - 300)
    stream.put(2, NOW - 600)
    stream.one_at_a_time = True
    reader = reader_of(stream, clock)
    found = taken(reader, clock)
    assert places(found)[:5] == [(0, 0), (1, 0), (2, 0), (0, 3), (1, 1)]
    assert sorted(places(found)[5:]) == [(0, 1), (0, 2)]
    for _ in range(20):
        clock.now_ms += 1_000
        now_ms = clock.now_ms
        stream.put_now(0)
        stream.put_now(1)
        again = taken(reader, clock)
        assert [(one.key.time_ms, one.key.late) for one in again] == [(now_ms, 0)] * 2
        assert {partition.released for partition in reader.merge.mark().partitions.values()} == {()}
        found += again
    assert [one.key for one in found] == sorted(one.key for one in found)


def test_identical_records_get_different_keys(embedded: SqliteStream, clock: Clock) -> None:
    clock.now_ms = NOW + HOURS_2
    append(embedded, 0, b"a", b"a", b"a")
    append(embedded, 1, b"a")
    clock.now_ms = NOW
    keys, late = handled(keyed(taken(reader_of(embedded, clock), clock)))
    assert len(set(keys)) == 4
    assert keys == sorted(keys)
    assert set(late) == {(0, 0), (0, 1), (0, 2), (1, 0)}


def test_one_call_that_may_wait_waits_the_skew_and_no_longer() -> None:
    clock = Clock(NOW)
    stream = ScriptedStream(clock)
    stream.put(0, NOW + HOURS_2)
    assert reader_of(stream, clock).next(wait_ms=2_000) is not None
    assert clock.now_ms == NOW + SKEW + 1


def test_a_clock_a_little_behind_is_waited_for() -> None:
    clock = Clock(NOW)
    stream = ScriptedStream(clock)
    stream.put(0, NOW + AHEAD_MS)
    reader = reader_of(stream, clock)
    assert taken(reader, clock) == []
    clock.now_ms = NOW + AHEAD_MS + SKEW
    assert reader.next() is None
    clock.now_ms += 1
    found = reader.next()
    assert found is not None
    assert (found.key.time_ms, found.key.late) == (NOW + AHEAD_MS, 0)


TIMES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from((-9_000, -5_000, 0, HOURS_2, 2 * HOURS_2))), max_size=12)


@given(TIMES, st.booleans(), st.randoms(use_true_random=False))
def test_all_records_come_out_and_those_with_a_true_time_in_their_order(
    times: list[tuple[int, int]], one_at_a_time: bool, random: Random
) -> None:
    clock = Clock(NOW)
    stream = ScriptedStream(clock, 3, one_at_a_time=one_at_a_time)
    true = sorted((one for one in times if one[1] <= 0), key=lambda one: one[1])
    for one in times:
        if one[1] > 0:
            true.insert(random.randint(0, len(true)), one)
    for partition, ahead_ms in true:
        stream.put(partition, NOW + ahead_ms, value=f"{len(times)}".encode())
    reader, out = reader_of(stream, clock), list[Numbered]()
    for _ in range(3):
        out += taken(reader, clock)
    assert len(out) == len(times)
    assert [one.key for one in out] == sorted(one.key for one in out)
    assert sorted(one.key.time_ms - NOW for one in out if not one.key.late) == sorted(ms for _, ms in times if ms <= 0)


@pytest.mark.parametrize("ahead_ms", [HOURS_2, -HOURS_2], ids=["in the future", "long past"])
def test_memory_is_bounded_however_much_bears_one_time(
    embedded: SqliteStream, clock: Clock, monkeypatch: pytest.MonkeyPatch, ahead_ms: int
) -> None:
    monkeypatch.setattr(reading, "FETCH_BYTES", 2_000)
    monkeypatch.setattr(reading, "HELD_BYTES", 8_000)
    clock.now_ms = NOW + ahead_ms
    for number in range(100):
        for partition in (0, 1):
            append(embedded, partition, f"{number} ".encode().ljust(1_000, b"x"))
    clock.now_ms = NOW
    reader, held = reader_of(embedded, clock), [0]
    read = embedded.read

    def watched(*args: object, **options: object) -> object:
        found = read(*args, **options)  # type: ignore[arg-type]
        held.append(reader.merge.held_bytes)
        return found

    monkeypatch.setattr(embedded, "read", watched)
    out = list[Numbered]()
    # As much as it may hold goes out once the third partition, where nothing is, has ended at a later time.
    for _ in range(5):
        out += taken(reader, clock)
        held.append(reader.merge.held_bytes)
    assert sorted(places(out)) == [(partition, offset) for partition in (0, 1) for offset in range(100)]
    # Of each partition that much, and the fetch that went over it.
    assert max(held) <= 2 * (8_000 + 2_000 + 1_000)


def handled(found: Iterable[tuple[Place, OrderKey]]) -> tuple[list[OrderKey], dict[Place, OrderKey]]:
    """The places that the ordered stage gives, and those that it stores of late ones."""
    keys, late, last = list[OrderKey](), dict[Place, OrderKey](), None
    for place, own in found:
        key = last.follower() if last is not None and own <= last else own
        if key.late:
            late[place] = key
        keys.append(key)
        last = key
    return keys, late


def keyed(found: list[Numbered]) -> list[tuple[Place, OrderKey]]:
    return [((one.record.partition, one.record.offset), one.key) for one in found]


def test_a_replay_has_the_order_that_the_live_run_had(embedded: SqliteStream, clock: Clock) -> None:
    append(embedded, 1, b"true 1", b"true 2")
    clock.now_ms = NOW + HOURS_2
    append(embedded, 0, *(f"ahead {number}".encode() for number in range(5)))
    clock.now_ms = NOW + 1_000
    live = reader_of(embedded, clock)
    found = taken(live, clock)
    for number in range(4):
        append(embedded, 0, f"ahead still {number}".encode())
        append(embedded, 2, f"true {number}".encode())
        found += taken(live, clock)
        clock.now_ms += 5_000
    keys, late = handled(keyed(found))
    assert len(found) == 15
    assert late
    ticks = itertools.count(clock.now_ms, 20)

    def replayed(to_ms: int) -> list[tuple[Place, OrderKey]]:
        past = StreamHistory(embedded, "again", from_ms=0, to_ms=to_ms, late=late, clock_ms=lambda: next(ticks))
        records = []
        while not past.ended:
            records += past.take(SliceLimits())
        return [((one.position.partition, one.position.offset), one.key) for one in records]

    # All of it, and what had come until some moment.
    for to_ms in (clock.now_ms, NOW + 3_000, NOW + 1_001, NOW):
        again = replayed(to_ms)
        inside = [(one, key) for one, key in zip(places(found), keys, strict=True) if key.time_ms < to_ms]
        assert [place for place, _ in again] == [place for place, _ in inside]
        assert handled(again)[0] == [key for _, key in inside]
