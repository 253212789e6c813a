"""Headers of the records that we append: what a value is, and a place in a trace as the W3C has it. Pure.

``schema`` names the record and its schema number, such as ``wirewatch.Article/1``, so that a reader can choose before it
parses. ``traceparent`` (W3C Trace Context) has the article's id as the trace: an article's raw record, its enriched versions
and its alerts share it, in every run and on every machine. The record's own digest is the parent, an alert's that of its id.
The flag says "not sampled" unless there is a ``tracing_url`` (``core.tracing``); a tracer of your own may go on from it.
``retry-of``: a rejected record that goes through again names its old position (``run/stream/partition/offset``); by this
the connectors find after a crash what they had appended. Nothing else of ours decides by headers.
"""

from __future__ import annotations

import re

from core.records.identity import raw_hash
from core.streams.base import Headers

SCHEMA, TRACEPARENT, RETRY_OF = "schema", "traceparent", "retry-of"
_TRACE = re.compile(r"[0-9a-f]{32}")
_NO_TRACE = "0" * 32


def headers_of(kind: str, schema: int, article: str | None, value: bytes, alert: str | None = None) -> Headers:
    """The headers of a value. ``kind``: the name of its record; ``article``: the id of the article it is about.

    ``alert``: the id of an alert.
    """
    headers: Headers = ((SCHEMA, f"wirewatch.{kind}/{schema}".encode()),)
    if article and is_trace(article):
        headers += ((TRACEPARENT, f"00-{article}-{span_of(alert.encode() if alert else value)}-00".encode()),)
    return headers


def is_trace(article: str) -> bool:
    """Whether the id of an article may be that of a trace."""
    return _TRACE.fullmatch(article) is not None and article != _NO_TRACE


def span_of(value: bytes) -> str:
    """The id of a record's span. An id of zeros is not allowed; a digest of sixteen digits is as good as never that."""
    return raw_hash(value)[:16]


def sampled(headers: Headers) -> Headers:
    """The headers, with a trace that is recorded."""
    return tuple((name, value[:-2] + b"01" if name == TRACEPARENT else value) for name, value in headers)
