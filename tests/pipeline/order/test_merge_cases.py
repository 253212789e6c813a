"""The merge in single cases: what holds a record back, what a mark says, what foreign records look like."""

from __future__ import annotations

import pytest

from core.records import OrderKey, raw_hash
from core.streams.base import StreamRecord
from pipeline.order import Merge
from pipeline.order.merge import PartitionMark, article_of
from tests.pipeline.order.logs import EVER, article, record, round_trip, shape


def offsets_out(merge: Merge) -> list[tuple[int, int]]:
    return [(one.record.partition, one.record.offset) for one in iter(merge.pop, None)]


def test_a_partition_that_showed_nothing_holds_everything_back() -> None:
    merge = Merge({0: 0, 1: 0})
    merge.offer([record(0, 0, 10), record(0, 1, 20)])
    assert merge.pop() is None
    assert merge.blocking() == [1]


def test_an_idle_partition_holds_nothing_back_once_its_end_is_known() -> None:
    merge = Merge({0: 0, 1: 0})
    merge.offer([record(0, 0, 10), record(0, 1, 20)])
    merge.ended(1, 15)
    assert offsets_out(merge) == [(0, 0)]


def test_a_record_of_the_time_last_shown_waits_for_others_of_that_time() -> None:
    merge = Merge({0: 0})
    merge.offer([record(0, 0, 10, who=2)])
    assert merge.pop() is None
    merge.offer([record(0, 1, 10, who=1), record(0, 2, 11)])
    assert offsets_out(merge) == [(0, 1), (0, 0)]


def test_clearing_is_up_to_and_without_the_time_said() -> None:
    merge = Merge({0: 0})
    merge.offer([record(0, 0, 10)])
    merge.ended(0, 10)
    assert merge.pop() is None
    merge.ended(0, 11)
    assert offsets_out(merge) == [(0, 0)]


def test_an_end_said_earlier_is_not_taken_back() -> None:
    merge = Merge({0: 0})
    merge.offer([record(0, 0, 10)])
    merge.ended(0, 11)
    merge.ended(0, 5)
    assert merge.pop() is not None


def test_a_mark_holds_what_left_before_a_lower_offset_of_its_millisecond() -> None:
    merge = Merge({0: 4})
    merge.offer([record(0, 4, 10, who=2), record(0, 5, 10, who=1), record(0, 6, 11)])
    first = merge.pop()
    assert first is not None
    assert first.record.offset == 5
    mark = round_trip(merge.mark())
    assert mark.partitions == {0: PartitionMark(4, (5,))}
    again = Merge(mark)
    assert again.next_offsets() == {0: 4}
    again.offer([record(0, 4, 10, who=2), record(0, 5, 10, who=1), record(0, 6, 11)])
    again.ended(0, EVER)
    assert [shape(one)[::3] for one in iter(again.pop, None)] == [(1, 4), (2, 6)]
    assert again.mark().partitions == {0: PartitionMark(7)}


def test_twins_are_counted_across_a_mark() -> None:
    merge = Merge({0: 0})
    twins = [record(0, 0, 10), record(0, 1, 10), record(0, 2, 10)]
    merge.offer(twins)
    merge.ended(0, EVER)
    assert [one.key.occurrence for one in (merge.pop(), merge.pop()) if one] == [0, 1]
    again = Merge(round_trip(merge.mark()))
    again.offer(twins)
    again.ended(0, EVER)
    assert [one.key.occurrence for one in iter(again.pop, None)] == [2]


def test_twins_are_counted_across_a_restart_that_gets_the_last_place() -> None:
    # Without it the second twin had the first one's key, and was taken for a late record.
    own = record(0, 0, 10)
    last = OrderKey(10, article(0), raw_hash(own.value))
    merge = Merge({0: 1}, last=last)
    merge.offer([record(0, 1, 10)])
    merge.ended(0, EVER)
    found = merge.pop()
    assert found is not None
    assert (found.number, found.key.occurrence) == (0, 1)


def test_a_stored_place_between_twins_is_kept() -> None:
    # The late record was handled behind the first twin, before the second was read.
    first = OrderKey(10, article(0), raw_hash(b"0"))
    merge = Merge({0: 0}, effective=lambda _, offset: first.follower() if offset == 2 else None)
    merge.offer([record(0, 0, 10), record(0, 1, 10), record(0, 2, 10, who=1)])
    merge.ended(0, EVER)
    assert [one.key for one in iter(merge.pop, None)] == [
        first,
        first.follower(),
        OrderKey(10, article(0), raw_hash(b"0"), 1),
    ]


def test_a_new_partition_holds_the_others_back_until_it_was_read() -> None:
    merge = Merge({0: 0})
    merge.offer([record(0, 0, 10)])
    merge.ended(0, EVER)
    merge.add_partition(1, 7)
    assert merge.pop() is None
    assert merge.next_offsets() == {0: 1, 1: 7}
    merge.offer([record(1, 7, 5)])
    merge.ended(1, EVER)
    assert offsets_out(merge) == [(1, 7), (0, 0)]


def test_a_partition_added_twice_keeps_its_position() -> None:
    merge = Merge({0: 5})
    merge.add_partition(0, 0)
    assert merge.next_offsets() == {0: 5}


def test_a_merge_of_no_partitions_returns_nothing() -> None:
    merge = Merge({})
    assert merge.pop() is None
    assert merge.blocking() == []
    assert round_trip(merge.mark()) == merge.mark()


def test_held_bytes_are_those_of_what_waits() -> None:
    merge = Merge({0: 0, 1: 0})
    merge.offer([record(0, 0, 10, value=b"abc"), record(0, 1, 20, value=b"defgh")])
    assert (merge.held, merge.held_bytes) == (2, 8)
    merge.ended(1, 15)
    merge.pop()
    assert (merge.held, merge.held_bytes) == (1, 5)


def test_missing_ranges_exclude_records_already_returned() -> None:
    merge = Merge({0: 3}, done={0: [5, 6, 9, 12]})
    assert merge.missing(0, 10) == [(3, 4), (7, 8)]
    merge.skip_to(0, 10)
    assert merge.missing(0, 10) == []
    assert merge.mark().partitions == {0: PartitionMark(10, (12,))}
    merge.offer([record(0, 12, 1), record(0, 13, 2)])
    merge.ended(0, EVER)
    assert offsets_out(merge) == [(0, 13)]


def test_skipping_keeps_what_is_held() -> None:
    merge = Merge({0: 0})
    merge.offer([record(0, 0, 10)])
    assert merge.missing(0, 5) == [(1, 4)]
    merge.skip_to(0, 5)
    assert merge.mark().partitions == {0: PartitionMark(0)}
    merge.ended(0, EVER)
    assert offsets_out(merge) == [(0, 0)]
    assert merge.mark().partitions == {0: PartitionMark(5)}


def test_skipping_back_changes_nothing() -> None:
    merge = Merge({0: 5})
    merge.skip_to(0, 2)
    assert merge.missing(0, 2) == []
    assert merge.next_offsets() == {0: 5}


@pytest.mark.parametrize("time_ms", [-1, 0, 253_402_300_799_999])
def test_any_time_may_leave(time_ms: int) -> None:
    merge = Merge({0: 0})
    merge.offer([record(0, 0, time_ms)])
    merge.ended(0, time_ms + 1)
    assert offsets_out(merge) == [(0, 0)]


FOREIGN = [None, b"", b"a", b"ab", b"doc", b"doc1", b"x:y", b"\xff\x00", b"0" * 31, b"F" * 32, b"a" * 33, b"a" * 32]


def test_foreign_keys_sort_in_the_store_as_in_the_merge() -> None:
    # "doc" came before "doc1" here and behind "doc1" in the store, whose places are strings.
    keys = [
        OrderKey(5, article_of(StreamRecord(0, 0, 5, key, b"value")), raw_hash(b"value"), occurrence)
        for key in FOREIGN
        for occurrence in (0, 1)
    ]
    assert sorted(keys) == sorted(keys, key=OrderKey.sortable)
    assert [OrderKey.parse(key.sortable()) for key in keys] == keys


def test_different_keys_are_different_articles_and_an_own_key_is_the_id() -> None:
    ids = [article_of(StreamRecord(0, 0, 5, key, b"value")) for key in FOREIGN]
    assert len(set(ids)) == len(FOREIGN) - 1  # no key and an empty key are the same
    assert ids[-1] == "a" * 32
    assert article_of(StreamRecord(0, 9, 7, b"doc", b"other")) == article_of(StreamRecord(0, 0, 5, b"doc", b"value"))
