"""No short true article is refused: each of two corpora's articles comes through, wrapped in a plain page without any facts.

Optional: the corpora are not part of the project, and without them there is nothing to do.
"""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import ExtractionError
from pipeline.extraction.clean import extract
from tests.corpora import corpus

FETCHED = datetime(2026, 11, 29, 12, tzinfo=UTC)

pytestmark = pytest.mark.corpus


def articles(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(corpus(f"{name}/articles.jsonl.gz"), "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def wrapped(article: dict[str, Any]) -> str:
    title = html.escape(article.get("title") or "")
    paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in article["text"].split("\n") if line.strip())
    heading = f"<h1>{title}</h1>" if title else ""
    return (
        f"<!doctype html><html><head><meta charset=utf-8><title>{title or 'News'} | The Outlet</title></head><body>"
        "<nav><a href=/>Home</a> <a href=/login>Log in</a> <a href=/subscribe>Subscribe</a></nav>"
        f"<main>{heading}<div>{paragraphs}</div></main>"
        "<footer><p>We use cookies. © The Outlet</p></footer></body></html>"
    )


@pytest.mark.parametrize("name", ["topics", "events"])
@pytest.mark.parametrize("told", [True, False], ids=["with the feed's headline", "without a feed"])
def test_every_article_comes_through(name: str, told: bool) -> None:
    refused = []
    for article in articles(name):
        try:
            found = extract(
                wrapped(article),
                url=article["url"],
                fetched_at=FETCHED,
                title_hint=article.get("title") if told else None,
            )
        except ExtractionError as error:
            refused.append((article["url"], str(error)))
            continue
        if found.wall is not None:
            refused.append((article["url"], found.wall))
    assert refused == []
