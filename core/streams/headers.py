"""Headers of the records that we append: the type of the value, and a W3C trace context. Pure.

``schema`` names the record and its schema number, such as ``wirewatch.Article/1``, so that a reader can select records
before parsing them. ``traceparent`` (W3C Trace Context) has the article's id as the trace id: an article's raw record,
its enriched versions and its alerts share it, in every run and on every machine. The parent id is the record's digest
or, for an alert, that of its id. The flag is "not sampled" unless ``tracing_url`` is set (``core.tracing``); your own
tracer can continue from it. ``retry-of``: the old position (``run/stream/partition/offset``) of a rejected record that
is retried, by which the connectors find what they had appended before a crash. Nothing else in Wirewatch depends on
headers.
"""

from __future__ import annotations

import re

from core.records.identity import raw_hash
from core.streams.base import Headers

SCHEMA, TRACEPARENT, RETRY_OF = "schema", "traceparent", "retry-of"
_TRACE = re.compile(r"[0-9a-f]{32}")
_NO_TRACE = "0" * 32


def headers_of(
    kind: str, schema: int, article: str | None, value: bytes, alert: str | None = None, digest: str = ""
) -> Headers:
    """The headers for a value. ``kind``: the name of its record type; ``article``: the id of the article it is about.

    ``alert``: the id of an alert. ``digest``: the value's ``raw_hash``, if the caller has it.
    """
    headers: Headers = ((SCHEMA, f"wirewatch.{kind}/{schema}".encode()),)
    if article and is_trace(article):
        span = digest[:16] if digest and not alert else span_of(alert.encode() if alert else value)
        headers += ((TRACEPARENT, f"00-{article}-{span}-00".encode()),)
    return headers


def is_trace(article: str) -> bool:
    """Whether the id of an article is valid as the id of a trace."""
    return _TRACE.fullmatch(article) is not None and article != _NO_TRACE


def span_of(value: bytes) -> str:
    """The id of a record's span. An id of zeros is not allowed; a digest of sixteen digits practically never is."""
    return raw_hash(value)[:16]


def sampled(headers: Headers) -> Headers:
    """The headers with the trace marked as sampled."""
    return tuple((name, value[:-2] + b"01" if name == TRACEPARENT else value) for name, value in headers)
