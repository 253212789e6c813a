"""The merging reader on a scripted stream: what it hands out, what it waits for, and that it loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import OffsetOutOfRange, StoreError, StreamUnavailable
from core.streams.base import Stream, StreamRecord
from pipeline.drivers.reader import PARTITIONS_EVERY_MS, MergingReader, skew_ms
from pipeline.order import Merge
from tests.laws import examples
from tests.pipeline.drivers.scripted import Clock, ScriptedStream

SKEW = 300
NOW = 1_000_000


@dataclass
class Scene:
    clock: Clock
    stream: ScriptedStream
    reader: MergingReader
    lost: list[tuple[int, int, int]] = field(default_factory=list)

    def take(self, *, wait_ms: int = 0) -> list[tuple[int, int]]:
        """(partition, offset) of everything that can be handed out."""
        out = []
        while (found := self.reader.next(wait_ms=wait_ms)) is not None:
            out.append((found.record.partition, found.record.offset))
        return out


def scene(partitions: int = 2, start: dict[int, int] | None = None, done: dict[int, list[int]] | None = None) -> Scene:
    clock = Clock(NOW)
    stream = ScriptedStream(clock, partitions)
    lost: list[tuple[int, int, int]] = []
    merge = Merge(start if start is not None else dict.fromkeys(range(partitions), 0), done=done)
    reader = MergingReader(stream, merge, clock_ms=clock, skew=SKEW, on_lost=lambda *what: lost.append(what))
    return Scene(clock, stream, reader, lost)


def test_the_scripted_stream_is_a_stream() -> None:
    assert isinstance(ScriptedStream(Clock()), Stream)


@pytest.mark.parametrize(("url", "ms"), [("kafka://broker", 300), ("sqlite:///file", 150), ("other://", 300)])
def test_the_skew_goes_by_the_kind_of_stream(url: str, ms: int) -> None:
    assert skew_ms(url) == ms


def test_a_backlog_is_returned_at_once_although_a_partition_is_idle() -> None:
    s = scene()
    s.stream.put(0, *range(NOW - 5_000, NOW - 4_000, 100))
    assert s.take(wait_ms=250) == [(0, offset) for offset in range(10)]
    # The last take waited in vain; nothing before it did.
    assert s.stream.waits == [0, 250]


def test_partitions_are_merged_by_time() -> None:
    s = scene(3)
    s.stream.put(0, 10, 40, 50)
    s.stream.put(1, 20, 30, 60)
    s.stream.put(2, 15)
    assert s.take() == [(0, 0), (2, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]


def test_a_fetch_that_returns_only_one_partition_is_not_the_end() -> None:
    # next() said None although records were there, and a run until empty stopped before its end.
    s = scene(4)
    for partition in range(4):
        s.stream.put(partition, 10 + partition, 20 + partition)
    s.stream.one_at_a_time = True
    assert len(s.take()) == 8


def test_a_record_of_now_waits_for_the_skew() -> None:
    s = scene()
    s.stream.put(0, NOW)
    assert s.take() == []
    s.clock.now_ms = NOW + SKEW
    assert s.take() == []
    s.clock.now_ms = NOW + SKEW + 1
    assert s.take() == [(0, 0)]


def test_a_wait_is_as_long_as_the_clock_needs_and_no_longer() -> None:
    s = scene()
    s.stream.put(0, NOW - 100)
    found = s.reader.next(wait_ms=1_000)
    assert found is not None
    assert s.clock.now_ms == NOW - 100 + SKEW + 1


def test_a_record_that_arrives_while_waiting_is_returned_by_the_same_call() -> None:
    s = scene()
    s.stream.at(NOW + 200, lambda: s.stream.put_now(1))
    found = s.reader.next(wait_ms=250)
    assert found is not None
    assert s.clock.now_ms == NOW + 200 + SKEW + 1


def test_a_wait_ends_at_its_limit() -> None:
    s = scene()
    assert s.reader.next(wait_ms=250) is None
    assert s.clock.now_ms == NOW + 250


def test_a_record_that_appears_between_clock_and_end_offsets_is_not_passed_over() -> None:
    s = scene()
    s.stream.put(0, NOW - 1_000)
    assert s.take() == [(0, 0)]
    s.stream.put(0, NOW - 500)

    # What is stamped after the clock was read is of a later time than what it clears, even if its writer is slow.
    def slip_in() -> None:
        s.stream.put(1, NOW - SKEW)

    reading = s.stream.read

    def read(offsets: Mapping[int, int], *, max_bytes: int = 0, wait_ms: int = 0) -> Sequence[StreamRecord]:
        found = reading(offsets, max_bytes=max_bytes, wait_ms=wait_ms)
        s.clock.afterwards = slip_in if not s.stream.end_offsets([1])[1] else None
        return found

    s.stream.read = read  # type: ignore[method-assign]
    assert s.take() == [(0, 1)]
    assert s.stream.end_offsets([1]) == {1: 1}
    s.clock.now_ms += SKEW
    assert s.take() == [(1, 0)]


def test_an_end_that_moved_after_the_clock_was_read_does_not_count() -> None:
    s = scene()
    s.stream.put(0, NOW - 1_000)
    reading = s.stream.read

    def read(offsets: Mapping[int, int], *, max_bytes: int = 0, wait_ms: int = 0) -> Sequence[StreamRecord]:
        found = reading(offsets, max_bytes=max_bytes, wait_ms=wait_ms)
        if s.stream.reads == 1:
            s.clock.afterwards = lambda: s.stream.put(1, NOW - 2_000)
        return found

    s.stream.read = read  # type: ignore[method-assign]
    assert s.take() == [(1, 0), (0, 0)]


def test_a_late_record_is_still_returned() -> None:
    s = scene()
    s.stream.put(0, NOW - 1_000)
    assert s.take() == [(0, 0)]
    s.stream.put(1, NOW - 2_000)
    assert s.take() == [(1, 0)]


def test_equal_times_are_ordered_by_the_rest_of_the_key_over_all_partitions() -> None:
    s = scene()
    for partition, value in ((0, b"c"), (1, b"b"), (0, b"a"), (1, b"c")):
        s.stream.put(partition, 5, value=value)
    found = list(iter(s.reader.next, None))
    assert [one.key for one in found] == sorted(one.key for one in found)
    assert [one.key.occurrence for one in found if one.record.value == b"c"] == [0, 1]


def test_a_clock_that_steps_back_holds_nothing_up() -> None:
    # Records stamped before the step waited until the clock had caught up: an hour here.
    s = scene()
    s.stream.put(0, NOW)
    assert s.take() == []
    s.clock.now_ms = NOW - 3_600_000
    assert s.take() == []
    s.clock.now_ms += SKEW + 1
    assert s.take() == [(0, 0)]


def test_a_clock_that_steps_back_does_not_hide_new_partitions() -> None:
    s = scene(1)
    assert s.take() == []
    s.clock.now_ms = NOW - 3_600_000
    assert s.take() == []
    s.stream.count = 2
    s.stream.put(1, 10)
    s.clock.now_ms += PARTITIONS_EVERY_MS
    assert s.take() == [(1, 0)]


def test_a_clock_set_back_from_far_ahead_delays_nothing() -> None:
    s = scene()
    s.clock.now_ms = NOW + 3_600_000
    assert s.take(wait_ms=250) == []
    s.clock.now_ms = NOW
    s.stream.put(0, NOW)
    before = s.clock.now_ms
    assert s.take(wait_ms=250) == [(0, 0)]
    assert s.clock.now_ms - before < 2 * (250 + SKEW)


@given(
    st.lists(
        st.tuples(st.integers(-5_000, 5_000), st.integers(0, 2), st.booleans(), st.sampled_from((0, 0, 100))),
        max_size=25,
    )
)
@settings(max_examples=examples(60))
def test_nothing_is_lost_or_repeated_whatever_clock_and_broker_do(steps: list[tuple[int, int, bool, int]]) -> None:
    s = scene(3)
    out, put = [], 0
    for jump, partition, away, wait_ms in steps:
        s.clock.now_ms += jump
        s.stream.put_now(partition)
        put += 1
        s.stream.away = away
        try:
            out += s.take(wait_ms=wait_ms)
        except StreamUnavailable:
            assert away
    s.stream.away = False
    s.clock.now_ms = NOW + 10_000_000
    out += s.take()
    assert len(out) == put == len(set(out))


def test_a_broker_that_goes_away_and_comes_back_loses_nothing() -> None:
    s = scene()
    s.stream.put(0, 10, 20)
    s.stream.put(1, 15)
    first = s.reader.next()
    assert first is not None
    s.stream.away = True
    for _ in range(3):
        with pytest.raises(StreamUnavailable):
            s.reader.next()
    s.stream.away = False
    s.stream.put(0, 30)
    found = [first, *iter(s.reader.next, None)]
    assert [one.number for one in found] == [0, 1, 2, 3]
    assert [one.key.time_ms for one in found] == [10, 15, 20, 30]


def test_a_broker_that_goes_away_between_records_and_end_offsets_loses_nothing() -> None:
    s = scene()
    s.stream.put(0, 10)
    s.stream.away_for_ends = True
    with pytest.raises(StreamUnavailable):
        s.reader.next()
    s.stream.away_for_ends = False
    assert s.take() == [(0, 0)]


def test_new_partitions_are_found_from_their_start() -> None:
    s = scene(1)
    s.stream.put(0, 10)
    assert s.take() == [(0, 0)]
    s.stream.count = 3
    s.stream.retain(2, 4)
    s.stream.put(2, 30)
    s.stream.put(0, 20)
    s.clock.now_ms += PARTITIONS_EVERY_MS
    assert s.take() == [(0, 1), (2, 4)]
    assert s.lost == []


def test_records_deleted_by_retention_are_reported_once() -> None:
    s = scene(start={0: 3, 1: 0})
    s.stream.retain(0, 10)
    s.stream.put(0, 50)
    s.stream.put(1, 40)
    assert s.take() == [(1, 0), (0, 10)]
    assert s.take() == []
    assert s.lost == [(0, 3, 9)]


def test_a_record_with_an_outcome_that_retention_deleted_is_not_lost() -> None:
    # The range held offsets that the ledger had an outcome for: they would have ended twice.
    s = scene(start={0: 3, 1: 0}, done={0: [5, 6, 9]})
    s.stream.retain(0, 10)
    assert s.take() == []
    assert s.lost == [(0, 3, 4), (0, 7, 8)]


def test_a_loss_that_could_not_be_recorded_is_reported_again() -> None:
    s = scene(1)
    s.stream.retain(0, 10)
    calls = []

    def fail_once(*what: int) -> None:
        calls.append(what)
        if len(calls) == 1:
            raise StoreError("full")

    reader = MergingReader(s.stream, s.reader.merge, clock_ms=s.clock, skew=SKEW, on_lost=fail_once)
    with pytest.raises(StoreError):
        reader.next()
    assert reader.next() is None
    assert calls == [(0, 0, 9), (0, 0, 9)]


def test_everything_deleted_is_an_end() -> None:
    s = scene()
    s.stream.put(1, 10)
    s.stream.retain(0, 10)
    assert s.take() == [(1, 0)]
    assert s.lost == [(0, 0, 9)]


def test_an_offset_past_the_end_is_an_error() -> None:
    s = scene(start={0: 5, 1: 0})
    with pytest.raises(OffsetOutOfRange):
        s.take()


def test_gaps_between_records_are_not_a_loss() -> None:
    s = scene()
    s.stream.put(0, 10)
    s.stream.gap(0, 3)
    s.stream.put(0, 20)
    assert s.take() == [(0, 0), (0, 4)]
    assert s.lost == []


@pytest.mark.parametrize("where", ["behind its record", "in an idle partition"])
def test_a_gap_at_the_very_end_holds_nothing_up(where: str) -> None:
    # The end was above the last offset that can be read, so the partition never counted as ended.
    s = scene()
    s.stream.put(0, NOW - 5_000)
    s.stream.gap(0 if where == "behind its record" else 1, 2)
    assert s.take() == []
    s.clock.now_ms += SKEW
    assert s.take() == [(0, 0)]


def test_a_gap_at_the_end_is_waited_out_in_one_call() -> None:
    s = scene()
    s.stream.put(0, NOW - 5_000)
    s.stream.gap(0)
    s.stream.gap(1)
    assert s.reader.next(wait_ms=250) is not None
    assert s.clock.now_ms == NOW + SKEW


def test_a_known_gap_at_the_end_costs_no_further_wait() -> None:
    s = scene()
    s.stream.gap(1)
    s.stream.put(0, NOW - 5_000)
    assert s.take(wait_ms=250) == [(0, 0)]
    s.stream.put(0, NOW - 4_000)
    before = s.clock.now_ms
    assert s.reader.next(wait_ms=250) is not None
    assert s.clock.now_ms == before


def test_a_gap_that_grows_is_looked_at_again() -> None:
    s = scene()
    s.stream.put(0, NOW - 5_000)
    s.stream.gap(1)
    assert s.take() == []
    s.clock.now_ms += SKEW
    s.stream.gap(1)
    assert s.take() == []
    s.clock.now_ms += SKEW
    assert s.take() == [(0, 0)]


def test_it_is_at_its_end_when_nothing_is_held_and_every_partition_has_ended() -> None:
    s = scene()
    assert not s.reader.at_end
    s.stream.put(0, NOW - 5_000)
    s.stream.gap(0)
    # Held back by the gap, whose end is not certain before the skew has passed.
    assert (s.take(), s.reader.at_end) == ([], False)
    s.clock.now_ms += SKEW
    assert s.take() == [(0, 0)]
    assert s.reader.at_end
    s.stream.put(1, s.clock.now_ms)
    assert (s.take(), s.reader.at_end) == ([], False)
    s.clock.now_ms += SKEW + 1
    assert s.take() == [(1, 0)]
    assert s.reader.at_end


def test_a_gap_alone_is_an_end_only_after_the_skew() -> None:
    s = scene()
    s.stream.gap(1)
    assert (s.take(), s.reader.at_end) == ([], False)
    s.clock.now_ms += SKEW
    assert (s.take(), s.reader.at_end) == ([], True)


def test_a_slow_fetch_is_not_taken_for_a_gap() -> None:
    s = scene()
    s.stream.put(1, NOW - 6_000)
    s.stream.put(0, NOW - 5_000)
    s.stream.slow_reads = 3
    assert [s.take() for _ in range(3)] == [[], [], [(1, 0), (0, 0)]]


def test_records_below_a_gap_that_become_readable_are_returned() -> None:
    # A transaction that was open: its records appear below an end that was told before.
    s = scene()
    s.stream.gap(1, 2)
    s.stream.put(0, NOW - 5_000)
    assert s.take() == []
    s.clock.now_ms += SKEW
    assert s.take() == [(0, 0)]
    there = s.stream._records[0][0]
    s.stream._records[1] = [StreamRecord(1, 0, NOW - 6_000, there.key, there.value)]
    assert s.take() == [(1, 0)]
