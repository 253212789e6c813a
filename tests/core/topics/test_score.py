from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.query import Document
from core.topics import Tagger, Topic, WeightedQuery, tag
from core.topics.definitions import FieldName, Rule, TermList

FILLER = "The council met on Monday and spoke about roads and bridges for a long time."


def topic(*queries: WeightedQuery, threshold: float = 0.001, name: str = "t") -> Topic:
    return Topic(name=name, title="T", threshold=threshold, queries=queries)


def query(text: str, weight: float = 1.0, language: str | None = None, field: FieldName = "any") -> WeightedQuery:
    return WeightedQuery(query=text, weight=weight, language=language, field=field)


def score(title: str, text: str, *queries: WeightedQuery) -> float:
    found = tag(title, text, None, [topic(*queries)])
    return found[0].score if found else 0.0


def body(*paragraphs: str) -> str:
    """A text whose lead says nothing of Syria."""
    return "\n".join((FILLER, FILLER, FILLER, FILLER, *paragraphs))


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("Syria", FILLER, 3.0),
        ("Roads", "In Syria. " + FILLER, 2.0),
        ("", "In Syria. " + FILLER, 5.0),
        ("Roads", body("Then Syria."), 1.0),
        ("Roads", body("Then Syria, Syria, Syria."), 1.0),
        ("Roads", body("Then Syria.", "And Syria."), 2.0),
        ("Roads", body(*["Syria again."] * 20), 6.0),
        ("Syria", "In Syria. " + body("Syria."), 6.0),
        ("Roads", FILLER, 0.0),
        ("", "", 0.0),
    ],
)
def test_the_score_depends_on_the_place_of_the_words(title: str, text: str, expected: float) -> None:
    assert score(title, text, query("syria")) == expected


def test_a_long_body_damps_what_it_says_in_passing() -> None:
    text = body(*[FILLER] * 100, "At last Syria.")
    assert 0 < score("Roads", text, query("syria")) < 0.5


def test_an_and_must_hold_in_one_passage_to_count_in_full() -> None:
    rule = query("iran saudi")
    assert score("Roads", body("Iran and Saudi Arabia."), rule) == 1.0
    assert score("Roads", body("Iran and Saudi Arabia.", "Saudi Arabia and Iran."), rule) == 2.0
    assert score("Roads", body("Iran.", "Saudi Arabia.", "Iran.", "Saudi Arabia."), rule) == 1.0


def test_the_query_with_the_most_weight_counts_in_a_passage() -> None:
    assert score("Syria Damascus", FILLER, query("syria"), query("damascus", 1.5)) == 4.5


def test_negative_weights_are_subtracted() -> None:
    assert score("Syrian hamster", FILLER, query("syrian", 1.5), query("hamster", -1.0)) == 1.5
    assert score("Syrian hamster", FILLER, query("syrian"), query("hamster", -1.0)) == 0.0


@pytest.mark.parametrize(("field", "expected"), [("title", 3.0), ("lead", 2.0), ("body", 1.0), ("any", 6.0)])
def test_a_query_can_be_bound_to_a_field(field: FieldName, expected: float) -> None:
    assert score("Syria", "In Syria. " + body("Syria."), query("syria", field=field)) == expected


def test_language_chooses_the_queries() -> None:
    rules = [topic(query("syrien", language="de"), query("syrie", language="fr"), query("sy", 1.0))]
    assert tag("Syrien", "", "de", rules)
    assert not tag("Syrien", "", "fr", rules)
    assert tag("Syrien", "", None, rules)
    assert tag("Sy", "", "zu", rules)


def test_matches_are_stretches_of_the_articles_own_fields() -> None:
    title, text = "Talks on Syria", body("Then “Syria”.", "In al-Tanf, Syria.")
    (found,) = tag(title, text, "en", [topic(query("syria"), query("al-tanf"))])
    fields = {"title": title, "text": text}
    assert [(m.field, m.text) for m in found.matches] == [
        ("text", "Syria"),
        ("text", "al-Tanf"),
        ("text", "Syria"),
        ("title", "Syria"),
    ]
    assert all(fields[match.field][match.start : match.end] == match.text for match in found.matches)


def test_topics_come_by_score_then_name() -> None:
    rules = [topic(query("a"), name="z"), topic(query("a"), name="y"), topic(query("a", 2.0), name="x")]
    assert [found.topic for found in tag("a", "", None, rules)] == ["x", "y", "z"]


def test_chinese_paragraphs_are_cut_by_length_too() -> None:
    text = "市议会周一讨论道路和桥梁的预算。" * 12 + "叙利亚。"
    assert score("道路", text, query("叙利亚")) == 1.0


@given(st.text(st.sampled_from("ab.。\n 叙é !?\u200b"), max_size=400), st.text(st.sampled_from("ab 叙"), max_size=12))
def test_every_hit_of_a_lone_word_is_found_in_some_passage(text: str, title: str) -> None:
    tagger = Tagger([topic(query("a OR 叙"))])
    found = tagger.tag(title, text, None, Document(title, text))
    fields = {"title": title, "text": text}
    whole = {name for name, value in fields.items() if Tagger([topic(query("a OR 叙"))]).tag(value, "", None)}
    assert bool(found) == bool(whole)
    for match in found[0].matches if found else ():
        assert fields[match.field][match.start : match.end] == match.text


@pytest.mark.parametrize(("inflected", "found"), [((), False), (("cs",), True)])
def test_inflected_languages_have_countries_with_other_endings(inflected: tuple[str, ...], found: bool) -> None:
    topic = Topic(
        name="one",
        title="One",
        threshold=1.0,
        inflected=inflected,
        lists={"where": TermList(countries=("UA",)), "what": TermList(terms={"cs": "příměř*"})},
        rules=(Rule(name="both", all=("where", "what"), title=2.0),),
    )
    assert bool(tag("Příměří s Ukrajinou", "", "cs", [topic])) is found
