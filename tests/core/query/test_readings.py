from __future__ import annotations

import pytest
from hypothesis import given

from core.query.readings import changes
from core.query.words import VERSION
from tests.core.query import strategies


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("Sana'a OR aden", ["Sana'a"]),
        ("O'Brien NOT title:Iran's", ["O'Brien"]),
        ("don't OR l'Iran OR U.S. OR 3.5 OR зв'язок", []),
        ("U.S*", ["U.S*"]),
        ('"سوريا الجديدة"', ["سوريا الجديدة"]),
        ("سوريا", []),
        ("آتش\u200cبس", ["آتش\u200cبس"]),
        ("ﾀﾞﾏ", ["ﾀﾞﾏ"]),
        ("ダマ", []),
        ("叙利亚「停火」", ["「"]),
        ("syria OR\u200f iraq", ["OR\u200f"]),
        ("ירושלים", ["ירושלים"]),
        ("source:ירושלים", []),
        ("syria (", []),
    ],
)
def test_queries_that_version_2_reads_differently(query: str, parts: list[str]) -> None:
    assert [one.part for one in changes(query, 1)] == parts


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("ज़मीन OR जमीन", ["ज़मीन"]),
        ('"हिन्दी भाषा" NOT title:चाँद', ["हिन्दी भाषा", "चाँद"]),
        ("source:हिन्दी OR topic:हिन्दी", ["हिन्दी"]),
        ("Sana'a OR ירושלים", []),
    ],
)
def test_queries_that_version_3_reads_differently(query: str, parts: list[str]) -> None:
    assert [one.part for one in changes(query, 2)] == parts


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ('"תל אביב" OR title:"בן גוריון"', ["תל אביב", "בן גוריון"]),
        ('תל OR "חיל האוויר" OR source:"תל אביב"', []),
        ("ज़मीन", []),
    ],
)
def test_queries_that_version_4_reads_differently(query: str, parts: list[str]) -> None:
    assert [one.part for one in changes(query, 3)] == parts


@given(strategies.queries)
def test_what_was_saved_under_this_version_is_read_as_it_was(query: str) -> None:
    assert changes(query, VERSION) == []
    assert all(0 <= one.position <= len(query) for one in changes(query, 1))
