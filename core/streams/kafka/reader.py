"""Reads a Kafka topic from given offsets, without a visible position."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from core.errors import LogCut, OffsetOutOfRange, StreamUnavailable
from core.streams.base import StreamRecord
from core.streams.kafka.client import KafkaLocation, translated

_FETCH_WAIT_MS = 400
"""How long the broker keeps an empty fetch open, and so the longest time that a read from another offset waits for the
last fetch to end. A fetch ends with the first record, so it delays none; each empty one costs both sides a round (100
ms: a third of the idle CPU).
"""

_POLL_MS = 200
_POLL_RECORDS = 200
BESIDE_BYTES = 8 << 20
"""Most bytes that are fetched of partitions that a read does not ask for; with more, they are no longer fetched."""


class KafkaReader:
    """A consumer with the records that it has fetched ahead, kept for the offset after the last returned one.

    For any other offset it drops these and seeks. It goes on fetching the partitions that earlier reads asked for, up to
    ``BESIDE_BYTES``. ``list_offsets`` (partition → OffsetSpec, and whether a partition ends at an open transaction) uses
    another connection, since this one may be busy with an empty fetch. Not for two threads at once.
    """

    def __init__(
        self,
        location: KafkaLocation,
        name: str,
        label: str,
        max_message_bytes: int,
        list_offsets: Callable[[Mapping[int, int], bool], Mapping[int, int]],
    ) -> None:
        self._name = name
        self._label = label
        self._timeout_s = location.timeout_s
        self._list_offsets = list_offsets
        with translated(label):
            self._consumer: Any = location.connect(
                KafkaConsumer,
                location.timeout_s,
                group_id=None,
                enable_auto_commit=False,
                # With any other value, the consumer would silently skip records that retention deleted.
                auto_offset_reset="none",
                isolation_level="read_committed",
                client_rack=location.rack,
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                retry_backoff_ms=20,
                fetch_max_bytes=16 << 20,
                max_partition_fetch_bytes=max(1 << 20, max_message_bytes + 1024),
                max_poll_records=_POLL_RECORDS,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        # For each partition ever read: records fetched ahead, their size, the offset at which they begin, and the
        # consumer's next offset. Records of partitions that aren't read now stay here.
        self._ahead: defaultdict[int, deque[StreamRecord]] = defaultdict(deque)
        self._ahead_bytes: defaultdict[int, int] = defaultdict(int)
        self._next: dict[int, int] = {}
        self._resume: dict[int, int] = {}
        self._assigned: set[int] = set()
        # Truncations of partitions that no read asked for yet: where the log differs, None if unknown.
        self._cuts: dict[int, int | None] = {}

    def read(self, offsets: Mapping[int, int], *, max_bytes: int, wait_ms: int) -> list[StreamRecord]:
        """Like ``Stream.read``; after an exception the reader must be closed."""
        with translated(self._label):
            self._turn_to(offsets)
            while sum(self._ahead_bytes[partition] for partition in offsets) < max_bytes and self._fetch(offsets, 0):
                pass
            if not self._has_some(offsets):
                self._await(offsets, wait_ms)
        return self._take(offsets, max_bytes)

    def close(self) -> None:
        """Release the connection."""
        with contextlib.suppress(kafka_errors.KafkaError):
            self._consumer.close(autocommit=False, timeout_ms=1000)

    def _turn_to(self, offsets: Mapping[int, int]) -> None:
        # A fetch is for all assigned partitions, and the next one is sent only when it has ended: with each change of
        # them, records that are there wait for an empty fetch. Partitions that stay assigned keep the consumer's
        # position; if they were paused, kafka-python 3.0.12 might never return their parsed records.
        for partition in offsets.keys() & self._cuts.keys():
            at = self._cuts.pop(partition)
            if at is None or offsets[partition] > at:
                raise self._cut(partition, offsets[partition] if at is None else at)
        before = self._assigned
        if not before.issuperset(offsets):
            self._assign(offsets)
        self._leave_out_others(offsets)
        for partition, offset in offsets.items():
            if self._next.get(partition) != offset:
                if offset < 0:
                    raise self._out_of_range(partition, offset)
                self._ahead[partition].clear()
                self._ahead_bytes[partition] = 0
                self._next[partition] = self._resume[partition] = offset
                self._seek(partition)
            elif partition not in before:
                self._seek(partition)

    def _leave_out_others(self, offsets: Mapping[int, int]) -> None:
        """Fetch only the partitions of ``offsets`` from now on, if much was fetched of others."""
        others = self._assigned.difference(offsets)
        if others and sum(self._ahead_bytes[partition] for partition in others) > BESIDE_BYTES:
            self._assign(offsets)

    def _assign(self, partitions: Iterable[int]) -> None:
        self._assigned = set(partitions)
        self._consumer.assign([TopicPartition(self._name, partition) for partition in sorted(self._assigned)])

    def _seek(self, partition: int) -> None:
        self._consumer.seek(TopicPartition(self._name, partition), self._resume[partition])

    def _await(self, offsets: Mapping[int, int], wait_ms: int) -> None:
        """Fetch until there are records, or until it is certain after ``wait_ms`` that there are none."""
        wanted_by = time.monotonic() + wait_ms / 1000
        given_up_by = wanted_by + self._timeout_s
        ends: Mapping[int, int] | None = None
        while True:
            now = time.monotonic()
            if now < wanted_by:
                self._fetch(offsets, min(_POLL_MS, (wanted_by - now) * 1000))
                if self._has_some(offsets):
                    return
                continue
            if ends is None:
                ends = self._ends(offsets)
            if all(self._position(partition) >= end for partition, end in ends.items()):
                return
            if now > given_up_by:
                raise StreamUnavailable(self._label, "the broker doesn't return its records", hint="check its log")
            # There are records, or only markers of a transaction: a consumer's first fetch takes a while.
            self._fetch(offsets, _POLL_MS)
            if self._has_some(offsets):
                return

    def _has_some(self, offsets: Mapping[int, int]) -> bool:
        """Whether there are records of these partitions."""
        return any(self._ahead[partition] for partition in offsets)

    def _fetch(self, offsets: Mapping[int, int], timeout_ms: float) -> bool:
        """Store fetched records, waiting at most ``timeout_ms`` for the first one; returns whether there were any.

        If they are much of partitions that aren't in ``offsets``, those are no longer fetched.
        An error of a partition that isn't in ``offsets`` waits until a read asks for it.
        """
        found: Mapping[TopicPartition, list[Any]] = {}
        try:
            found = self._consumer.poll(timeout_ms=timeout_ms)
        except kafka_errors.OffsetOutOfRangeError as error:
            for tp, offset in error.args[0].items():
                if tp.partition in offsets:
                    raise self._out_of_range(tp.partition, offset) from error
            # The broker refuses the offset again when it is read.
            self._forget({tp.partition for tp in error.args[0]})
        except kafka_errors.LogTruncationError as error:
            # The broker no longer has what this consumer has read (KIP-320). It reports this once: after a seek, and
            # with a new consumer, reading would just go on.
            differing = {tp.partition: end and end.offset for tp, end in error.divergent_offsets.items()}
            for partition, at in differing.items():
                if partition in offsets:
                    raise self._cut(partition, self._resume[partition] if at is None else at) from error
            self._cuts.update(differing)
            self._forget(differing.keys())
        for tp, records in found.items():
            for record in records:
                value, epoch = record.value or b"", record.leader_epoch
                # Kafka's headers may lack a value.
                headers = tuple((name, content or b"") for name, content in record.headers or ())
                ours = StreamRecord(tp.partition, record.offset, record.timestamp, record.key, value, epoch, headers)
                self._ahead[tp.partition].append(ours)
                self._ahead_bytes[tp.partition] += _size(ours)
                self._resume[tp.partition] = record.offset + 1
        if found:
            self._leave_out_others(offsets)
        return bool(found)

    def _forget(self, partitions: Collection[int]) -> None:
        """Stop fetching these partitions, and drop what was fetched of them."""
        for partition in partitions:
            self._ahead[partition].clear()
            self._ahead_bytes[partition] = 0
            self._next.pop(partition, None)
        self._assign(self._assigned.difference(partitions))

    def _take(self, offsets: Mapping[int, int], max_bytes: int) -> list[StreamRecord]:
        taken: list[StreamRecord] = []
        left = max_bytes
        for done, partition in enumerate(offsets):
            share, size = left // (len(offsets) - done), 0
            ahead = self._ahead[partition]
            while ahead and (size + _size(ahead[0]) <= share or not (size or taken)):
                size += _size(ahead[0])
                taken.append(ahead.popleft())
                self._next[partition] = taken[-1].offset + 1
            self._ahead_bytes[partition] -= size
            left = max(0, left - size)
        return taken

    def _position(self, partition: int) -> int:
        position = self._consumer.position(TopicPartition(self._name, partition), timeout_ms=self._timeout_s * 1000)
        return -1 if position is None else int(position)

    def _ends(self, offsets: Mapping[int, int]) -> Mapping[int, int]:
        """The end of each partition for a reader: before an open transaction. Raises OffsetOutOfRange past the end."""
        ends = self._list_offsets(dict.fromkeys(offsets, OffsetSpec.LATEST), True)
        past = {partition: OffsetSpec.LATEST for partition, end in ends.items() if offsets[partition] > end}
        for partition, end in self._list_offsets(past, False).items():
            if offsets[partition] > end:
                raise self._out_of_range(partition, offsets[partition])
        return ends

    def _out_of_range(self, partition: int, offset: int) -> OffsetOutOfRange:
        return OffsetOutOfRange(self._label, partition, offset, *self._bounds(partition))

    def _cut(self, partition: int, at: int) -> LogCut:
        return LogCut(self._label, partition, at, *self._bounds(partition))

    def _bounds(self, partition: int) -> tuple[int, int]:
        """The start and end of the partition's log."""
        (start,) = self._list_offsets({partition: OffsetSpec.EARLIEST}, False).values()
        (end,) = self._list_offsets({partition: OffsetSpec.LATEST}, False).values()
        return start, end


def _size(record: StreamRecord) -> int:
    return record.size + len(record.key or b"")
