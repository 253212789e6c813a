"""Raw articles to the records of a stream."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from core.errors import RecordTooLarge
from core.records import RawArticle, article_id, encode
from core.streams.base import NewRecord, Stream

TOO_LARGE = "too_large"
"""RawArticle.stub of an article whose body the stream would not take."""

_LEAST_BYTES = 1_024


def append_all(stream: Stream, polled: Sequence[tuple[RawArticle, ...]]) -> list[int]:
    """Append what several polls gave, in one go, and return for each how many had to go without their body.

    Raises StreamError; nothing is appended then, or all.
    """
    limit = stream.max_value_bytes
    while any(polled):
        made = [to_records(items, limit) for items in polled]
        try:
            stream.append([record for records, _ in made for record in records])
        except RecordTooLarge as error:
            # The stream counts more than the value (headers, its own framing).
            limit = min(limit - 1, error.size_bytes - 1)
            if limit < _LEAST_BYTES:
                raise
        else:
            return [stubs for _, stubs in made]
    return [0] * len(polled)


def to_records(items: tuple[RawArticle, ...], limit_bytes: int) -> tuple[list[NewRecord], int]:
    """Encode the articles, keyed by article id, and count those that became stubs since they are over the limit.

    A stub has no body, and no summary, guid and authors if it would be too large with them.
    """
    records, stubs = [], 0
    for item in items:
        value = encode(item)
        if len(value) > limit_bytes:
            stubs += 1
            stub = replace(item, html=None, text=None, stub=TOO_LARGE)
            value = encode(stub)
            if len(value) > limit_bytes:
                value = encode(replace(stub, summary=None, guid=None, authors=()))
        records.append(NewRecord(article_id(item.url).encode(), value))
    return records, stubs
