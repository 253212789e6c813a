"""Slices of what is prepared: in order, never more than was read, and what was not returned still counts as not done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StreamUnavailable
from pipeline.drivers.ahead import GATHER_S, AheadSlices
from pipeline.drivers.slices import SliceLimits
from pipeline.elements import Envelope
from pipeline.transforms.extraction_pool import PoolExtraction
from tests.pipeline.transforms.support import key, position

LIMITS = SliceLimits(records=4, bytes=1_000)


def envelope(number: int, *, ready: bool = False) -> Envelope:
    return Envelope(number=number, position=position(number), key=key(number), value=b"0123456789", ready=ready)


class Stream:
    """Gives what it has, some at a time."""

    def __init__(self, waiting: Iterable[Envelope] = ()) -> None:
        self.waiting, self.waits, self.away = list(waiting), list[int](), False

    def take(self, limits: SliceLimits, *, wait_ms: int) -> list[Envelope]:
        self.waits.append(wait_ms)
        if self.away:
            raise StreamUnavailable("stream", "away")
        count = min(limits.records, max(1, limits.bytes // 10))
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


class Pool:
    """Prepares a record in as many steps of waiting as ``slow`` says."""

    def __init__(self, slow: dict[int, int] | None = None) -> None:
        self.slow, self.begun, self.now_s = slow or {}, dict[int, int](), 0.0

    def submit_ahead(self, one: Envelope) -> None:
        self.begun[one.number] = self.slow.get(one.number, 0)

    def is_prepared(self, one: Envelope) -> bool:
        return self.begun.get(one.number, 0) <= 0

    def wait_for(self, envelopes: Iterable[Envelope], seconds: float) -> None:
        assert any(not self.is_prepared(one) for one in envelopes)
        self.now_s += seconds
        for number in self.begun:
            self.begun[number] -= 1

    def forget_ahead(self) -> None:
        self.begun.clear()


def ahead(stream: Stream, pool: Pool) -> AheadSlices:
    return AheadSlices(stream, cast("PoolExtraction", pool), lambda: pool.now_s)


def numbers(envelopes: list[Envelope]) -> list[int]:
    return [one.number for one in envelopes]


def test_after_a_short_wait_for_a_slow_record_those_before_it_are_stored_and_those_behind_it_begun() -> None:
    stream, pool = Stream(map(envelope, range(9))), Pool({2: 40})
    slices = ahead(stream, pool)
    assert numbers(slices.take(LIMITS, wait_ms=500)) == [0, 1]
    assert GATHER_S <= pool.now_s < 2 * GATHER_S
    # Twice a slice is read, and all of it was begun.
    assert sorted(pool.begun) == list(range(8))
    assert slices.behind({0: 8}) == {0: 2}
    assert numbers(slices.take(LIMITS, wait_ms=500)) == [2, 3, 4, 5]
    assert numbers(slices.take(LIMITS, wait_ms=500)) == [6, 7, 8]
    assert slices.behind({0: 9}) == {0: 9}
    assert slices.take(LIMITS, wait_ms=500) == []
    # Only a stream that gives nothing is waited for.
    assert [wait for wait in stream.waits if wait] == [500, 500]


def test_an_unavailable_stream_raises_after_all_that_was_read_is_returned() -> None:
    stream, pool = Stream(map(envelope, range(6))), Pool()
    slices = ahead(stream, pool)
    assert numbers(slices.take(LIMITS, wait_ms=1)) == [0, 1, 2, 3]
    stream.away = True
    assert numbers(slices.take(LIMITS, wait_ms=1)) == [4, 5]
    with pytest.raises(StreamUnavailable):
        slices.take(LIMITS, wait_ms=1)


def test_records_from_the_slow_lane_are_not_prepared_again_and_do_not_hold_the_position() -> None:
    stream, pool = Stream([envelope(0), envelope(1, ready=True), envelope(2)]), Pool({0: 40})
    slices = ahead(stream, pool)
    assert numbers(slices.take(SliceLimits(records=1, bytes=1_000), wait_ms=1)) == [0]
    assert sorted(pool.begun) == [0]
    assert slices.behind({0: 2}) == {0: 2}
    slices.close()
    assert pool.begun == {}


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 60)), min_size=40, max_size=40),
)
def test_all_records_come_once_in_order_however_long_each_takes(slow: list[int], limits: list[tuple[int, int]]) -> None:
    stream, pool = Stream(map(envelope, range(len(slow)))), Pool(dict(enumerate(slow)))
    slices, found = ahead(stream, pool), list[int]()
    for records, size in limits:
        taken = slices.take(SliceLimits(records=records, bytes=size), wait_ms=1)
        assert len(taken) <= records
        found += numbers(taken)
        read = len(slow) - len(stream.waiting)
        assert slices.behind({0: read}) == {0: len(found)}
    assert found == list(range(len(found)))
    assert len(found) == len(slow) or len(found) >= len(limits)
    held: Any = slices
    assert held._bytes == 10 * len(held._read)
