"""A millisecond that does not end: a merge gives up waiting for its rest before it holds too much of it."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from core.records import OrderKey
from pipeline.order import Merge
from tests.pipeline.order.logs import Logs, logs, oracle, record, shape


def test_what_a_partition_holds_of_one_millisecond_leaves_once_it_is_too_much() -> None:
    merge = Merge({0: 0, 1: 0})
    merge.offer([record(0, 0, 10, who=2, value=b"abcd"), record(0, 1, 10, who=1, value=b"efgh")])
    merge.ended(1, 20)
    merge.settle(8)
    assert merge.pop() is None
    merge.offer([record(0, 2, 10, who=3, value=b"i")])
    merge.settle(8)
    assert [one.record.offset for one in iter(merge.pop, None)] == [1, 0, 2]
    # The rest of it goes out as it comes, late or not.
    merge.offer([record(0, 3, 10, who=0, value=b"j")])
    found = merge.pop()
    assert found is not None
    assert (found.number, found.record.offset, found.key.time_ms) == (3, 3, 10)


def test_it_still_waits_for_the_other_partitions() -> None:
    merge = Merge({0: 0, 1: 0})
    merge.offer([record(0, 0, 10, value=b"abcd")])
    merge.settle(1)
    assert merge.pop() is None
    assert merge.blocking() == [1]
    merge.offer([record(1, 0, 5), record(1, 1, 11)])
    assert [one.key.time_ms for one in iter(merge.pop, None)] == [5, 10]


def test_records_that_wait_for_a_stored_place_settle_nothing() -> None:
    # They may be many, and say nothing about what their partition still has of earlier times.
    place = OrderKey(50, "a" * 32, "b" * 32, 0, 1)
    merge = Merge({0: 0, 1: 0}, effective=lambda partition, _: place if partition == 1 else None)
    merge.offer([record(0, 0, 50), record(0, 1, 51), record(1, 0, 10, value=b"abcd")])
    merge.settle(1)
    assert merge.pop() is None
    assert merge.blocking() == [1]


@given(logs(monotonic=True), st.randoms(use_true_random=False), st.integers(0, 6))
def test_nothing_is_lost_or_repeated_and_times_keep_their_order(content: Logs, random: Random, limit: int) -> None:
    merge = Merge(dict.fromkeys(content, 0))
    out = []
    while True:
        merge.settle(limit)
        blocking, offsets = merge.blocking(), merge.next_offsets()
        if not blocking:
            out.append(merge.pop())
            assert out[-1] is not None
            continue
        partition = random.choice(blocking)
        left = [one for one in content[partition] if one.offset >= offsets[partition]]
        merge.offer(left[: random.randrange(1, 3)])
        if not left:
            merge.ended(partition, 1 << 60)
        if all(merge.head_ms is None and offsets[p] > (rows[-1].offset if rows else -1) for p, rows in content.items()):
            break
    assert [one.number for one in out if one] == list(range(len(out)))
    assert sorted(shape(one)[2:] for one in out if one) == sorted(place[2:] for place in oracle(content))
    times = [one.key.time_ms for one in out if one]
    assert times == sorted(times)
    assert merge.held_bytes == 0
