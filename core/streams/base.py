"""The stream port, which connectors write to and the reader reads from (docs/architecture.md, "Streams").

A stream is an append-only log in numbered partitions; a record's offset is its place in its partition. Offsets ascend
but may have gaps (compaction, transactions): a gap is not a loss. Records with the same key go to the same partition,
so they stay in order. Time is the append time in whole milliseconds since the epoch, stamped by the stream (a Kafka
broker with ``LogAppendTime``; the embedded stream stamps max(now, last) inside its lock), unless the writer sets it for
an archive.

Implementations can be used from several processes, each with its own instance; one instance belongs to one thread. All
of them pass one contract suite (``tests/contracts/test_stream_contract.py``). The rest of this module has their shared
parts: names, limits, options of URLs, the mapping from keys to partitions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Protocol, Self, runtime_checkable
from urllib.parse import parse_qsl

from core.errors import RecordTooLarge, UsageError
from core.records.identity import raw_hash

# Kafka's rule. The embedded stream has it too, so that a name that works on a laptop also works on a cluster.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")

FREE_KEY_BYTES = 512
"""Bytes of a key that do not count towards the limit of its value."""

_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_MIX = 0x5BD1E995


Headers = tuple[tuple[str, bytes], ...]
"""Headers of a record, as in Kafka: names may occur twice, and values of other programs may be any bytes."""


class Packed(NamedTuple):
    """A value that is unpacked when it is needed. ``size``: its bytes once unpacked."""

    size: int
    unpack: Callable[[], bytes]


class StreamRecord:
    """A record that was read. ``timestamp_ms`` is its event time; ``key`` may be None in records of other programs.

    ``epoch``: the leader epoch in which it was written, which rises whenever a log may have been truncated; -1: unknown.
    ``size``: bytes of its value. ``value`` may be unpacked, and ``digest`` (the value's ``raw_hash``) computed, at the
    first use: a record whose draft is kept needs neither. Unpacking raises StreamError if the value is damaged.
    """

    __slots__ = (
        "_digest",
        "_packed",
        "_value",
        "epoch",
        "headers",
        "key",
        "offset",
        "partition",
        "size",
        "timestamp_ms",
    )

    def __init__(
        self,
        partition: int,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        value: bytes | Packed,
        epoch: int = -1,
        headers: Headers = (),
        digest: str = "",
    ) -> None:
        self.partition, self.offset, self.timestamp_ms, self.key = partition, offset, timestamp_ms, key
        self.epoch, self.headers, self._digest = epoch, headers, digest
        self._packed = value if isinstance(value, Packed) else None
        self._value = b"" if isinstance(value, Packed) else value
        self.size = value.size if isinstance(value, Packed) else len(value)

    @property
    def value(self) -> bytes:
        """The content. Raises StreamError."""
        if self._packed is not None:
            self._value, self._packed = self._packed.unpack(), None
        return self._value

    @property
    def digest(self) -> str:
        """The ``raw_hash`` of the value."""
        if not self._digest:
            self._digest = raw_hash(self.value)
        return self._digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StreamRecord) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash((self.partition, self.offset))

    def __repr__(self) -> str:
        return f"StreamRecord{self._content()!r}"

    def _content(self) -> tuple[object, ...]:
        return self.partition, self.offset, self.timestamp_ms, self.key, self.value, self.epoch, self.headers


class Appended(NamedTuple):
    """The place of an acknowledged record."""

    partition: int
    offset: int
    timestamp_ms: int


class NewRecord(NamedTuple):
    """A record to append. ``partition`` None: by key. ``timestamp_ms`` None: by the stream's clock.

    ``digest``: the value's ``raw_hash``, if the caller has it: a stream that can stores it, so that readers need not
    compute it.
    """

    key: bytes
    value: bytes
    partition: int | None = None
    timestamp_ms: int | None = None
    headers: Headers = ()
    digest: str = ""


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
        """The identity of this log: one that was deleted and recreated under the same name has another."""

    @property
    def max_value_bytes(self) -> int:
        """The largest value that ``append`` accepts."""

    def partitions(self) -> Sequence[int]:
        """The current partitions, ascending. New ones may appear later."""

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """Append in the given order, and wait until all are acknowledged as durable.

        Raises RecordTooLarge, before anything is appended, if a value is over the limit. Raises StreamUnavailable if
        the stream can't be reached; some of the records may then have been appended, and appending them again may
        repeat them (at least once). Raises WriterFenced, without any committed record, if another instance has taken
        this one's writer's name.
        """

    def fence(self, writer: str) -> None:
        """From now on, append as ``writer``, as the only instance that can. Raises StreamUnavailable.

        Once this returns, no append that another instance began under this name can still arrive: it is already stored,
        or it raises WriterFenced, even if its process was suspended for long. Each append as a writer is all or nothing
        for readers of committed records. After an append that raised anything except RecordTooLarge, call ``fence``
        again before the next one; the caller must first make sure that it still owns the name.
        """

    def read(self, offsets: Mapping[int, int], *, max_bytes: int = 8 << 20, wait_ms: int = 0) -> Sequence[StreamRecord]:
        """Records from the given offset of each partition, ascending within a partition, about ``max_bytes`` in total.

        If there are records, it returns at least one, whatever its size; an empty result means that none arrived within
        ``wait_ms``. Reading the same offsets again returns the same records: there is no hidden position. Raises
        OffsetOutOfRange if an offset is below the log's start or past its end, StreamUnavailable if the stream can't be
        reached.
        """

    def start_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """The lowest stored offset of each partition (the end offset if it is empty)."""

    def end_offsets(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """The offset that the next record will get, for each partition."""

    def epoch_ends(self, epochs: Mapping[int, int]) -> Mapping[int, int]:
        """For each partition and leader epoch, the offset at which records of that and earlier epochs now end.

        Records of the epoch that were read at or above this offset are gone. Partitions for which it is unknown are left out.
        """

    def commit(self, group: str, offsets: Mapping[int, int]) -> None:
        """Store a group's position (next offset to read) for lag tools. No reader resumes from it."""

    def committed(self, group: str) -> Mapping[int, int]:
        """The last committed position of the group; partitions without one are left out."""

    def close(self) -> None:
        """Release connections and files. The instance can't be used afterwards; closing twice is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_name(name: str) -> str:
    """Return ``name``. Raises UsageError if it is not a valid stream name."""
    if not _NAME.match(name) or name in {".", ".."}:
        raise UsageError(
            f"{name!r} is not a valid stream name",
            hint="use 1 to 249 of the characters A-Z a-z 0-9 . _ - (Kafka's rule)",
        )
    return name


def check_partitions(count: int) -> int:
    """Return ``count``. Raises UsageError if a stream can't have that many partitions."""
    if not 1 <= count <= 10_000:
        raise UsageError(f"a stream can't have {count} partitions", hint="use 1 to 10000")
    return count


def check_sizes(label: str, records: Sequence[NewRecord], limit_bytes: int) -> None:
    """Raise RecordTooLarge if a value, plus the part of its key beyond FREE_KEY_BYTES, is larger than ``limit_bytes``."""
    for record in records:
        size = len(record.value) + max(0, len(record.key) - FREE_KEY_BYTES)
        if size > limit_bytes:
            raise RecordTooLarge(label, size, limit_bytes)


def parse_options(query: str, known: Sequence[str], scheme: str) -> Mapping[str, str]:
    """The options in the query of a stream's URL. Raises UsageError, without values, for unknown, repeated or empty ones."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise UsageError(
                f"{scheme} URLs have no option {name!r}", hint=f"known options: {', '.join(sorted(known))}"
            )
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
    """The partition for a key, as chosen by Kafka's Java clients."""
    return partitions[(murmur2(key) & 0x7FFFFFFF) % len(partitions)]


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with Kafka's seed; public domain, by Austin Appleby."""
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
