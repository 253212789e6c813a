"""The stream port: what the connectors write to and the reader reads from (docs/architecture.md, "Streams").

A stream is an append-only log in numbered partitions; a record's offset is its place in its partition. Offsets rise but
need not be dense (compaction, transactions): a gap doesn't mean a loss. Records of one key go to one partition, so they stay in
order. Time is the append time in whole milliseconds since the epoch, stamped by the stream (a Kafka broker with
``LogAppendTime``; the embedded stream stamps max(now, last) inside its lock), unless the writer sets it for an archive.

Implementations are safe to use from several processes, each with its own instance; one instance belongs to one thread.
One contract suite (``tests/contracts/test_stream_contract.py``) runs on all of them. Below the port are the parts they
share: names, limits, options of URLs, the mapping from keys to partitions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self, runtime_checkable
from urllib.parse import parse_qsl

from core.errors import RecordTooLarge, UsageError

# Kafka's own rule; the embedded stream follows it too, so that a name that works on a laptop works on a cluster.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")

FREE_KEY_BYTES = 512
"""Bytes of a key that are not counted against the limit of its value."""

_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_MIX = 0x5BD1E995


Headers = tuple[tuple[str, bytes], ...]
"""Headers of a record, as Kafka has them: names may come twice, and other programs' values may be any bytes."""


class StreamRecord(NamedTuple):
    """One record as read. ``timestamp_ms`` is its event time; ``key`` may be None in records of other programs.

    ``epoch``: the leader epoch in which it was written, which rises whenever a log may have been cut; -1: none is known.
    """

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    epoch: int = -1
    headers: Headers = ()


class Appended(NamedTuple):
    """The place of an acknowledged record."""

    partition: int
    offset: int
    timestamp_ms: int


class NewRecord(NamedTuple):
    """One record to append. ``partition`` None: by the key. ``timestamp_ms`` None: by the stream's clock."""

    key: bytes
    value: bytes
    partition: int | None = None
    timestamp_ms: int | None = None
    headers: Headers = ()


@runtime_checkable
class Stream(Protocol):
    """One named log."""

    @property
    def url(self) -> str:
        """The URL without credentials, for messages."""

    @property
    def name(self) -> str:
        """The stream's name (a Kafka topic's)."""

    @property
    def uuid(self) -> str:
        """Identity of this log: one that was deleted and created again under the same name has another."""

    @property
    def max_value_bytes(self) -> int:
        """The largest value that ``append`` takes."""

    def partitions(self) -> Sequence[int]:
        """The partitions that exist now, rising. New ones may appear later."""

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """Append in the given order and wait until all are acknowledged as durable.

        Raises RecordTooLarge, before anything is appended, if a value is over the limit; StreamUnavailable if the stream
        can't be reached: then any of the records may have been appended, and appending them again may repeat them (at
        least once). Raises WriterFenced, with no record that counts, if another instance has this one's writer's name.
        """

    def fence(self, writer: str) -> None:
        """Append as ``writer`` from now on, as the only instance that can; raises StreamUnavailable.

        Once this returns, no append that another instance began under this name can still come: it is there already, or
        it raises WriterFenced, even if its process stood still for long. Each append as a writer is all or nothing for readers
        of committed records. After an append that raised anything but RecordTooLarge, the next one needs ``fence`` again: the
        caller first makes sure that the name is still its own.
        """

    def read(self, offsets: Mapping[int, int], *, max_bytes: int = 8 << 20, wait_ms: int = 0) -> Sequence[StreamRecord]:
        """Records from the given offset of each partition on, rising within a partition, about ``max_bytes`` in all.

        If there are records, at least one is returned, whatever its size; an empty result means that none came within
        ``wait_ms``. Reading the same offsets again returns the same records: there is no hidden position. Raises
        OffsetOutOfRange if an offset is below the log's start or past its end, StreamUnavailable if the stream can't be
        reached.
        """

    def start_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """For each partition the lowest offset still stored (the end offset if it is empty)."""

    def end_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """For each partition the offset that the next record would get."""

    def epoch_ends(self, epochs: Mapping[int, int]) -> Mapping[int, int]:
        """For each partition with a leader epoch the offset at which the records of that and earlier epochs end now.

        What was read in the epoch at this offset or above is gone. Partitions for which that isn't known are left out.
        """

    def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        """Mirror a group's position (next offset to read) for lag tools. No reader resumes from it."""

    def committed(self, group: str) -> Mapping[int, int]:
        """The last committed position of the group; partitions without one are left out."""

    def close(self) -> None:
        """Release connections and files. The instance is unusable afterwards; closing twice is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_name(name: str) -> str:
    """Return ``name``. Raises UsageError if it can't be the name of a stream."""
    if not _NAME.match(name) or name in {".", ".."}:
        raise UsageError(
            f"{name!r} can't be a stream's name", hint="use 1 to 249 of the characters A-Z a-z 0-9 . _ - (Kafka's rule)"
        )
    return name


def check_partitions(count: int) -> int:
    """Return ``count``. Raises UsageError if a stream can't have that many partitions."""
    if not 1 <= count <= 10_000:
        raise UsageError(f"a stream can't have {count} partitions", hint="use 1 to 10000")
    return count


def check_sizes(label: str, records: Sequence[NewRecord], limit_bytes: int) -> None:
    """Raise RecordTooLarge if a value, with the part of its key beyond FREE_KEY_BYTES, is larger than ``limit_bytes``."""
    for record in records:
        size = len(record.value) + max(0, len(record.key) - FREE_KEY_BYTES)
        if size > limit_bytes:
            raise RecordTooLarge(label, size, limit_bytes)


def parse_options(query: str, known: Sequence[str], scheme: str) -> Mapping[str, str]:
    """The options in the query of a stream's URL. Raises UsageError, without values, for an unknown, repeated or empty one."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise UsageError(f"{scheme} URLs have no option {name!r}", hint=f"known are {', '.join(sorted(known))}")
        if name in options or not value:
            problem = "given twice" if name in options else "empty"
            raise UsageError(f"option {name!r} of the {scheme} URL is {problem}", hint="give it once, with a value")
        options[name] = value
    return options


def positive(options: Mapping[str, str], name: str, default: float) -> float:
    """The number in option ``name``, or ``default``. Raises UsageError unless it is positive."""
    text = options.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e12:
        raise UsageError(f"option {name!r} is {text!r}", hint="it must be a positive number")
    return number


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """The partition of a key, as Kafka's Java clients choose it."""
    return partitions[(murmur2(key) & 0x7FFFFFFF) % len(partitions)]


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with the seed that Kafka uses; public domain, by Austin Appleby."""
    whole = len(data) & ~3
    state = (_SEED ^ len(data)) & _MASK
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _MIX & _MASK
        word = (word ^ word >> 24) * _MIX & _MASK
        state = state * _MIX & _MASK ^ word
    if rest := data[whole:]:
        state = (state ^ int.from_bytes(rest, "little")) * _MIX & _MASK
    state = (state ^ state >> 13) * _MIX & _MASK
    return state ^ state >> 15
