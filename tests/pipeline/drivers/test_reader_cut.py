"""A log that is cut under a reader: nothing that came in place of lost records is handed out before the cut is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import LogCut, OffsetOutOfRange
from pipeline.drivers.reader import PARTITIONS_EVERY_MS, MergingReader
from pipeline.order import Merge, MergeMark, ReadTo
from tests.pipeline.drivers.scripted import Clock, ScriptedStream

NOW = 1_000_000


@dataclass
class Scene:
    stream: ScriptedStream
    reader: MergingReader
    epochs: list[tuple[int, int]] = field(default_factory=list)

    def take(self) -> list[int]:
        out = []
        while (found := self.reader.next()) is not None:
            out.append(found.record.offset)
        return out


def scene(stream: ScriptedStream, start: MergeMark | None = None, read_to: dict[int, ReadTo] | None = None) -> Scene:
    told: list[tuple[int, int]] = []
    merge = Merge(start) if start else Merge(dict.fromkeys(stream.partitions(), 0), read_to=read_to)
    reader = MergingReader(stream, merge, clock_ms=stream.clock, skew=300, on_epoch=lambda *what: told.append(what))
    return Scene(stream, reader, told)


def five_read() -> Scene:
    stream = ScriptedStream(Clock(NOW), 1)
    stream.elect(0, 3)
    stream.put(0, *range(NOW - 5_000, NOW - 4_500, 100))
    s = scene(stream)
    assert s.take() == [0, 1, 2, 3, 4]
    assert s.epochs == [(0, 3)]
    return s


def come(s: Scene, count: int) -> None:
    s.stream.put(0, *range(NOW - 4_000, NOW - 4_000 + count))


@pytest.mark.parametrize("count", [2, 3, 9], ids=["as many as were lost", "one more", "many"])
def test_a_cut_is_reported_before_the_records_that_replaced_it(count: int) -> None:
    s = five_read()
    s.stream.elect(0, 4, end=3)
    come(s, count)
    # As many as were lost: there is nothing to read, and the cut is seen at the next look.
    s.stream.clock.now_ms += PARTITIONS_EVERY_MS if count == 2 else 0
    for _ in range(3):
        with pytest.raises(LogCut) as caught:
            s.take()
        assert (caught.value.partition, caught.value.offset) == (0, 3)
    assert s.epochs == [(0, 3)]


@pytest.mark.parametrize("epoch", [4, 7])
def test_an_election_that_loses_nothing_is_not_a_cut(epoch: int) -> None:
    s = five_read()
    s.stream.elect(0, epoch)
    come(s, 2)
    assert s.take() == [5, 6]
    assert s.epochs == [(0, 3), (0, epoch)]
    s.stream.elect(0, epoch + 1)
    s.stream.clock.now_ms += PARTITIONS_EVERY_MS
    assert s.take() == []


def test_all_epochs_that_pass_in_one_read_are_reported() -> None:
    s = five_read()
    for epoch in (4, 5, 6):
        s.stream.elect(0, epoch)
        come(s, 1)
    assert s.take() == [5, 6, 7]
    assert s.epochs == [(0, 3), (0, 4), (0, 5), (0, 6)]


def test_transaction_markers_and_retention_are_not_a_cut() -> None:
    s = five_read()
    # The new leader begins with a mark, which is no record.
    s.stream.elect(0, 4)
    s.stream.gap(0, 3)
    come(s, 1)
    assert s.take() == [8]
    s.stream.elect(0, 5)
    come(s, 4)
    s.stream.retain(0, 11)
    assert s.take() == [11, 12]


def test_a_reader_made_from_a_mark_sees_a_cut_made_since() -> None:
    # As a job that Flink restarts from its checkpoint.
    s = five_read()
    mark = s.reader.merge.mark()
    s.stream.elect(0, 4, end=3)
    come(s, 4)
    with pytest.raises(LogCut, match="from offset 3 on"):
        scene(s.stream, mark).take()
    # So does one that starts from the ledger, if the cut comes after the driver has looked.
    with pytest.raises(LogCut, match="from offset 3 on"):
        scene(s.stream, read_to={0: ReadTo(5, 3)}).take()


def test_streams_without_epochs_are_never_asked() -> None:
    stream = ScriptedStream(Clock(NOW), 2)
    stream.put(0, NOW - 5_000)
    s = scene(stream)
    assert s.take() == [0]
    stream.clock.now_ms += PARTITIONS_EVERY_MS
    assert (s.take(), stream.asked, s.epochs) == ([], 0, [])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.booleans()), max_size=8))
def test_the_reader_returns_what_the_stream_holds(steps: list[tuple[int, int, bool, bool]]) -> None:
    """Whatever is appended and cut off, and wherever a reader resumes from its mark: until a cut is told, all that was handed
    out is on the stream at its offset.
    """
    stream = ScriptedStream(Clock(NOW), 1)
    stream.elect(0, 0)
    s, out, serial, cut = scene(stream), dict[int, bytes](), 0, False
    for number, (count, lost, resumes, looks) in enumerate(steps, 1):
        if lost:
            stream.elect(0, number, end=max(0, stream.end_offsets([0])[0] - lost))
        elif looks:
            stream.elect(0, number)
        for _ in range(count):
            serial += 1
            stream.put(0, NOW - 50_000 + serial, value=str(serial).encode())
        if resumes:
            s = scene(stream, s.reader.merge.mark())
        stream.clock.now_ms += PARTITIONS_EVERY_MS if looks else 0
        try:
            while (found := s.reader.next()) is not None:
                out[found.record.offset] = found.record.value
        except OffsetOutOfRange:
            # LogCut, or an offset past the end, which says the same.
            cut = True
            break
    there = {one.offset: one.value for one in stream.read({0: 0})}
    behind = {offset: value for offset, value in out.items() if there.get(offset) != value}
    if behind and not cut:
        # Not told yet: the reader stands behind what was lost, and nothing newer was handed out.
        assert max(behind) == max(out)
        stream.clock.now_ms += PARTITIONS_EVERY_MS
        with pytest.raises(OffsetOutOfRange):
            s.take()
