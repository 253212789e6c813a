"""Queries as media analysts type them, each with an article: found or not, the marked words, or an error.

``tests/cases/query_articles.jsonl``: written before it was run. ``matches`` is null for a query that must be refused, or of
which the linter must say that it is wrong; ``spans`` are the marked words, in any order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.query import Document
from core.query.compile import compile_query
from core.query.lint import lint
from core.query.parse import parse

FILE = Path(__file__).parents[2] / "cases/query_articles.jsonl"
CASES = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['kind']} {number}" for number, case in enumerate(CASES)])
def test_a_query_and_an_article(case: dict[str, Any]) -> None:
    findings = [finding for finding in lint(case["query"]) if finding.severity == "error"]
    if case["matches"] is None:
        assert findings
        return
    article = dict(case["article"])
    document = Document(
        article.pop("title"),
        article.pop("text"),
        source=article.pop("outlet", ""),
        authors=tuple(article.pop("authors", ())),
        **article,
    )
    found = compile_query(parse(case["query"])).match(document)
    assert (found is not None) is case["matches"]
    if "spans" in case and found is not None:
        assert sorted(one.text for one in found) == sorted(case["spans"])
