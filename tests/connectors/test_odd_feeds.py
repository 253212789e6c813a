"""Single documents of odd feeds, as tables in ``tests/cases``: ``feeds_odd``, ``feeds_odd_more`` and ``feeds_blind``."""

from __future__ import annotations

import gzip
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.feeds import parse_feed
from connectors.feeds.age import told_dates, with_dates
from connectors.feeds.items import FeedItem
from core.errors import FeedError
from core.records import from_ms, to_ms
from pipeline.text.dates import parse_date
from pipeline.text.written_days import DateContext
from tests.connectors.support import NOON

FILES = [
    Path(__file__).parent.parent / "cases" / name
    for name in ("feeds_odd.toml", "feeds_odd_more.toml", "feeds_blind.toml")
]
CASES = [case for file in FILES for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]]


def fields(item: FeedItem) -> dict[str, Any]:
    dated = "" if item.dated_ms is None else f"{from_ms(item.dated_ms):%Y-%m-%dT%H:%M:%SZ}"
    return {name: getattr(item, name) for name in item.__struct_fields__} | {"dated": dated, "authors": [*item.authors]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["about"]))
def test_an_odd_feed_gives_the_items_or_the_error_of_its_case(case: dict[str, Any]) -> None:
    encoding = case.get("encode", "utf-8")
    body = case["body"].encode(encoding)
    for sign, raw in case.get("bytes", {}).items():
        body = body.replace(sign.encode(encoding), bytes.fromhex(raw))
    if case.get("gzip"):
        body = gzip.compress(body)
    url = case.get("url", "https://f.example/rss")
    if "error" in case:
        with pytest.raises(FeedError, match=case["error"]):
            parse_feed(body, url=url, content_type=case.get("content_type"))
        return
    feed = parse_feed(body, url=url, content_type=case.get("content_type"))
    assert list(feed.children) == case.get("children", [])
    items = with_dates(
        feed.items, feed.language, lambda claim, language: parse_date(claim, DateContext(language=language))
    )
    found = [fields(item) for item in items]
    assert len(found) == len(case["items"]), found
    for one, wanted in zip(found, case["items"], strict=True):
        assert {name: "" if one[name] is None else one[name] for name in wanted} == wanted
    if "counts" in case:
        # Whether the items' dates count for anything.
        assert [date is not None for date in told_dates(items, to_ms(NOON))] == case["counts"]
