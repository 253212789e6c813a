from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

from pipeline.query import Document, compile_query, parse

sys.path.insert(0, str(Path(__file__).parent))
import query_oracle as oracle
import query_strategies as strategies


def shown(query: str, text: str, title: str = "") -> list[str] | None:
    found = compile_query(parse(query)).match(Document(title, text))
    if found is None:
        return None
    fields = {"title": title, "text": text}
    assert all(fields[match.field][match.start : match.end] == match.text for match in found)
    assert list(found) == sorted(set(found))
    return [match.text for match in found]


@pytest.mark.parametrize(
    ("query", "text", "spans"),
    [
        ("al-tanf", "The Al-Tanf base", ["Al-Tanf"]),
        ('"al tanf"', "The Al-Tanf base", ["Al-Tanf"]),
        ("altanf", "The Al-Tanf base", None),
        ("don't", "They don’t talk", ["don’t"]),
        ("don", "They don't talk", None),
        ("iran", "Iran's and l'Iran", ["Iran", "Iran"]),
        ("us", "the U.S. and us", ["U.S", "us"]),
        ("U.S.", "the U.S. and us", ["U.S"]),
        ("pagan", "propaganda", None),
        ("elysee", "l’Élysée", ["Élysée"]),
        ("سوريا", "زار سُوريَّا أمس", ["سُوريَّا"]),
        ("ایران", "إيران والسعودية", ["إيران"]),
        ("叙利亚", "在叙利亚问题", ["叙利亚"]),
        ("叙", "在叙利亚问题", ["叙"]),
        ("叙利亚", "叙利，利亚", None),
        ("sanction*", "Sanctions, sanctioned", ["Sanctions", "sanctioned"]),
        ("s?ria", "Syria Soria Sria", ["Syria", "Soria"]),
        ("i*n", "Iran in Iranian", ["Iran", "in", "Iranian"]),
        ('"peace talk*"', "Peace talks. A talk of peace", ["Peace talks"]),
        ('"a a"', "a a a", ["a a", "a a"]),
        ("a b", "b a b", ["b", "a", "b"]),
        ("(a b) OR c", "a c", ["c"]),
        ("a OR NOT b", "a b", ["a"]),
        ("a NOT b", "a b", None),
        ("NOT b", "a", []),
        ("NOT (a NOT b)", "a b", []),
        ("NOT NOT a", "a", ["a"]),
    ],
)
def test_what_is_shown(query: str, text: str, spans: list[str] | None) -> None:
    assert shown(query, text) == spans


def test_phrases_span_no_field_boundary() -> None:
    assert shown('"peace talks"', "talks begin", "Hopes for peace") is None
    assert shown("peace talks", "talks begin", "Hopes for peace") == ["talks", "peace"]


def test_a_hostile_word_does_not_stall_a_wildcard() -> None:
    assert shown("a*a*a*a*a*a*a*a*b", "a" * 20_000) is None


@settings(max_examples=300)
@given(strategies.queries, strategies.texts, strategies.texts)
def test_the_same_as_the_oracle(query: str, title: str, text: str) -> None:
    parsed = parse(query)
    assert compile_query(parsed).match(Document(title, text)) == oracle.matches(parsed.root, title, text)
