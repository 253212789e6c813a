"""Headers of the records that we append: what a value is, and a place in a trace as the W3C has it. Pure.

``schema`` names the record and its schema number, such as ``wirewatch.Article/1``, so that a reader can choose before it
parses. ``traceparent`` (W3C Trace Context) has the article's id as the trace: an article's raw record, its enriched versions
and its alerts share it, in every run and on every machine. The record's own digest is the parent. No span is recorded by
us, so the flag says "not sampled"; a tracer of your own may go on from it. ``retry-of``: a rejected record that goes through
again names its old position (``run/stream/partition/offset``); by this the connectors find after a crash what they had
appended. Nothing else of ours decides by headers.
"""

from __future__ import annotations

import re
from hashlib import sha256

from core.streams.base import Headers

SCHEMA, TRACEPARENT, RETRY_OF = "schema", "traceparent", "retry-of"
_TRACE = re.compile(r"[0-9a-f]{32}")
_NO_TRACE = "0" * 32


def headers_of(kind: str, schema: int, article: str | None, value: bytes) -> Headers:
    """The headers of a value. ``kind``: the name of its record; ``article``: the id of the article it is about."""
    headers: Headers = ((SCHEMA, f"wirewatch.{kind}/{schema}".encode()),)
    if article and _TRACE.fullmatch(article) and article != _NO_TRACE:
        # An id of zeros is not allowed; a digest of sixteen is as good as never that.
        parent = sha256(value).hexdigest()[:16]
        headers += ((TRACEPARENT, f"00-{article}-{parent}-00".encode()),)
    return headers
