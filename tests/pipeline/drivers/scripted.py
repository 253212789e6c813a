"""A stream in memory that does what a test says, and a clock that only the test and the stream's waits move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from core.errors import OffsetOutOfRange, StreamUnavailable
from core.streams.base import Appended, NewRecord, StreamRecord

URL = "scripted:///"


@dataclass
class Clock:
    """Milliseconds. ``afterwards`` is done once, after the next reading: what happens between it and the next call."""

    now_ms: int = 1_000_000
    afterwards: Callable[[], object] | None = None

    def __call__(self) -> int:
        now_ms, then = self.now_ms, self.afterwards
        self.afterwards = None
        if then:
            then()
        return now_ms


@dataclass
class ScriptedStream:
    """Partitions of records with any offsets and times. ``waits``: for how long each read that gave nothing waited.

    ``away``: calls raise StreamUnavailable. ``one_at_a_time``: a read gives records of one partition only, as a consumer's
    fetch may. ``slow_reads``: so many reads give nothing although there is something, as no stream should.
    """

    clock: Clock
    count: int = 2
    away: bool = False
    away_for_ends: bool = False
    one_at_a_time: bool = False
    slow_reads: int = 0
    waits: list[int] = field(default_factory=list)
    reads: int = 0
    _records: dict[int, list[StreamRecord]] = field(default_factory=dict)
    _starts: dict[int, int] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    _epochs: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """For each partition (leader epoch, its first offset), rising."""
    asked: int = 0
    _due: list[tuple[int, Callable[[], object]]] = field(default_factory=list)

    url = URL
    name = "scripted"
    uuid = "scripted-uuid"
    max_value_bytes = 1 << 20

    def put(self, partition: int, *times_ms: int, value: bytes = b"x", key: bytes | None = None) -> None:
        """Append a record for each time."""
        for time_ms in times_ms:
            offset = self._end(partition)
            epoch = self._epochs[partition][-1][0] if self._epochs.get(partition) else -1
            record = StreamRecord(partition, offset, time_ms, key, value, epoch)
            self._records.setdefault(partition, []).append(record)
            self._ends[partition] = offset + 1

    def put_now(self, partition: int) -> None:
        """Append a record at the clock's time."""
        self.put(partition, self.clock.now_ms)

    def gap(self, partition: int, size: int = 1) -> None:
        """Offsets without a record: a transaction's marks, or what it took back."""
        self._ends[partition] = self._end(partition) + size

    def elect(self, partition: int, epoch: int, end: int | None = None) -> None:
        """A leader of a new epoch, with all there is, or only with what is below ``end``: the log was cut."""
        kept = self._end(partition) if end is None else end
        self._records[partition] = [one for one in self._records.get(partition, []) if one.offset < kept]
        self._ends[partition] = kept
        earlier = [(one, first) for one, first in self._epochs.get(partition, []) if first < kept]
        self._epochs[partition] = [*earlier, (epoch, kept)]

    def epoch_ends(self, epochs: Mapping[int, int]) -> Mapping[int, int]:
        """As a broker answers: where the first later epoch begins; nothing for an epoch that it never had."""
        self._reach()
        self.asked += 1
        ends = {}
        for partition, epoch in epochs.items():
            history = self._epochs.get(partition, [])
            later = [first for one, first in history if one > epoch]
            if later or (history and history[-1][0] == epoch):
                ends[partition] = later[0] if later else self._end(partition)
        return ends

    def retain(self, partition: int, start: int) -> None:
        """Delete everything below ``start``."""
        self._starts[partition] = start
        self._ends[partition] = max(start, self._end(partition))
        self._records[partition] = [one for one in self._records.get(partition, []) if one.offset >= start]

    def at(self, time_ms: int, then: Callable[[], object]) -> None:
        """Do something when a waiting read gets to ``time_ms``."""
        self._due.append((time_ms, then))
        self._due.sort(key=lambda due: due[0])

    def partitions(self) -> Sequence[int]:
        self._reach()
        return range(self.count)

    def fence(self, writer: str) -> None:
        raise NotImplementedError

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        raise NotImplementedError

    def read(self, offsets: Mapping[int, int], *, max_bytes: int = 8 << 20, wait_ms: int = 0) -> Sequence[StreamRecord]:
        self._reach()
        self.reads += 1
        found = self._found(offsets)
        give_up_ms = self.clock.now_ms + wait_ms
        if not found:
            began_ms = self.clock.now_ms
            while not found and self._due and self._due[0][0] <= give_up_ms:
                time_ms, then = self._due.pop(0)
                self.clock.now_ms = max(self.clock.now_ms, time_ms)
                then()
                found = self._found(offsets)
            if not found:
                self.clock.now_ms = max(self.clock.now_ms, give_up_ms)
            self.waits.append(self.clock.now_ms - began_ms)
        return found

    def _found(self, offsets: Mapping[int, int]) -> list[StreamRecord]:
        for partition, offset in offsets.items():
            start, end = self._starts.get(partition, 0), self._end(partition)
            if not start <= offset <= end:
                raise OffsetOutOfRange(self.url, partition, offset, start, end)
        found = [
            one
            for partition, offset in offsets.items()
            for one in self._records.get(partition, [])
            if one.offset >= offset
        ]
        if found and self.slow_reads:
            self.slow_reads -= 1
            return []
        return [one for one in found if one.partition == found[0].partition] if self.one_at_a_time else found

    def start_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        self._reach()
        return {partition: self._starts.get(partition, 0) for partition in partitions}

    def end_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        self._reach()
        if self.away_for_ends:
            raise StreamUnavailable(self.url, "away")
        return {partition: self._end(partition) for partition in partitions}

    def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        raise NotImplementedError

    def committed(self, group: str) -> Mapping[int, int]:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def _end(self, partition: int) -> int:
        return self._ends.get(partition, 0)

    def _reach(self) -> None:
        if self.away:
            raise StreamUnavailable(self.url, "away")
