from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query import lint, parse
from core.query.near_misses import mended, near_misses
from tests.core.query import strategies

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "query_near_misses.toml").read_text("utf-8"))


@pytest.mark.parametrize(("query", "meant"), CASES["told"])
def test_a_near_miss_is_reported_with_the_likely_intention(query: str, meant: str) -> None:
    findings = [one for one in lint(query) if one.confirm or one.severity == "error"]
    assert findings or parse(query) == parse(meant)
    assert {one.suggestion for one in findings} <= {meant}
    assert near_misses(meant) == []


@pytest.mark.parametrize(("query", "meant"), CASES["lists"])
def test_a_comma_means_or_beside_one_that_was_probably_meant(query: str, meant: str) -> None:
    assert mended(query, near_misses(query)) == meant


@pytest.mark.parametrize("query", CASES["noted"])
def test_what_may_be_a_word_is_noted(query: str) -> None:
    found = [one for one in lint(query) if one.suggestion]
    assert [one.severity for one in found] == ["note"]
    assert not found[0].confirm


@pytest.mark.parametrize("query", CASES["quiet"])
def test_ordinary_queries_are_left_alone(query: str) -> None:
    assert near_misses(query) == []
    assert [one for one in lint(query) if one.confirm or one.severity == "error"] == []


@given(strategies.queries)
def test_queries_in_capitals_have_none(query: str) -> None:
    assert [one for one in near_misses(query) if one.certain] == []


@given(
    st.lists(st.sampled_from([*"'‘’[]{}|&~:/()\"", "a", "b c", " or ", " Not ", " near", "5", "\u200f"]), max_size=25)
)
def test_any_text_has_near_misses_in_order_that_can_be_mended(parts: list[str]) -> None:
    query = "".join(parts)
    found = near_misses(query)
    assert all(0 <= one.start < one.end <= len(query) for one in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert isinstance(mended(query, found), str)
