"""Records as JSON, the two representations of time, and the part of a record that a replay must reproduce. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import msgspec

from core.records.alert import Alert
from core.records.article import Article
from core.records.raw import Outcome

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
    """The record in ``data``. Raises msgspec.DecodeError (ValidationError if the JSON is valid but not this record)."""
    record: T = _decoder(kind).decode(data)  # type: ignore[arg-type]
    return record


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down. A naive time is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The UTC time of ``ms`` milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=ms)


_OUTSIDE: dict[type[Article | Alert | Outcome], frozenset[str]] = {
    Article: frozenset({"position", "marks"}),
    Alert: frozenset({"run"}),
    Outcome: frozenset({"run", "stream", "partition", "first_offset", "last_offset"}),
}


def project(record: Article | Alert | Outcome) -> dict[str, Any]:
    """The part of a record that is equal in every run of one input, as JSON types, with the names on the wire.

    It leaves out the run's name, the raw record's position, the time of processing, and marks, which note what may
    differ (a time-out of extraction). Everything else must be equal: order keys, stories, copies, versions, matches,
    reasons. ``fetched_at`` stays: it comes with the raw record. An outcome keeps its ``item``, by which two runs are
    compared; for a bounded input that is the file and line, so a comparison with a stream needs items that name the
    same thing.
    """
    # Through JSON, so that a record equals its copy that was written and read back.
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(record))
    outside = _OUTSIDE[type(record)]
    return {name: value for name, value in fields.items() if name not in outside}
