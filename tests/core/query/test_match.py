from __future__ import annotations

import pytest
from hypothesis import given, settings

from core.query import Document, compile_query, parse
from tests.core.query import oracle, strategies
from tests.laws import examples


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
        ("a NEAR/1 b", "a x b x x a", ["a", "b"]),
        ("a NEAR/0 b", "b a x b", ["b", "a"]),
        ("a ONEAR/1 b", "b a x x b", None),
        ("a NEAR/0 a", "a b a", None),
        ("a NEAR/1 b NEAR/0 c", "c b x a", ["c", "b", "a"]),
        ("(a OR b) NEAR/0 c", "a x b c", ["b", "c"]),
        ("(a AND b) NEAR/2 c", "a c x b", ["a", "c", "b"]),
        ("(a AND b) NEAR/1 c", "a c x x b", None),
        ("(a NOT b) NEAR/0 c", "a c x b", ["a", "c"]),
        ('"a b" NEAR/1 "c d"', "c d x a b", ["c d", "a b"]),
        ("叙利亚 NEAR/2 伊朗", "叙利亚和与伊朗", ["叙利亚", "伊朗"]),
        ("ATLEAST/2(a)", "a b", None),
        ("ATLEAST/2(a OR b)", "a b", ["a", "b"]),
        ("ATLEAST/2(a AND b)", "a b a", None),
        ("LEAD/2(a)", "x a a", ["a"]),
        ("LEAD/2(a b)", "x a b", None),
        ('LEAD/2("a b")', "x a b a b", None),
        ("LEAD/3(LEAD/2(a))", "x x a", None),
        ("cs:BEST", "the best BEST", ["BEST"]),
        ("cs:Best*", "the best Bester", ["Bester"]),
        ('cs:"Best Buy"', "best buy Best Buy", ["Best Buy"]),
        ("cs:US", "us U.S. US", ["US"]),
        ("stem:negotiation", "they negotiate, a negative", ["negotiate"]),
        ("stem:переговоры", "на переговорах", ["переговорах"]),
        ("body:a", "a", ["a"]),
        ("title:a", "a", None),
        ("NOT title:a", "a", []),
        ("آتش\u200cبس", "در آتش\u200cبس و آتشبس", ["آتش\u200cبس", "آتشبس"]),
        ("سوريا", "وسوريا لسوريا بسوريا فلسوريا", ["وسوريا", "لسوريا", "بسوريا", "فلسوريا"]),
        ("سورية", "والسورية للسورية", ["والسورية", "للسورية"]),
        ("مصر", "ومصر", ["ومصر"]),
        ("تاب", "كتاب", None),
        ("له", "الله", None),
    ],
)
def test_what_is_shown(query: str, text: str, spans: list[str] | None) -> None:
    assert shown(query, text) == spans


@pytest.mark.parametrize(
    ("query", "language", "text", "spans"),
    [
        ("stem:négociation", "fr", "ils ont négocié la négociation", ["négocié", "négociation"]),
        ("stem:Verhandlung", "de", "neue Verhandlungen", ["Verhandlungen"]),
        ("stem:görüşme", "tr", "görüşmeler İstanbul'da", ["görüşmeler"]),
        ("stem:санкції", "uk", "під санкціями", ["санкціями"]),
        ("stem:санкции", "ru", "под санкциями", ["санкциями"]),
        ("stem:مفاوضات", "ar", "في المفاوضات", ["المفاوضات"]),
        ("stem:negotiation", "ru", "negotiation negotiations", ["negotiation"]),
        ("stem:talks", "xx", "a talk, talks", ["talks"]),
        ("ایران", "fa", "وایران ایران", ["ایران"]),
        ("إيران", "ar", "وإيران", ["وإيران"]),
    ],
)
def test_by_the_documents_language(query: str, language: str, text: str, spans: list[str]) -> None:
    found = compile_query(parse(query)).match(Document("", text, language=language))
    assert found is not None
    assert [match.text for match in found] == spans


ARTICLE = {
    "source": "reuters.com", "language": "en", "topics": ("iran-saudi", "syria"),
    "url": "https://www.example.org/world/syria-1", "authors": ("Jane Doe", "Max Roe"),
    "labels": ("agency", "public broadcaster"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("source:reuters", True),
        ("source:reuters.com", True),
        ("source:reut", False),
        ("lang:en", True),
        ("lang:EN", True),
        ("lang:(ar OR fr)", False),
        ("topic:iran-saudi", True),
        ("topic:iran", False),
        ("topic:iran*", True),
        ("topic:(syria AND iran-saudi)", True),
        ("kind:agency", True),
        ("kind:Agency", True),
        ("kind:state", False),
        ("kind:(agency NOT state)", True),
        ("kind:public", False),
        ('kind:"Public broadcaster"', True),
        ("kind:pub*", True),
        ("agency", False),
        ("url:example.org/world", True),
        ("url:https://www.example.org", True),
        ("url:org/syria", False),
        ('author:"doe max"', False),
        ("author:(jane NEAR/0 doe)", True),
        ("author:(jane NEAR/9 max)", False),
        ("author:cs:Doe", True),
        ("author:cs:doe", False),
        ("jane", False),
        ("title:source:reuters", False),
        ("NOT author:doe", False),
    ],
)
def test_conditions_on_metadata_hold_as_a_case_says(query: str, holds: bool) -> None:
    found = compile_query(parse(query)).match(Document("", "", **ARTICLE))  # type: ignore[arg-type]
    assert found == (() if holds else None)


def test_phrases_span_no_field_boundary() -> None:
    assert shown('"peace talks"', "talks begin", "Hopes for peace") is None
    assert shown("peace talks", "talks begin", "Hopes for peace") == ["talks", "peace"]


def test_a_hostile_word_does_not_stall_a_wildcard() -> None:
    assert shown("a*a*a*a*a*a*a*a*b", "a" * 20_000) is None


@settings(max_examples=examples(500), deadline=None)
@given(strategies.queries, strategies.texts, strategies.texts, strategies.metadata)
def test_the_same_as_the_oracle(query: str, title: str, text: str, meta: oracle.Meta) -> None:
    parsed = parse(query)
    document = Document(title, text, **meta._asdict())
    assert compile_query(parsed).match(document) == oracle.matches(parsed.root, title, text, meta)
