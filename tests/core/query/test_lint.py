from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.query import Document, compile_query, lint, parse
from core.query.lint import mixed
from tests.core.query import strategies

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "query_lint.toml").read_text("utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_findings(case: dict[str, Any]) -> None:
    found = lint(case["query"])
    assert [(one.severity, one.position) for one in found] == [(one[0], one[1]) for one in case["findings"]]
    for one, (_, _, message) in zip(found, case["findings"], strict=True):
        assert message in one.message
    suggestions = [one.suggestion for one in found if one.suggestion]
    assert suggestions[:1] == ([case["suggestion"]] if "suggestion" in case else [])


@settings(max_examples=150, deadline=None)
@given(strategies.queries, strategies.texts, strategies.texts, strategies.metadata)
def test_what_is_said_never_to_match_does_not(query: str, title: str, text: str, meta: Any) -> None:
    if any(one.severity == "error" for one in lint(query)):
        assert compile_query(parse(query)).match(Document(title, text, **meta._asdict())) is None


@given(
    st.lists(st.sampled_from([*'ab*?()"“”-:', " ", " or ", " NOT ", " NEAR/3 ", "titel:", "LEAD/1("]), max_size=20).map(
        "".join
    )
)
def test_any_text_gets_findings_and_suggestions_parse(query: str) -> None:
    for one in lint(query):
        assert 0 <= one.position <= len(query)
        assert one.suggestion is None or parse(one.suggestion)


@settings(max_examples=300, deadline=None)
@given(strategies.queries)
def test_parentheses_that_are_shown_are_how_the_query_is_read(query: str) -> None:
    places, better = mixed(query)
    assert parse(better) == parse(query)
    assert bool(places) == (better != query)
    assert mixed(better) == ([], better)
