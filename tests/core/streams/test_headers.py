"""What the headers of our records say, and that both ends write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.runner import to_records
from core.records import RawArticle, article_id
from core.store.outbox import ALERTS, CANARIES, ENRICHED, REJECTED, TakenRow
from core.streams.headers import headers_of
from pipeline.relay import _record

ID = article_id("https://a.example/1")
PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-00")


@given(st.binary(max_size=50))
def test_the_trace_is_the_article_s(value: bytes) -> None:
    headers = dict(headers_of("Article", 3, ID, value))
    assert headers["schema"] == b"wirewatch.Article/3"
    found = PARENT.fullmatch(headers["traceparent"])
    assert found
    assert found[1].decode() == ID
    assert headers_of("Article", 3, ID, value) == headers_of("Article", 3, ID, value)


@pytest.mark.parametrize("article", [None, "", "0" * 32, ID.upper(), ID + "0", "doc-1"])
def test_an_invalid_trace_header_gives_no_trace(article: str | None) -> None:
    assert headers_of("Outcome", 1, article, b"x") == (("schema", b"wirewatch.Outcome/1"),)


def test_connectors_write_them() -> None:
    raw = RawArticle(url="https://a.example/1", source="a", fetched_at=datetime(2026, 3, 1, tzinfo=UTC), html="x" * 900)
    for limit in (10_000, 500):
        [record], _ = to_records((raw,), limit)
        assert record.headers == headers_of("RawArticle", 1, ID, record.value)
        assert len(record.headers) == 2


@pytest.mark.parametrize(
    ("destination", "payload", "kind", "article"),
    [
        (ENRICHED, {"id": ID, "schema": 1}, "Article", ID),
        (ALERTS, {"id": "f" * 32, "article": ID, "schema": 2}, "Alert", ID),
        (CANARIES, {"id": "f" * 32, "article": ID, "schema": 1}, "Alert", ID),
        (REJECTED, {"item": "x", "article": None, "schema": 1}, "Outcome", None),
    ],
)
def test_the_relay_writes_them(destination: str, payload: dict[str, object], kind: str, article: str | None) -> None:
    text = msgspec.json.encode(payload).decode()
    record = _record(TakenRow(1, destination, "live/x", text))
    alert = str(payload["id"]) if kind == "Alert" else None
    assert record.headers == headers_of(kind, int(str(payload["schema"])), article, text.encode(), alert)


def test_a_payload_that_cannot_be_read_is_still_relayed() -> None:
    record = _record(TakenRow(1, ENRICHED, "live/x", "no JSON"))
    assert (record.value, record.headers) == (b"no JSON", (("schema", b"wirewatch.Article/1"),))
