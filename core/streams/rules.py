"""What all streams have in common: names, limits, the way from key to partition. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from core.errors import RecordTooLarge, UsageError
from core.streams.base import NewRecord

# Kafka's own rule; the embedded stream holds to it too, so that a name that works on a laptop works on a cluster.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}\Z")

FREE_KEY_BYTES = 512
"""Bytes of a key that are not counted against the limit of its value."""

_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_MIX = 0x5BD1E995


def check_name(name: str) -> str:
    """``name`` itself where it may name a stream. Raises UsageError."""
    if not _NAME.match(name) or name in {".", ".."}:
        raise UsageError(
            f"{name!r} can't be a stream's name", hint="use 1 to 249 of the characters A-Z a-z 0-9 . _ - (Kafka's rule)"
        )
    return name


def check_partitions(count: int) -> int:
    """``count`` itself where a stream may have that many partitions. Raises UsageError."""
    if not 1 <= count <= 10_000:
        raise UsageError(f"a stream can't have {count} partitions", hint="use 1 to 10000")
    return count


def check_sizes(label: str, records: Sequence[NewRecord], limit_bytes: int) -> None:
    """Raise RecordTooLarge where a value, with what its key has over FREE_KEY_BYTES, is larger than ``limit_bytes``."""
    for record in records:
        size = len(record.value) + max(0, len(record.key) - FREE_KEY_BYTES)
        if size > limit_bytes:
            raise RecordTooLarge(label, size, limit_bytes)


def parse_options(query: str, known: Sequence[str], scheme: str) -> Mapping[str, str]:
    """The options of a stream URL's query. Raises UsageError for an unknown, repeated or empty one; shows no values."""
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
    """The number in option ``name``, ``default`` where it is missing. Raises UsageError unless it is positive."""
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
    """The partition that a key belongs to, the same as Kafka's Java clients choose for as many partitions."""
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
