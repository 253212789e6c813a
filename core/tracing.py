"""Spans of OpenTelemetry, from the fetch of a page to the alert that a person was sent; off unless there is a ``tracing_url``.

Each article is a trace, whose id is the article's, in every service and run. A span has the id that stands in its record's
``traceparent`` (``core.streams.headers``), so each service knows its parent without being passed it:

``fetch`` (page fetched → on the raw stream) → ``process`` (→ on the stream of enriched articles) → ``alert`` (→ on the
stream of alerts) → ``deliver`` (→ its channel took the message over)

Spans are sent in batches on a thread of OpenTelemetry's own, by OTLP over HTTP; what can't be sent is dropped. Nothing waits
for them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.errors import UsageError
from core.settings import Settings

MOST_KNOWN = 10_000
"""Articles whose latest span is remembered, to be the parent of their alerts'."""


class Span(NamedTuple):
    """One finished step of an article. ``trace`` and the ids are hexadecimal digits; times are ms since the epoch, UTC."""

    name: str
    trace: str
    id: str
    parent: str | None
    start_ms: int
    end_ms: int
    about: Mapping[str, str]


class Spans:
    """Where a service's spans go. Thread-safe. Close it at the end: it sends what is left.

    Raises UsageError if the packages for it are not installed.
    """

    def __init__(self, url: str, service: str, run: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import ReadableSpan
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanContext, TraceFlags
        except ImportError as error:
            raise UsageError("tracing_url needs further packages", hint="pip install 'wirewatch[tracing]'") from error
        self._made, self._context, self._sampled = ReadableSpan, SpanContext, TraceFlags(TraceFlags.SAMPLED)
        self._resource = Resource.create({"service.name": f"wirewatch-{service}", "wirewatch.run": run})
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces"))
        self._latest: OrderedDict[str, str] = OrderedDict()

    def add(self, span: Span) -> None:
        """Hand over a finished span."""
        parent = self._of(span.trace, span.parent) if span.parent else None
        self._processor.on_end(
            self._made(
                name=span.name,
                context=self._of(span.trace, span.id),
                parent=parent,
                resource=self._resource,
                attributes={f"wirewatch.{name}": value for name, value in span.about.items()},
                start_time=span.start_ms * 1_000_000,
                end_time=max(span.start_ms, span.end_ms) * 1_000_000,
            )
        )

    def note(self, article: str, span: str) -> None:
        """Remember the latest span of an article."""
        self._latest[article] = span
        self._latest.move_to_end(article)
        while len(self._latest) > MOST_KNOWN:
            self._latest.popitem(last=False)

    def latest(self, article: str) -> str | None:
        """The latest span of an article here, as far as it is known."""
        return self._latest.get(article)

    def close(self) -> None:
        """Send what is left, and end the thread."""
        self._processor.shutdown()

    def _of(self, trace: str, span: str) -> Any:
        return self._context(int(trace, 16), int(span, 16), is_remote=False, trace_flags=self._sampled)


def spans_of(settings: Settings, service: str) -> Spans | None:
    """The spans of a service; None if no traces are wanted. Raises UsageError."""
    return Spans(settings.tracing_url, service, settings.run) if settings.tracing_url else None
