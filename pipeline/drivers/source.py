"""The raw stream as a Beam source for continuous runners: one reader per run merges all partitions and numbers the records.

The reader is in a stateful step that a processing-time timer wakes; its position (the merge mark) is one cell of Beam
state. A plain ``UnboundedSource`` works too, but on Flink each of its pauses leaves about 8.6 KB in every later
checkpoint (apache/beam#27648; measured in docs/decisions.md), so it can't run for weeks. So an ``UnboundedSource`` only
emits the first push, and pauses for hours.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import apache_beam as beam
import structlog
from apache_beam.coders.coders import BytesCoder, Coder
from apache_beam.io.unbounded_source import (
    CheckpointMark,
    ReadFromUnboundedSource,
    UnboundedReader,
    UnboundedSource,
)
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from core.clock import Every, wall_ms
from core.errors import Fenced, OffsetOutOfRange, StoreError, StreamUnavailable
from core.records import OrderKey, Position
from core.settings import PipelineSettings
from core.store import open_store
from core.streams import open_stream
from pipeline.drivers.offsets import RunOffsets
from pipeline.drivers.reader import MergingReader
from pipeline.drivers.slow_lane import AT_ONCE, Returns
from pipeline.ledger.ledger import RunLedger, RunState
from pipeline.ledger.slow_lane import count_waiting
from pipeline.order import Merge, MergeMark, Numbered, ReadTo
from pipeline.transforms import beam_metrics
from pipeline.transforms.coders import Envelope, MarkCoder
from pipeline.transforms.step import Step
from pipeline.versions import SEAL

log = structlog.get_logger()
PAUSE_S = 12 * 3600.0
FAR = Timestamp.of(253_370_764_800)
"""The year 9999: later than any watermark that we emit, but before the end of the global window, when runners drop state.
"""
# How often the store's progress is queried; more often only if reading has to wait for it.
ASK_EVERY_S = 1.0
LAG_EVERY_MS = 10_000


@dataclass(frozen=True)
class StreamSource:
    """What is read. ``start`` (partition → offset), ``done`` (partition → offsets with an outcome), ``read_to`` (behind the
    highest of those) and ``last`` (the last place given) apply to a new epoch.

    With a ``store_url``, reading waits while more than ``in_flight_bytes`` were read in this ``epoch`` and are not
    handled yet; after ``alarm_s`` the record waited for is logged. With the run's ``state`` as it was taken, partitions that
    appear and offsets that were deleted unread are stored, too; and if the stream is not the one of ``uuid``, or has become
    shorter than what was read, the driver is asked to restart from the ledger.
    ``wait_ms`` is how long a read waits for a first record. It ends with one, so no record waits, and an idle run costs one
    bundle in that time; a checkpoint waits for it too. ``poll_s`` is the pause after a read that found nothing and did not
    wait; ``bundle_records``, ``bundle_bytes`` and ``bundle_s`` bound a bundle.
    """

    url: str
    name: str
    run: str
    start: Mapping[int, int]
    done: Mapping[int, list[int]] = field(default_factory=dict)
    read_to: Mapping[int, ReadTo] = field(default_factory=dict)
    last: OrderKey | None = None
    skew_ms: int | None = None
    store_url: str = ""
    state: RunState | None = None
    epoch: int = 0
    uuid: str = ""
    in_flight_bytes: int = PipelineSettings.in_flight_bytes
    alarm_s: float = PipelineSettings.stuck_after_s
    wait_ms: int = 2_000
    poll_s: float = 0.2
    bundle_records: int = 200
    bundle_bytes: int = 16 << 20
    bundle_s: float = 0.3


class ReadInOrder(beam.PTransform):
    """Nothing → Envelope, numbered from 0 in order and without gaps, unbounded. The mark is part of the runner's checkpoint."""

    def __init__(self, source: StreamSource) -> None:
        super().__init__()
        self._source = source

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection[Envelope]:
        return (
            begin
            | "First push" >> ReadFromUnboundedSource(_Push(), poll_interval=PAUSE_S)
            | "One reader" >> beam.Map(_keyed, self._source.run).with_output_types(tuple[str, bytes])
            | "Read and merge" >> beam.ParDo(_Read(self._source)).with_output_types(Envelope)
        )


def set_holding(timer: beam.transforms.userstate.BaseTimer, at_s: float, watermark: Timestamp) -> None:
    """Set a processing-time timer that holds back the watermark for what it will emit.

    Beam's model has this (a timer's output timestamp), but its Python SDK has no argument for it yet: it takes the timestamp
    of whatever set the timer.
    """
    timer._input_timestamp = watermark  # noqa: SLF001
    timer.set(Timestamp.of(at_s))


def _timestamp(time_ms: int) -> Timestamp:
    return min(FAR, Timestamp(micros=1_000 * time_ms)) if time_ms >= 0 else MIN_TIMESTAMP


def _keyed(_push: bytes, run: str) -> tuple[str, bytes]:
    return run, b""


class _Read(Step):
    MARK = ReadModifyWriteStateSpec("mark", MarkCoder())
    AGAIN = TimerSpec("again", TimeDomain.REAL_TIME)

    def __init__(self, source: StreamSource) -> None:
        super().__init__()
        self._source = source
        self._reader: MergingReader | None = None
        self._stands_at: MergeMark | None = None
        self._in_flight: InFlight | None = None
        self._ledger: RunLedger | None = None
        self._lag = Every(LAG_EVERY_MS)
        self._returns: Returns | None = None

    def process(
        self,
        element: tuple[str, bytes],  # noqa: ARG002
        again: beam.transforms.userstate.BaseTimer = beam.DoFn.TimerParam(AGAIN),  # noqa: B008
    ) -> None:
        again.set(Timestamp.of(time.time()))

    @on_timer(AGAIN)
    def read(
        self,
        mark: beam.transforms.userstate.ReadModifyWriteRuntimeState = beam.DoFn.StateParam(MARK),  # noqa: B008
        again: beam.transforms.userstate.BaseTimer = beam.DoFn.TimerParam(AGAIN),  # noqa: B008
        watermark: Timestamp = beam.DoFn.TimestampParam,
    ) -> Iterator[TimestampedValue]:
        count, size, began = 0, 0, time.monotonic()
        stands_at, source = mark.read(), self._source
        # Kept again only once the bundle's records are emitted: after a failure in between, its position is unknown.
        reader, self._reader = self._reader_at(stands_at), None
        try:
            in_flight = self._watched()
            while count < source.bundle_records and size < source.bundle_bytes and not in_flight.full():
                try:
                    found = _next(reader, wait_ms=0 if count else source.wait_ms)
                except OffsetOutOfRange as error:
                    raise self._given_up(str(error)) from error
                if found is None:
                    break
                count, size = count + 1, size + found.record.size
                sent = envelope(found, source.run, reader.stream.uuid)
                in_flight.add(found.number, found.record.size, str(sent.position))
                # A late record keeps its key; here it only must not be before the promised watermark.
                yield TimestampedValue(sent, max(watermark, _timestamp(sent.key.time_ms)))
                if time.monotonic() - began > source.bundle_s:
                    break
            read = count
            for back in self._back(reader.merge):
                count += 1
                in_flight.add(back.number, len(back.value), str(back.position))
                yield back
            if count:
                stands_at = reader.merge.mark()
                mark.write(stands_at)
            waited_s = time.monotonic() - began
            # After a read that timed out the next may begin; after one that ended early (the stream is away, too much is in
            # flight) this would be a busy loop.
            pause_s = 0.0 if count else max(0.0, source.poll_s - waited_s)
            set_holding(again, time.time() + pause_s, max(watermark, _timestamp(reader.merge.complete_ms())))
            self._count(read, size, reader, in_flight)
            self._reader, self._stands_at = reader, stands_at
        finally:
            if self._reader is not reader:
                reader.stream.close()

    def _back(self, merge: Merge) -> list[Envelope]:
        """Records that come back from the slow lane."""
        state = self._source.state
        if state is None:
            return []
        if self._returns is None:
            self._returns = Returns(self._ledger_of(state.owner).slow_lane(), time.monotonic)
        return self._returns.take(AT_ONCE, merge.give_number)

    def teardown(self) -> None:
        self._close()
        ledger, self._ledger, self._in_flight = self._ledger, None, None
        if ledger is not None:
            ledger.store.close()

    def _count(self, count: int, size: int, reader: MergingReader, in_flight: InFlight) -> None:
        beam_metrics.READ_RECORDS.inc(count)
        beam_metrics.READ_BYTES.inc(size)
        if not self._lag.due(int(1_000 * time.monotonic())):
            return
        with contextlib.suppress(StreamUnavailable):
            ends = reader.stream.end_offsets(reader.merge.partitions)
            unread = sum(max(0, end - reader.merge.next_offsets()[p]) for p, end in ends.items())
            beam_metrics.LAG_RECORDS.set(unread + reader.merge.held + in_flight.count)
        self._count_slow_lane()

    def _count_slow_lane(self) -> None:
        """The slow lane runs in the pipeline service, without Beam's counters, so the reader reads its counts in the store."""
        if (state := self._source.state) is None:
            return
        with contextlib.suppress(StoreError):
            waiting, since_ms = count_waiting(self._ledger_of(state.owner).store, self._source.run)
            beam_metrics.SLOW_LANE_WAITING.set(waiting)
            beam_metrics.SLOW_LANE_OLDEST_MS.set(0 if since_ms is None else max(0, wall_ms() - since_ms))

    def _reader_at(self, mark: MergeMark | None) -> MergingReader:
        """The reader of the last bundle if its position is the state's; after a rollback, a new one at that position."""
        if self._reader is None or mark != self._stands_at:
            self._close()
            # Records that came back since that position may not have arrived.
            self._returns = None
            source = self._source
            merge = (
                Merge(mark) if mark else Merge(source.start, done=source.done, last=source.last, read_to=source.read_to)
            )
            stream = open_stream(source.url, source.name, role="reader")
            if source.uuid and stream.uuid != source.uuid:
                stream.close()
                raise self._given_up(
                    f"the stream {source.name} was recreated (it was {source.uuid}, now {stream.uuid})"
                )
            offsets = self._offsets(stream.uuid)
            self._reader = MergingReader(
                stream,
                merge,
                clock_ms=wall_ms,
                skew=source.skew_ms,
                on_lost=offsets.lost if offsets else None,
                on_appeared=offsets.appeared if offsets else None,
                on_epoch=offsets.begin_epoch if offsets else None,
            )
            self._stands_at = mark
        return self._reader

    def _given_up(self, why: str) -> Fenced:
        """The error for a mark that no restart of the job can resume: it asks the driver to restart from the ledger."""
        state = self._source.state
        if state is not None:
            self._ledger_of(state.owner).ask_for_restart()
        return Fenced(why, hint="the run restarts from its ledger")

    def _offsets(self, uuid: str) -> RunOffsets | None:
        state = self._source.state
        return RunOffsets(self._ledger_of(state.owner), uuid) if state else None

    def _ledger_of(self, owner: str) -> RunLedger:
        if self._ledger is None:
            self._ledger = RunLedger(open_store(self._source.store_url), self._source.run, owner)
        return self._ledger

    def _watched(self) -> InFlight:
        if self._in_flight is None:
            source = self._source
            handled: Callable[[], int] = lambda: 1 << 62  # noqa: E731 - nothing to ask: nothing is ever in flight
            if source.store_url:
                ledger = self._ledger_of(source.state.owner if source.state else "")
                handled = lambda: ledger.handled(source.epoch)  # noqa: E731
            self._in_flight = InFlight(
                handled, limit_bytes=source.in_flight_bytes, alarm_s=source.alarm_s, monotonic=time.monotonic
            )
        return self._in_flight

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.stream.close()
            self._reader = None


class InFlight:
    """Counts the bytes between the reader and the ledger. Single-threaded.

    It provides back-pressure, and an alarm for a record that never comes through. ``handled`` returns the highest number of
    the epoch in the ledger. If the lowest number in flight stays the same for ``alarm_s`` seconds, it is logged, once for each
    record.
    """

    def __init__(
        self, handled: Callable[[], int], *, limit_bytes: int, alarm_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._handled, self._limit_bytes, self._alarm_s, self._monotonic = handled, limit_bytes, alarm_s, monotonic
        self._sent: deque[tuple[int, int, str]] = deque()
        self._asked_s = monotonic()
        self._waiting_since_s = self._asked_s
        self._alarmed: int | None = None
        self.bytes = 0

    def add(self, number: int, size: int, name: str) -> None:
        """Note a record that was read. A number at or below an earlier one means that the runner rolled back."""
        if self._sent and number <= self._sent[-1][0]:
            self._sent.clear()
            self.bytes = 0
        if not self._sent:
            self._waiting_since_s = self._monotonic()
        self._sent.append((number, size, name))
        self.bytes += size

    @property
    def count(self) -> int:
        """How many records are in flight, as far as it was asked."""
        return len(self._sent)

    def full(self) -> bool:
        """Whether to stop reading for now."""
        now_s = self._monotonic()
        if self._sent and (self.bytes >= self._limit_bytes or now_s - self._asked_s >= ASK_EVERY_S):
            self._asked_s = now_s
            self._strike_off(self._handled(), now_s)
            self._watch(now_s)
        return self.bytes >= self._limit_bytes

    def _strike_off(self, handled: int, now_s: float) -> None:
        while self._sent and self._sent[0][0] <= handled:
            self.bytes -= self._sent.popleft()[1]
            self._waiting_since_s = now_s

    def _watch(self, now_s: float) -> None:
        if not self._sent or now_s - self._waiting_since_s < self._alarm_s or self._alarmed == self._sent[0][0]:
            return
        number, _, name = self._sent[0]
        self._alarmed = number
        waited_s = round(now_s - self._waiting_since_s)
        log.error(
            "a record does not come through; everything after it waits", record=name, number=number, waited_s=waited_s
        )


def _next(reader: MergingReader, *, wait_ms: int) -> Numbered | None:
    try:
        return reader.next(wait_ms=wait_ms)
    except StreamUnavailable:
        # An exception would fail the bundle and restart the job, but there is just no data now.
        return None


def envelope(numbered: Numbered, run: str, stream: str) -> Envelope:
    """The envelope for a record that left the merge."""
    record = numbered.record
    position = Position(run=run, stream=stream, partition=record.partition, offset=record.offset)
    return Envelope(
        number=numbered.number, position=position, key=numbered.key, value=record.value, digest=record.digest
    )


class _Push(UnboundedSource):
    """Emits one element at the start of a job. Its watermark stays below the end of the window, so runners keep all state."""

    def split(self, desired_num_splits: int, options: object = None) -> list[_Push]:  # noqa: ARG002
        return [self]

    def create_reader(self, options: object, checkpoint_mark: _Pushed | None) -> _PushReader:  # noqa: ARG002
        return _PushReader(pushed=checkpoint_mark is not None)

    def get_checkpoint_mark_coder(self) -> Coder:
        return _PushedCoder()

    def default_output_coder(self) -> Coder:
        return BytesCoder()


class _Pushed(CheckpointMark):
    """The push was emitted."""


class _PushedCoder(Coder):
    def encode(self, value: _Pushed) -> bytes:  # noqa: ARG002
        return SEAL.close("push", b"")

    def decode(self, encoded: bytes) -> _Pushed:
        SEAL.open("push", encoded)
        return _Pushed()

    def is_deterministic(self) -> bool:
        return True


class _PushReader(UnboundedReader):
    def __init__(self, *, pushed: bool) -> None:
        self._pushed = pushed

    def start(self) -> bool:
        first, self._pushed = not self._pushed, True
        return first

    def advance(self) -> bool:
        return self.start()

    def get_current(self) -> bytes:
        return b""

    def get_current_timestamp(self) -> Timestamp:
        return MIN_TIMESTAMP

    def get_watermark(self) -> Timestamp:
        # The reader's timer holds the watermark back to the reader's position.
        return FAR if self._pushed else MIN_TIMESTAMP

    def get_checkpoint_mark(self) -> _Pushed:
        return _Pushed()

    def close(self) -> None:
        pass
