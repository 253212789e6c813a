"""Slices of a stream and the loop that runs them, with a graph that only takes notes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StreamUnavailable
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.slices import LEAST_RECORDS, SliceLimits, SlicePace, StreamSlices, run_slices
from pipeline.elements import Envelope
from pipeline.order import Merge
from tests.pipeline.drivers.scripted import Clock, ScriptedStream


class NotingGraph:
    """In place of the graph: the slices that it was given."""

    def __init__(self) -> None:
        self.slices: list[list[int]] = []

    def run(self, envelopes: Sequence[Envelope]) -> None:
        self.slices.append([one.number for one in envelopes])


def slices_of(stream: ScriptedStream) -> StreamSlices:
    merge = Merge(dict.fromkeys(range(stream.count), 0))
    return StreamSlices(MergingReader(stream, merge, clock_ms=stream.clock, skew=300), "run")


def test_envelopes_contain_the_positions_of_their_records() -> None:
    stream = ScriptedStream(Clock())
    stream.put(1, 10, value=b"body", key=b"a" * 32)
    (one,) = slices_of(stream).take(SliceLimits(), wait_ms=0)
    assert (one.number, one.value, one.item, one.problem) == (0, b"body", "", None)
    assert str(one.position) == "run/scripted-uuid/1/0"
    assert (one.key.time_ms, one.key.article) == (10, "a" * 32)


@given(st.integers(1, 7), st.integers(1, 40))
def test_limits_cut_but_lose_nothing(records: int, size: int) -> None:
    stream = ScriptedStream(Clock(), 3)
    for time_ms in range(20):
        stream.put(time_ms % 3, time_ms, value=b"x" * (1 + time_ms % 5))
    slices, limits = slices_of(stream), SliceLimits(records, size)
    taken = [[one for one in slices.take(limits, wait_ms=0)] for _ in range(25)]  # noqa: C416 - a copy
    assert [one.number for part in taken for one in part] == list(range(20))
    for part in taken:
        assert len(part) <= records
        # A slice ends with the record that reaches the limit of bytes.
        assert sum(len(one.value) for one in part[:-1]) < size


def test_a_record_over_the_limit_of_bytes_is_a_slice_of_its_own() -> None:
    stream = ScriptedStream(Clock())
    stream.put(0, 10, 20, value=b"x" * 100)
    slices = slices_of(stream)
    assert [len(slices.take(SliceLimits(10, 5), wait_ms=0)) for _ in range(3)] == [1, 1, 0]


def test_records_that_left_the_merge_before_the_broker_failed_are_not_lost() -> None:
    # The records taken so far were dropped with the exception, and no later call gave them again.
    stream = ScriptedStream(Clock())
    stream.put(0, 10, 20)
    slices = slices_of(stream)
    first = slices.take(SliceLimits(1), wait_ms=0)
    stream.put(0, 30)
    stream.away_for_ends = True
    second = slices.take(SliceLimits(), wait_ms=0)
    with pytest.raises(StreamUnavailable):
        slices.take(SliceLimits(), wait_ms=0)
    stream.away_for_ends = False
    third = slices.take(SliceLimits(), wait_ms=0)
    assert [one.number for part in (first, second, third) for one in part] == [0, 1, 2]
    assert second


def test_the_loop_runs_until_nothing_is_left_however_little_a_fetch_brings() -> None:
    stream = ScriptedStream(Clock(), 4, one_at_a_time=True)
    for partition in range(4):
        stream.put(partition, *range(partition, 40, 4))
    stream.gap(2)
    graph, sizes = NotingGraph(), list[int]()
    total = run_slices(
        slices_of(stream),
        graph,  # type: ignore[arg-type]
        limits=SliceLimits(7),
        stop=lambda: False,
        until_empty=True,
        after=sizes.append,
    )
    assert total == 40
    assert [number for one in graph.slices for number in one] == list(range(40))
    assert sizes == [*map(len, graph.slices), 0]


def test_records_of_just_now_are_waited_for_by_a_run_until_empty() -> None:
    # With a skew over the wait, a run until empty ended while it held records whose time had not come yet.
    clock = Clock()
    stream = ScriptedStream(clock)
    stream.put_now(0)
    graph = NotingGraph()
    run_slices(slices_of(stream), graph, limits=SliceLimits(), stop=lambda: False, until_empty=True)  # type: ignore[arg-type]
    assert graph.slices == [[0]]


def test_the_loop_stops_on_request() -> None:
    stream = ScriptedStream(Clock())
    stream.put(0, *range(10))
    graph = NotingGraph()
    total = run_slices(
        slices_of(stream),
        graph,  # type: ignore[arg-type]
        limits=SliceLimits(2),
        stop=lambda: len(graph.slices) == 3,
    )
    assert total == 6


def test_the_loop_comes_back_when_the_broker_does() -> None:
    stream = ScriptedStream(Clock())
    stream.put(0, *range(10))
    graph, pauses = NotingGraph(), list[float]()
    slices = slices_of(stream)

    def after(_count: int) -> None:
        stream.away = len(graph.slices) == 1 and not pauses

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        stream.away = len(pauses) < 3

    total = run_slices(
        slices,
        graph,  # type: ignore[arg-type]
        limits=SliceLimits(4),
        stop=lambda: sum(map(len, graph.slices)) >= 10,
        after=after,
        pause=pause,
    )
    assert total == 10
    assert [number for one in graph.slices for number in one] == list(range(10))
    # What had been fetched goes out first; then each pause is longer.
    assert pauses == sorted(pauses)


def test_before_anything_is_taken_from_a_stream_that_was_away_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken never comes again: a look that fails after that would lose it."""
    stream, graph = ScriptedStream(Clock()), NotingGraph()
    slices, done = slices_of(stream), list[str]()
    take = slices.take

    def taking(limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        found = take(limits, wait_ms=wait_ms)
        done.append(f"took {len(found)}")
        return found

    def look() -> None:
        done.append("looked")
        if done.count("looked") < 3:
            raise StreamUnavailable("scripted:///", "away once more")

    def pause(_seconds: float) -> None:
        if stream.away:
            stream.away = False
            stream.put(0, 10, 20)
            stream.put(1, 30)

    monkeypatch.setattr(slices, "take", taking)
    stream.away = True
    run_slices(
        slices,
        graph,  # type: ignore[arg-type]
        limits=SliceLimits(),
        stop=lambda: bool(graph.slices),
        pause=pause,
        back=look,
    )
    assert done[:4] == ["looked", "looked", "looked", "took 3"]
    assert graph.slices == [[0, 1, 2]]


@given(st.lists(st.tuples(st.integers(1, 3_000), st.floats(0.001, 20)), max_size=40))
def test_a_slice_takes_what_the_latest_ones_did_in_the_time(slices: list[tuple[int, float]]) -> None:
    pace, most = SlicePace(1.0, 2_000), 2_000
    for count, seconds in slices:
        before = pace.records
        pace.note(min(count, before), seconds)
        assert LEAST_RECORDS <= pace.records <= min(most, 2 * before)
        if seconds > 1.0 and before > LEAST_RECORDS:
            assert pace.records <= before
    # A backlog of quick records brings it up, slow ones down again.
    for _ in range(8):
        pace.note(pace.records, 0.1)
    assert pace.records == most
    pace.note(most, 10.0)
    assert pace.records == 200
    assert SlicePace(0.0, 7).records == 7
