from __future__ import annotations

import pytest
from hypothesis import given, settings

from core.query import format_query, parse
from tests.core.query import strategies
from tests.laws import examples


@pytest.mark.parametrize(
    ("query", "formatted"),
    [
        ("syria   iraq", "syria AND iraq"),
        ("“peace  talks” OR ((truce))", '"peace talks" OR truce'),
        ('"Syria"', "Syria"),
        ('"AND" "title:x" "NEAR/5" "-x"', '"AND" AND "title:x" AND "NEAR/5" AND "-x"'),
        ("a b OR c NOT (d e)", "a AND b OR c AND NOT (d AND e)"),
        ("(a OR b) c", "(a OR b) AND c"),
        ("TITLE: (a) NEAR/3 (b NEAR/2 c)", "title:a NEAR/3 (b NEAR/2 c)"),
        ("(a NEAR/1 b) ONEAR/2 c", "a NEAR/1 b ONEAR/2 c"),
        ("title:(a NEAR/1 b)", "title:(a NEAR/1 b)"),
        ("LEAD/50 ( a OR b )", "LEAD/50(a OR b)"),
        ("ATLEAST/03(cs:Élysée)", "ATLEAST/3(cs:Élysée)"),
        ("stem:(a b)", "stem:(a AND b)"),
        ("Al-Tanf U.S. don’t", "Al-Tanf AND U.S. AND don’t"),
    ],
)
def test_a_query_has_one_form(query: str, formatted: str) -> None:
    assert format_query(parse(query)) == formatted


@settings(max_examples=examples(400), deadline=None)
@given(strategies.queries)
def test_parses_to_the_same_and_stays(query: str) -> None:
    parsed = parse(query)
    text = format_query(parsed)
    again = parse(text)
    assert again == parsed
    assert hash(again) == hash(parsed)
    assert format_query(again) == text
