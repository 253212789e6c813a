"""A vendor's query that is nested or chained without end is refused with its place, in every dialect."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import QueryError
from core.query import parse
from core.query.importing import DIALECTS, import_query
from tests.laws import examples, shares

PIECES = (
    *("(", ")", "[", "{", "}", ",", "|", "-", "a ", '"a b" ', '"a b"~5 ', "a* ", "NOT ", "AND ", "OR "),
    *("NEAR/5 ", "NEAR/5f ", "w/5 ", "adj5 ", "near5 ", "same ", "onear/3 ", "AROUND(5) "),
    *("hd=", "title:", "title:(", "intitle:", "atleast5 ", "raw:"),
)


def read(query: str, dialect: str) -> str:
    """What it became, or why it was refused."""
    try:
        return import_query(query, dialect).query
    except QueryError as error:
        # The caret stands below a place of the query.
        return error.pointer() + query[error.position : error.position] + error.problem


LENGTH = 20_000 // shares(4)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("piece", PIECES)
def test_a_piece_repeated_without_end(dialect: str, piece: str) -> None:
    begun = time.process_time()
    for query in (f"a {piece}" * (LENGTH // (len(piece) + 2)) + "b", piece * (LENGTH // len(piece)) + "b"):
        assert read(query, dialect)
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("dialect", DIALECTS)
def test_chains_within_groups_within_chains(dialect: str) -> None:
    near = {"factiva": "near5", "google": "AROUND(5)"}.get(dialect, "NEAR/5")
    chain = f" {near} ".join(["a"] * 60)
    query = chain
    for _ in range(60):
        query = f"({query}) {near} {chain}"
    assert read(query, dialect)


@settings(max_examples=examples(200), deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=40), dialect=st.sampled_from(sorted(DIALECTS)))
def test_whatever_is_taken_our_language_reads(pieces: list[str], dialect: str) -> None:
    try:
        made = import_query("".join(pieces), dialect).query
    except QueryError:
        return
    parse(made)
