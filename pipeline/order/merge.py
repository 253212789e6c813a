"""Merges the partitions of a stream into one sequence, numbered without gaps.

See docs/architecture.md, "Order by numbers".

The order is that of the order keys: event time first, then article id, raw hash, occurrence. A record may leave once no
earlier one can come: when every partition has shown a later record, or is known to have ended at a later time. The
caller provides both: ``offer`` passes on what a partition returned, and ``ended`` that nothing was there at a time that
it read *before* it asked for the end offset.

The ordered stage, which knows the processed records, decides whether a record came too late for its place.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from core.records import OrderKey, raw_hash
from core.streams.base import StreamRecord

NEVER = -1
_ID = re.compile(rb"[0-9a-f]{32}")
_Held = tuple[OrderKey, int, int, StreamRecord]


class ReadTo(NamedTuple):
    """How far a partition was read: the offset behind the last record, and its leader epoch (-1: none is known)."""

    offset: int
    epoch: int = -1


class PartitionMark(msgspec.Struct, frozen=True, array_like=True):
    """``next``: lowest offset not yet released. ``released``: higher offsets that were released before it (same millisecond).

    ``epoch``: the leader epoch of the newest record that left; -1: none is known.
    """

    next: int
    released: tuple[int, ...] = ()
    epoch: int = -1


class MergeMark(msgspec.Struct, frozen=True):
    """A merge's position: enough to resume with the same numbers. JSON on the wire."""

    number: int
    partitions: dict[int, PartitionMark]
    last: OrderKey | None = None


class Misdated(NamedTuple):
    """Event times after ``after_ms`` are impossible: ``instead_ms`` is used for them."""

    after_ms: int
    instead_ms: int


@dataclass(frozen=True, slots=True)
class Numbered:
    """A record that left the merge as the ``number``-th (from 0) of its epoch."""

    number: int
    key: OrderKey
    record: StreamRecord


@dataclass(slots=True)
class _Partition:
    fetch: int
    read: ReadTo
    left: ReadTo
    released: set[int] = field(default_factory=set)
    waiting: list[int] = field(default_factory=list)
    unplaced_bytes: int = 0
    misdated: set[int] = field(default_factory=set)
    shown_ms: int = NEVER
    clear_ms: int = NEVER

    @property
    def safe_ms(self) -> int:
        """No record with an earlier time can come from this partition any more."""
        return max(self.shown_ms, self.clear_ms)

    @property
    def lowest(self) -> int:
        """The lowest offset not yet released."""
        return self.waiting[0] if self.waiting else self.fetch


def article_of(record: StreamRecord) -> str:
    """The article id of a raw record: its key. For another program's key its digest; without a key, the value's digest.

    It always has 32 hex digits, so order keys sort the same in the store as here; a key that is a prefix of another
    would not.
    """
    if record.key and _ID.fullmatch(record.key):
        return record.key.decode()
    return raw_hash(record.key) if record.key else record.digest


class Merge:
    """Merges the partitions of one stream. Holds what was offered and not yet released; single-threaded.

    ``effective`` returns the stored order key of a position that was late in an earlier run (a replay loads those), else
    None. ``last`` is the last place given before a new start, so that identical records are counted on; ``read_to``: how
    far each partition was read before it.
    ``held_bytes`` stays small if times rise, because only what holds the others back needs to be read; ``settle`` is for
    a millisecond that does not end.
    """

    def __init__(
        self,
        start: Mapping[int, int] | MergeMark,
        *,
        effective: Callable[[int, int], OrderKey | None] | None = None,
        done: Mapping[int, Sequence[int]] | None = None,
        last: OrderKey | None = None,
        read_to: Mapping[int, ReadTo] | None = None,
    ) -> None:
        self._heap: list[_Held] = []
        # Records with a stored place, apart: a place between identical records is only found once those are counted.
        self._placed: list[_Held] = []
        self._partitions: dict[int, _Partition] = {}
        self._effective = effective
        self.held_bytes = 0
        if isinstance(start, MergeMark):
            self.number, self._last = start.number, start.last
            for partition, mark in start.partitions.items():
                read = ReadTo(max((mark.next, *(released + 1 for released in mark.released))), mark.epoch)
                self.add_partition(partition, mark.next, mark.released, read)
        else:
            self.number, self._last = 0, last
            for partition, offset in start.items():
                self.add_partition(partition, offset, (done or {}).get(partition, ()), (read_to or {}).get(partition))

    def add_partition(
        self, partition: int, offset: int, released: Sequence[int] = (), read: ReadTo | None = None
    ) -> None:
        """A partition that appeared later, to be read from ``offset``. Known partitions stay as they are."""
        if partition not in self._partitions:
            read = read or ReadTo(offset)
            self._partitions[partition] = _Partition(fetch=offset, read=read, left=read, released=set(released))

    @property
    def partitions(self) -> list[int]:
        """The known partitions, in ascending order."""
        return sorted(self._partitions)

    @property
    def held(self) -> int:
        """How many records are held."""
        return len(self._heap) + len(self._placed)

    @property
    def head_ms(self) -> int | None:
        """Event time in ms of the first record held; None if none is."""
        times = [heap[0][0].time_ms for heap in (self._heap, self._placed) if heap]
        return min(times, default=None)

    def next_offsets(self) -> dict[int, int]:
        """The offset to read next, of each partition."""
        return {number: state.fetch for number, state in self._partitions.items()}

    def read_to(self, partition: int) -> ReadTo:
        """How far a partition was read, in this run."""
        return self._partitions[partition].read

    def blocking(self) -> list[int]:
        """Partitions that hold the next record back: those to read, and to check for their end. All, while none is held."""
        time_ms = self.head_ms
        if time_ms is None:
            return self.partitions
        return [number for number in self.partitions if self._partitions[number].safe_ms <= time_ms]

    def offer(self, records: Sequence[StreamRecord], misdated: Misdated | None = None) -> list[StreamRecord]:
        """Records as read, rising by offset within a partition. Offsets below the next one to read are ignored.

        ``misdated`` says which times are impossible and what to use instead: such records get a late place at that
        time, and say nothing about what else their partition has. Returns those of them that were taken.
        """
        wrong: list[StreamRecord] = []
        for record in records:
            state = self._partitions[record.partition]
            if record.offset < state.fetch:
                continue
            state.fetch = record.offset + 1
            if state.fetch > state.read.offset:
                state.read = ReadTo(state.fetch, record.epoch)
            place = self._effective(record.partition, record.offset) if self._effective else None
            instead = misdated if place is None and misdated and record.timestamp_ms > misdated.after_ms else None
            if instead is None:
                time_ms = record.timestamp_ms if place is None else min(place.time_ms, record.timestamp_ms)
                state.shown_ms = max(state.shown_ms, time_ms)
            if record.offset in state.released:
                continue
            heap, key = self._placed, place
            if key is None:
                key = OrderKey(record.timestamp_ms, article_of(record), record.digest)
                state.unplaced_bytes += record.size
                if instead is None:
                    heap = self._heap
                else:
                    key = OrderKey(instead.instead_ms, key.article, key.raw_hash, 0, 1)
                    state.misdated.add(record.offset)
                    wrong.append(record)
            heapq.heappush(heap, (key, record.partition, record.offset, record))
            heapq.heappush(state.waiting, record.offset)
            self.held_bytes += record.size
        return wrong

    def missing(self, partition: int, offset: int) -> list[tuple[int, int]]:
        """What ``skip_to`` would skip: ranges (first, last) below ``offset`` that were neither offered nor released."""
        state = self._partitions[partition]
        ranges, first = [], state.fetch
        for released in sorted(released for released in state.released if state.fetch <= released < offset):
            if first < released:
                ranges.append((first, released - 1))
            first = released + 1
        return [*ranges, (first, offset - 1)] if first < offset else ranges

    def skip_to(self, partition: int, offset: int) -> None:
        """Read on from ``offset``: nothing below it exists any more in this partition (the caller records the loss)."""
        state = self._partitions[partition]
        state.fetch = max(state.fetch, offset)
        self._forget_released(state)

    def ended(self, partition: int, clear_ms: int) -> None:
        """Everything offered so far is all that the partition holds of times before ``clear_ms``."""
        state = self._partitions[partition]
        state.clear_ms = max(state.clear_ms, clear_ms)

    def settle(self, limit_bytes: int) -> None:
        """Stop waiting for a partition that already holds more than ``limit_bytes`` of the head's time.

        A stream whose clock was set back stamps everything with one time until that time is reached: there, bounded memory
        has precedence over order. What is read of that time later may be late.
        """
        time_ms = self.head_ms
        for number in self.blocking():
            state = self._partitions[number]
            # It has shown nothing later, so what it holds is of the head's time, or misdated.
            if time_ms is not None and state.unplaced_bytes > limit_bytes:
                self.ended(number, time_ms + 1)

    def safe_ms(self) -> int:
        """Records of earlier times than this (ms) can leave: no partition can show an earlier one any more."""
        return min((state.safe_ms for state in self._partitions.values()), default=NEVER)

    def complete_ms(self) -> int:
        """All records of earlier times than this (ms) have left, but for late ones; -1: nothing is known yet."""
        safe_ms, head_ms = self.safe_ms(), self.head_ms
        return safe_ms if head_ms is None else min(safe_ms, head_ms)

    def pop(self) -> Numbered | None:
        """The next record in order; None while an earlier one might still come."""
        time_ms = self.head_ms
        if time_ms is None or time_ms >= self.safe_ms():
            return None
        (key, partition, offset, record), natural = self._take()
        self._last = key if self._last is None or key > self._last else self._last
        state = self._partitions[partition]
        self._release(state, offset)
        if offset >= state.left.offset:
            state.left = ReadTo(offset + 1, record.epoch)
        self.held_bytes -= record.size
        if natural or offset in state.misdated:
            state.unplaced_bytes -= record.size
            state.misdated.discard(offset)
        numbered = Numbered(self.number, key, record)
        self.number += 1
        return numbered

    def give_number(self) -> int:
        """The next number, for a record from elsewhere: one that comes back from the slow lane."""
        self.number += 1
        return self.number - 1

    def _take(self) -> tuple[_Held, bool]:
        """The first record held, with its occurrence counted, and whether it is at its own place."""
        if not self._heap:
            return heapq.heappop(self._placed), False
        natural, last = self._heap[0][0], self._last
        if last is not None and self._twin(natural, last):
            natural = OrderKey(natural.time_ms, natural.article, natural.raw_hash, last.occurrence + 1)
        if self._placed and self._placed[0][0] < natural:
            return heapq.heappop(self._placed), False
        _, partition, offset, record = heapq.heappop(self._heap)
        return (natural, partition, offset, record), True

    @staticmethod
    def _twin(key: OrderKey, last: OrderKey) -> bool:
        return (key.time_ms, key.article, key.raw_hash) == (last.time_ms, last.article, last.raw_hash)

    @staticmethod
    def _release(state: _Partition, offset: int) -> None:
        state.released.add(offset)
        lowest = state.lowest
        while state.waiting and state.waiting[0] in state.released:
            heapq.heappop(state.waiting)
        # Records of one millisecond leave in any order: their offsets are scanned once, not for each of them.
        if state.lowest > lowest:
            Merge._forget_released(state)

    @staticmethod
    def _forget_released(state: _Partition) -> None:
        lowest = state.lowest
        state.released = {released for released in state.released if released >= lowest}

    def mark(self) -> MergeMark:
        """The merge's position. A merge made from it releases the same further records with the same numbers."""
        return MergeMark(
            number=self.number,
            partitions={
                number: PartitionMark(state.lowest, tuple(sorted(state.released)), state.left.epoch)
                for number, state in self._partitions.items()
            },
            last=self._last,
        )
