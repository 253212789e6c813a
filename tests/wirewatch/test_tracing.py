"""Traces from the fetch of a page to the alert that was sent, as a receiver of OTLP in this process gets them."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.runner import to_records
from core.clock import wall_ms
from core.errors import StoreError, UsageError
from core.records import RawArticle, Subscription, article_id, from_ms
from core.settings import Settings
from core.store import Store, SubscriptionStore, open_store
from core.streams import create_stream, open_stream
from core.streams.embedded.stream import SqliteStream
from core.streams.traced import traced
from core.tracing import Spans, spans_of
from pipeline.drivers import live
from pipeline.drivers.live import run_in_slices
from tests.desk.delivery.support import hook, receiving, service, settle
from tests.serving import Answering, Handler

URL = "https://outlet.example/1"
TEXT = "The council of the town met on Monday and talked about the harbour and its bridge for an hour. " * 3


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """An OTLP receiver: its address, and the spans that it got, each with its service."""
    got: list[Any] = []

    class Receiver(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = ExportTraceServiceRequest()
            asked.ParseFromString(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            assert self.path == "/v1/traces"
            for resource in asked.resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                got.extend((named["service.name"], span) for scope in resource.scope_spans for span in scope.spans)
            self.send(200)

    with Answering(Receiver) as server:
        yield server.url, got


def test_a_trace_goes_from_the_fetch_to_the_delivered_alert(tmp_path: Path) -> None:
    with collector() as (url, got):
        settings = Settings(data_dir=str(tmp_path), extraction_processes=0, tracing_url=url)
        store = open_store(settings.store)
        SubscriptionStore(store).save_subscriptions(
            [Subscription(id="harbour", query="harbour", delivery=("hook",))], now_ms=0, from_the_beginning=True
        )
        began_ms = wall_ms()
        raw = RawArticle(url=URL, source="outlet", fetched_at=from_ms(began_ms), title="The harbour", text=TEXT)
        records, _ = to_records((raw,), 1 << 20)
        with (
            spans_of(settings, "connectors") as spans,
            create_stream(settings.stream, settings.raw_stream) as stream,
        ):
            traced(stream, spans, wall_ms).append(records)
            [kept] = [one for one in stream.read(dict.fromkeys(stream.partitions(), 0)) if one.key == records[0].key]
            assert dict(kept.headers)["traceparent"].endswith(b"-01")
        assert run_in_slices(settings, clock_ms=wall_ms, stop=lambda: False, until_empty=True) == 1
        deliver(store, settings)
        store.close()
    by_name = {span.name: (service, span) for service, span in got}
    assert [name for name in ("fetch", "process", "alert", "deliver") if name not in by_name] == []
    assert {service for service, _ in got} == {"wirewatch-connectors", "wirewatch-pipeline", "wirewatch-delivery"}
    assert {span.trace_id.hex() for _, span in got} == {article_id(URL)}
    chain = [by_name[name][1] for name in ("fetch", "process", "alert", "deliver")]
    assert chain[0].parent_span_id == b""
    for before, after in pairwise(chain):
        assert after.parent_span_id == before.span_id, after.name
    for span in chain:
        assert began_ms * 1_000_000 <= span.start_time_unix_nano <= span.end_time_unix_nano


def deliver(store: Store, settings: Settings) -> None:
    with spans_of(settings, "delivery") as spans, receiving() as receiver:
        hook(store, receiver.url)
        work = service(store, wall_ms, spans=spans)
        settle(work)
        assert len(receiver.got) == 1
        work.close()


def test_nothing_is_recorded_unless_it_is_asked_for(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    with spans_of(settings, "pipeline") as none:
        assert none is None
    with create_stream(settings.stream, settings.raw_stream) as stream:
        assert traced(stream, None, wall_ms) is stream
        raw = RawArticle(url=URL, source="outlet", fetched_at=from_ms(0), text=TEXT)
        records, _ = to_records((raw,), 1 << 20)
        stream.append(records)
    with open_stream(settings.stream, settings.raw_stream) as stream:
        [kept] = stream.read(dict.fromkeys(stream.partitions(), 0))
        assert dict(kept.headers)["traceparent"].endswith(b"-00")


def test_a_receiver_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path), tracing_url="http://127.0.0.1:9")
    with spans_of(settings, "connectors") as spans, create_stream(settings.stream, settings.raw_stream) as stream:
        raw = RawArticle(url=URL, source="outlet", fetched_at=from_ms(0), text=TEXT)
        records, _ = to_records((raw,), 1 << 20)
        assert len(traced(stream, spans, wall_ms).append(records)) == 1


def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, left = Counter[type](), set[object]()
    for kind in (Spans, Store, SqliteStream):

        def begin(self: Any, *given: Any, kind: Any = kind, begin: Any = kind.__init__, **options: Any) -> None:
            begin(self, *given, **options)
            opened[kind] += 1
            left.add(self)

        def close(self: Any, *, close: Any = kind.close) -> None:
            left.discard(self)
            close(self)

        monkeypatch.setattr(kind, "__init__", begin)
        monkeypatch.setattr(kind, "close", close)
    monkeypatch.setattr(live, "begin_telling", mock.Mock(side_effect=StoreError("the disk is full")))
    settings = Settings(data_dir=str(tmp_path), tracing_url="http://127.0.0.1:9")
    with pytest.raises(StoreError, match="the disk is full"):
        live.LiveRun(settings, wall_ms)
    assert set(opened) == {Spans, Store, SqliteStream}
    assert left == set()


def test_without_its_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UsageError, match=r"tracing_url needs further packages.*wirewatch\[tracing\]"):
        Spans("http://127.0.0.1:9", "pipeline", "live")
