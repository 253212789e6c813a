"""OpenTelemetry spans, from the fetch of a page to the delivered alert; off unless ``tracing_url`` is set.

Each article is a trace, whose id is the article's, in every service and run. A span has the id in its record's
``traceparent`` (``core.streams.headers``), so each service knows the parent span from the record:

``fetch`` (page fetched → on the raw stream) → ``process`` (→ on the stream of enriched articles) → ``alert`` (→ on the
stream of alerts) → ``deliver`` (→ its channel accepted the message)

OpenTelemetry sends the spans in batches on a thread of its own, by OTLP over HTTP; spans that can't be sent are
dropped. Nothing waits for them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from core.errors import UsageError
from core.settings import Settings

MOST_KNOWN = 10_000
"""Number of articles whose latest span is remembered as the parent of their alerts' spans."""


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
    """Sends a service's spans. Thread-safe. Close it at the end (its context does), which sends the remaining ones.

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
        """Queue a finished span."""
        trace = int(span.trace, 16)
        parent = self._of(trace, span.parent) if span.parent else None
        self._processor.on_end(
            self._made(
                name=span.name,
                context=self._of(trace, span.id),
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
        """The latest span of an article in this process, if it is known."""
        return self._latest.get(article)

    def close(self) -> None:
        """Send the remaining spans, and end the thread."""
        self._processor.shutdown()

    def __enter__(self) -> Spans:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _of(self, trace: int, span: str) -> Any:
        return self._context(trace, int(span, 16), is_remote=False, trace_flags=self._sampled)


def spans_of(settings: Settings, service: str) -> AbstractContextManager[Spans | None]:
    """A context with the spans of a service, which it closes; None if tracing is off. Raises UsageError."""
    return Spans(settings.tracing_url, service, settings.run) if settings.tracing_url else nullcontext()
