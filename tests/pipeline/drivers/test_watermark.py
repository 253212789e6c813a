"""The watermark that the reading step holds: it moves with the records and with time, and is never ahead of a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from core.records import encode
from core.streams import NewRecord, Stream, create_stream
from pipeline.drivers import source as module
from pipeline.drivers.source import FAR, StreamSource, _PushReader, _Read
from pipeline.order import MergeMark
from tests.pipeline.flink.articles import raw_articles

T0 = 1_790_000_000_000


class Clock:
    """The clock of the stream and of the reader."""

    def __init__(self) -> None:
        self.ms = T0

    def __call__(self) -> int:
        self.ms += 1
        return self.ms


class Mark:
    """The step's cell of state."""

    value: MergeMark | None = None

    def read(self) -> MergeMark | None:
        return self.value

    def write(self, value: MergeMark) -> None:
        self.value = value


class Timer:
    """A processing-time timer, with the timestamp by which Beam holds the watermark while it is set."""

    _input_timestamp: Timestamp = MIN_TIMESTAMP

    def set(self, _at: Timestamp) -> None:
        self.holds = self._input_timestamp


class Reading:
    """The step as a runner drives it: fired again and again, each time at the timestamp that its timer held."""

    def __init__(self, source: StreamSource) -> None:
        self.step, self.mark, self.timer = _Read(source), Mark(), Timer()
        self.step.process(("live", b""), self.timer)
        assert self.timer.holds == MIN_TIMESTAMP

    def fire(self) -> list[tuple[int, int]]:
        """(event time, timestamp in ms) of what comes out."""
        held = self.timer.holds
        # Beam gives the step a timer that knows the timestamp of the firing one.
        self.timer = Timer()
        found = list(self.step.read(self.mark, self.timer, held))
        assert self.timer.holds >= held
        assert all(one.timestamp >= held for one in found)
        return [(one.value.key.time_ms, one.timestamp.micros // 1_000) for one in found]

    @property
    def watermark_ms(self) -> int:
        return self.timer.holds.micros // 1_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "wall_ms", made)
    return made


@pytest.fixture
def stream(tmp_path: Path, clock: Clock) -> Iterator[Stream]:
    with create_stream(f"sqlite:///{tmp_path / 'streams.db'}", "raw", 2, clock=clock) as made:
        yield made


def reading(stream: Stream, skew_ms: int = 0) -> Reading:
    source = StreamSource(url=stream.url, name="raw", run="live", start={0: 0, 1: 0}, skew_ms=skew_ms, wait_ms=0)
    return Reading(source)


def append(stream: Stream, start: int, end: int, partition: int | None = None) -> None:
    for key, raw in raw_articles(start, end):
        stream.append([NewRecord(key.encode(), encode(raw), partition)])


def test_it_moves_with_the_records_and_none_comes_behind_it(stream: Stream) -> None:
    append(stream, 0, 20)
    step = reading(stream)
    seen, promised = 0, -1
    while found := step.fire():
        assert all(promised <= event_ms == at_ms for event_ms, at_ms in found)
        promised, seen = step.watermark_ms, seen + len(found)
        assert promised >= found[-1][0]
    assert seen == 20


def test_it_moves_while_nothing_comes(stream: Stream, clock: Clock) -> None:
    append(stream, 0, 3)
    step = reading(stream)
    while step.fire():
        pass
    last = step.watermark_ms
    clock.ms += 60_000
    step.fire()
    assert last + 60_000 <= step.watermark_ms <= clock.ms
    append(stream, 3, 4)
    [(event_ms, at_ms)] = step.fire()
    assert event_ms == at_ms >= last + 60_000


def test_a_record_that_waits_holds_it(stream: Stream, clock: Clock) -> None:
    """Another machine's clock may be five seconds behind: partition 1 may still get an earlier record."""
    append(stream, 0, 1, 0)
    waits_ms = clock.ms
    step = reading(stream, skew_ms=5_000)
    assert step.fire() == []
    assert step.watermark_ms <= waits_ms
    clock.ms += 10_000
    assert len(step.fire()) == 1
    assert step.watermark_ms > waits_ms


def test_the_push_lets_it_go_but_not_to_the_end_of_the_window() -> None:
    push = _PushReader(pushed=False)
    assert push.get_watermark() == MIN_TIMESTAMP
    assert (push.start(), push.advance()) == (True, False)
    assert push.get_watermark() == FAR
    assert GlobalWindow().max_timestamp() > FAR
