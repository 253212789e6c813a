"""The stream port: what the connectors write to and the reader reads from (docs/architecture.md, "Streams").

A stream is an append-only log in numbered partitions; a record's offset is its place in its partition. Offsets rise but
need not be dense (compaction, transactions): a gap is no loss. Records of one key go to one partition, so they stay in
order. Time is the append time in whole milliseconds since the epoch, stamped by the stream (a Kafka broker with
``LogAppendTime``; the embedded stream stamps max(now, last) inside its lock), unless the writer sets it for an archive.

Implementations are safe to use from several processes, each with its own instance; one instance belongs to one thread.
One contract suite (``tests/contracts/test_stream_contract.py``) runs on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self, runtime_checkable


class StreamRecord(NamedTuple):
    """One record as read. ``timestamp_ms`` is its event time; ``key`` may be None for records of foreign writers."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes


class Appended(NamedTuple):
    """Where an acknowledged record lies."""

    partition: int
    offset: int
    timestamp_ms: int


class NewRecord(NamedTuple):
    """One record to append. ``partition`` None: chosen by the key. ``timestamp_ms`` None: the stream's own clock."""

    key: bytes
    value: bytes
    partition: int | None = None
    timestamp_ms: int | None = None


@runtime_checkable
class Stream(Protocol):
    """One named log."""

    @property
    def url(self) -> str:
        """Where it is, without credentials; for messages."""

    @property
    def name(self) -> str:
        """The stream's name (a Kafka topic's)."""

    @property
    def uuid(self) -> str:
        """Identity of this log: one that was deleted and made anew under the same name has another."""

    @property
    def max_value_bytes(self) -> int:
        """The largest value that ``append`` takes."""

    def partitions(self) -> Sequence[int]:
        """The partitions that exist now, rising. New ones may appear later."""

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """Append in the given order and wait until all are acknowledged as durable.

        Raises RecordTooLarge before anything is appended where a value is over the limit, StreamUnavailable where the
        stream can't be reached: then any of the records may have been appended or not, and appending them again may
        repeat them (at least once).
        """

    def read(self, offsets: Mapping[int, int], *, max_bytes: int = 8 << 20, wait_ms: int = 0) -> Sequence[StreamRecord]:
        """Records from the given offset of each partition on, rising within a partition, about ``max_bytes`` in all.

        At least one record is returned if there is one by now, whatever its size; none means that none came within
        ``wait_ms``. Reading the same offsets again gives the same records: there is no hidden position. Raises
        OffsetOutOfRange where an offset is below the log's start, StreamUnavailable where it can't be reached.
        """

    def start_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """For each partition the lowest offset still stored (the end offset where it is empty)."""

    def end_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """For each partition the offset that the next record would get."""

    def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        """Mirror a group's position (next offset to read) for lag tools. Never read back to resume from."""

    def committed(self, group: str) -> Mapping[int, int]:
        """What was last committed for the group; partitions without a commit are left out."""

    def close(self) -> None:
        """Release connections and files. The instance is unusable afterwards; closing twice is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
