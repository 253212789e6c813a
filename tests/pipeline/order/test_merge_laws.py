"""Laws of the merge: whatever a stream holds and however it is read, each record leaves once, in order, numbered."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import OrderKey
from pipeline.order import Merge
from tests.laws import examples
from tests.pipeline.order.logs import Feeder, Logs, key_of, logs, oracle, shape

MONOTONIC, ANY = logs(monotonic=True), logs(monotonic=False)
RANDOM = st.randoms(use_true_random=False)


def start(content: Logs) -> dict[int, int]:
    return dict.fromkeys(content, 0)


@given(ANY, RANDOM, st.booleans())
def test_each_record_leaves_once_numbered_without_gaps(content: Logs, random: Random, resumes: bool) -> None:
    out = Feeder(content, random, resumes=resumes).drain(Merge(start(content)))
    assert [number for number, *_ in out] == list(range(len(out)))
    assert sorted((partition, offset) for *_, partition, offset in out) == sorted(
        (one.partition, one.offset) for rows in content.values() for one in rows
    )


@given(MONOTONIC, RANDOM)
def test_the_order_is_that_of_the_keys(content: Logs, random: Random) -> None:
    assert Feeder(content, random).drain(Merge(start(content))) == oracle(content)


@given(MONOTONIC, RANDOM)
def test_resuming_from_any_mark_gives_the_same_records_with_the_same_numbers(content: Logs, random: Random) -> None:
    assert Feeder(content, random, resumes=True).drain(Merge(start(content))) == oracle(content)


@given(MONOTONIC, RANDOM, st.integers(0, 32))
def test_a_new_start_behind_what_was_handled_gives_the_rest(content: Logs, random: Random, handled: int) -> None:
    whole = oracle(content)
    done = {(partition, offset) for *_, partition, offset in whole[:handled]}
    first, beyond = {}, {}
    for partition, rows in content.items():
        left = [one.offset for one in rows if (partition, one.offset) not in done]
        first[partition] = min(left, default=rows[-1].offset + 1 if rows else 0)
        beyond[partition] = [offset for p, offset in done if p == partition and offset > first[partition]]
    last = whole[:handled][-1][1] if whole[:handled] else None
    out = Feeder(content, random).drain(Merge(first, done=beyond, last=last))
    # A new epoch: numbers begin at 0, all else is as if there had been no stop.
    assert [one[1:] for one in out] == [one[1:] for one in whole[handled:]]
    assert [one[0] for one in out] == list(range(len(out)))


@given(MONOTONIC, RANDOM)
def test_a_mark_needs_nothing_but_its_json(content: Logs, random: Random) -> None:
    merge = Merge(start(content))
    merge.offer([one for rows in content.values() for one in rows])
    for partition in merge.partitions:
        merge.ended(partition, random.randrange(7))
    while merge.pop():
        pass
    mark = merge.mark()
    again = Merge(mark)
    assert again.mark() == mark
    assert again.held == 0
    for partition, rows in content.items():
        for one in rows:
            released = one.offset < mark.partitions[partition].next or one.offset in mark.partitions[partition].released
            assert released == (one.timestamp_ms < merge.safe_ms())


def lateness(content: Logs, random: Random) -> tuple[list[tuple[OrderKey, int, int]], dict[tuple[int, int], OrderKey]]:
    """A run in which some records came too late for their place: what it handled, in order, and the places it stored."""
    sequence = [(partition, offset) for *_, partition, offset in oracle(content)]
    for _ in range(random.randrange(4)):
        if sequence:
            moved = sequence.pop(random.randrange(len(sequence)))
            sequence.insert(random.randrange(len(sequence) + 1), moved)
    records = {(one.partition, one.offset): one for rows in content.values() for one in rows}
    handled: list[tuple[OrderKey, int, int]] = []
    stored: dict[tuple[int, int], OrderKey] = {}
    merged: OrderKey | None = None
    last: OrderKey | None = None
    for place in sequence:
        key = key_of(records[place])
        if merged and (merged.time_ms, merged.article, merged.raw_hash) == (key.time_ms, key.article, key.raw_hash):
            key = OrderKey(key.time_ms, key.article, key.raw_hash, merged.occurrence + 1)
        merged = key if merged is None or key > merged else merged
        if last is not None and key <= last:
            key = stored[place] = last.follower()
        last = key
        handled.append((key, *place))
    return handled, stored


@given(MONOTONIC, RANDOM, RANDOM)
@settings(max_examples=examples(300))
def test_a_replay_with_the_stored_places_of_late_records_has_the_order_of_its_source(
    content: Logs, first: Random, random: Random
) -> None:
    handled, stored = lateness(content, first)

    def effective(partition: int, offset: int) -> OrderKey | None:
        return stored.get((partition, offset))

    merge = Merge(start(content), effective=effective)
    out = Feeder(content, random, effective=effective, resumes=True).drain(merge)
    # Identical twins may stand for each other: they differ in nothing but where they lie.
    assert [one[1] for one in out] == [one[0] for one in handled]
    assert {one[2:] for one in out} == {one[1:] for one in handled}


@given(MONOTONIC, RANDOM)
def test_a_partition_that_appears_later_takes_part_from_then_on(content: Logs, random: Random) -> None:
    early = {partition: rows for partition, rows in content.items() if partition % 2 == 0}
    merge = Merge(start(early))
    feeder = Feeder(early, random)
    feeder._offer(merge)
    feeder._claim(merge)
    before = [shape(one) for one in iter(merge.pop, None)]
    for partition in set(content) - set(early):
        merge.add_partition(partition, 0)
    late = Feeder(content, random).drain(merge)
    assert [one[0] for one in before + late] == list(range(sum(map(len, content.values()))))
    assert [one[1] for one in late] == sorted(one[1] for one in late)


@given(MONOTONIC, RANDOM, st.integers(0, 3), st.integers(0, 20))
def test_skipping_leaves_out_what_it_says(content: Logs, random: Random, partition: int, below: int) -> None:
    if partition not in content:
        return
    merge = Merge(start(content))
    missing = {offset for first, last in merge.missing(partition, below) for offset in range(first, last + 1)}
    merge.skip_to(partition, below)
    assert missing == set(range(below))
    kept = {p: [one for one in rows if p != partition or one.offset >= below] for p, rows in content.items()}
    assert Feeder(content, random).drain(merge) == oracle(kept)
