"""Feed documents as outlets deliver them, byte for byte, with what must be taken from each.

``tests/cases/feed_documents``: written before they were read. Times in ``expected.jsonl`` are UTC; what an item's expectation
leaves out has more than one right answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.feeds import parse_feed
from connectors.feeds.age import with_dates
from connectors.feeds.items import FeedItem
from core.errors import FeedError
from core.records import from_ms
from pipeline.text.dates import parse_date
from pipeline.text.written_days import DateContext

FOLDER = Path(__file__).parents[1] / "cases/feed_documents"
CASES = [json.loads(line) for line in (FOLDER / "expected.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['kind']} {case['file']}" for case in CASES])
def test_a_delivered_document_gives_what_its_case_says(case: dict[str, Any]) -> None:
    body = (FOLDER / case["file"]).read_bytes()
    headers = {name.lower(): value for name, value in case.get("headers", {}).items()}
    if case.get("error"):
        with pytest.raises(FeedError):
            parse_feed(body, url=case["url"], content_type=headers.get("content-type"))
        return
    feed = parse_feed(body, url=case["url"], content_type=headers.get("content-type"))
    items = with_dates(feed.items, feed.language, lambda claim, code: parse_date(claim, DateContext(language=code)))
    assert len(items) == len(case["items"]), items
    for item, wanted in zip(items, case["items"], strict=True):
        shown = _shown(item)
        assert {name: shown[name] for name in wanted if name in shown} == {
            name: value for name, value in wanted.items() if name in shown
        }
        for name in ("summary_contains", "content_contains"):
            assert wanted.get(name, "") in (item.summary or "") + (item.content or "")


def _shown(item: FeedItem) -> dict[str, Any]:
    dated = None if item.dated_ms is None else f"{from_ms(item.dated_ms):%Y-%m-%dT%H:%M:%SZ}"
    return {"title": item.title, "link": item.url, "published": dated, "authors": [*item.authors]}
