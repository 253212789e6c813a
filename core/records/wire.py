"""JSON on the wire, and the two forms of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encoder = msgspec.json.Encoder()


@cache
def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def encode(record: Any) -> bytes:
    """One record as one line of compact UTF-8 JSON, without a line end."""
    return _encoder.encode(record)


def decode(data: bytes, kind: type[T]) -> T:
    """The record in ``data``. Raises msgspec.DecodeError (ValidationError where the JSON is sound but not this record)."""
    record: T = _decoder(kind).decode(data)  # type: ignore[arg-type]
    return record


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down. A naive time is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The UTC time of ``ms`` milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=ms)
