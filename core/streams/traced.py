"""A stream that records a span for each appended record: the end of a step of its article (``core.tracing``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec

from core.records import to_ms
from core.streams.base import Appended, NewRecord, Stream
from core.streams.headers import TRACEPARENT, sampled
from core.tracing import Span, Spans


class _Key(msgspec.Struct):
    time_ms: int
    raw_hash: str


class _Times(msgspec.Struct):
    """When the step began, for a raw record, an enriched article or an alert."""

    fetched_at: datetime | None = None
    raised_at: datetime | None = None
    key: _Key | None = None
    source: str = ""


_TIMES = msgspec.json.Decoder(_Times)


def traced(stream: Stream, spans: Spans | None, clock_ms: Callable[[], int]) -> Stream:
    """The stream; with ``spans``, one that adds a span for each appended record and marks it as sampled."""
    return stream if spans is None else cast("Stream", _Traced(stream, spans, clock_ms))


class _Traced:
    def __init__(self, stream: Stream, spans: Spans, clock_ms: Callable[[], int]) -> None:
        self._stream, self._spans, self._clock_ms = stream, spans, clock_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def append(self, records: Sequence[NewRecord]) -> Sequence[Appended]:
        """Like the stream's own. The record is only read, not changed; one that can't be parsed has no span."""
        done = self._stream.append([record._replace(headers=sampled(record.headers)) for record in records])
        end_ms = self._clock_ms()
        for record in records:
            if (parent := dict(record.headers).get(TRACEPARENT)) is not None:
                self._add(record, parent.decode(), end_ms)
        return done

    def _add(self, record: NewRecord, traceparent: str, end_ms: int) -> None:
        _, trace, identity, _ = traceparent.split("-")
        try:
            about = _TIMES.decode(record.value)
        except msgspec.MsgspecError:
            return
        if about.raised_at is not None:
            name, start, parent = "alert", to_ms(about.raised_at), self._spans.latest(trace)
        elif about.key is not None:
            # The raw record's span has its digest as its id.
            name, start, parent = "process", about.key.time_ms, about.key.raw_hash[: len(identity)]
            self._spans.note(trace, identity)
        elif about.fetched_at is not None:
            name, start, parent = "fetch", to_ms(about.fetched_at), None
        else:
            return
        what = {"source": about.source, "stream": self._stream.name}
        self._spans.add(Span(name, trace, identity, parent, start, end_ms, what))
