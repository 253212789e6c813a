"""Other vendors' queries: a table for each dialect, and what holds for all."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import QueryError
from core.query import format_query, parse
from core.query.importing import DIALECTS, import_query

CASES = {
    dialect: tomllib.loads((Path(__file__).parents[3] / "cases" / f"import_{dialect}.toml").read_text("utf-8"))["case"]
    for dialect in DIALECTS
}
ALL = [pytest.param(dialect, case, id=f"{dialect}: {case['query']}") for dialect in CASES for case in CASES[dialect]]


@pytest.mark.parametrize(("dialect", "case"), ALL)
def test_what_a_query_becomes(dialect: str, case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(QueryError) as caught:
            import_query(case["query"], dialect)
        assert case["error"] in caught.value.problem
        assert caught.value.position == case["position"]
        assert caught.value.query == case["query"]
        return
    imported = import_query(case["query"], dialect)
    assert imported.query == case["becomes"]
    assert parse(format_query(parse(imported.query))) == parse(imported.query)
    said = [change.text for change in imported.changes]
    assert len(set(said)) == len(said)
    for words in case.get("says", ()):
        assert any(words in text for text in said), said
    if case.get("says") == []:
        assert said == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_has_a_good_table(dialect: str) -> None:
    assert sum("becomes" in case for case in CASES[dialect]) >= 25
    assert sum("error" in case for case in CASES[dialect]) >= 8


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_case_becomes_means_the_same_with_more_white_space(dialect: str) -> None:
    for case in CASES[dialect]:
        if "becomes" in case:
            assert import_query(f"\n  {case['query']}\u200b\t", dialect).query == case["becomes"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_changes_are_placed_where_they_first_occur(dialect: str) -> None:
    for case in CASES[dialect]:
        if "becomes" in case:
            positions = [change.position for change in import_query(case["query"], dialect).changes]
            assert positions == sorted(positions)
            assert all(0 <= position < len(case["query"]) for position in positions)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_deep_nesting_is_an_error_not_a_crash(dialect: str) -> None:
    assert import_query("(" * 60 + "a" + ")" * 60, dialect).query == "a"
    with pytest.raises(QueryError, match="nested more than"):
        import_query("(" * 40_000 + "a" + ")" * 40_000, dialect)
    for prefix in ("hd=", "atleast2 ", "title:", "headline(", "intitle:", "NOT ", "-"):
        with contextlib.suppress(QueryError):
            import_query(prefix * 10_000 + "a", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_long_queries_are_taken_and_endless_ones_refused(dialect: str) -> None:
    terms = [f"term{number}" for number in range(2_000)]
    assert import_query(" OR ".join(terms), dialect).query == " OR ".join(terms)
    with pytest.raises(QueryError, match="at most 100000 characters"):
        import_query("a " * 60_000, dialect)


PIECES = sorted(
    {piece for cases in CASES.values() for case in cases for piece in case["query"].split()} | set("()[]-?*\"'|$^~/")
)


@given(
    st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join)
    | st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.sampled_from([*DIALECTS]),
)
def test_any_text_gives_a_query_that_parses_or_a_clear_error(text: str, dialect: str) -> None:
    position, query = 0, "refused"
    try:
        query = import_query(text, dialect).query
    except QueryError as error:
        position = error.position
    assert 0 <= position <= len(text)
    parse(query)
