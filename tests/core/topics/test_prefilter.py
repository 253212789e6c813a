"""The prefilter lets through every topic that an article or a part of it can have: tagging without it gives the same."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from core.query import Document, compile_query, parse
from core.topics import Tagger, Topic, WeightedQuery, builtin_topics
from core.topics.prefilter import TopicPrefilter

WORDS = (
    "syria",
    "damascus",
    "talks",
    "sanction",
    "sanctions",
    "tanf",
    "al",
    "سوريا",
    "叙利亚",
    "制裁",
    "U.S.",
    "переговоры",
)
TEXTS = st.lists(st.sampled_from((*WORDS, "road", "bridge", ". ", "\n")), max_size=120).map(" ".join)
LEAVES = st.sampled_from(
    (*WORDS, "sanc*", '"al tanf"', '"damascus talks"', "NEAR/2(syria talks)", "title:syria", "stem:talks", "source:x")
)
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" AND ".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} OR {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} NOT {pair[1]})"),
    ),
    max_leaves=5,
).map(lambda text: text.replace("NEAR/2(syria talks)", "syria NEAR/2 talks"))
RULES = st.builds(
    WeightedQuery,
    query=QUERIES,
    weight=st.sampled_from((1.0, 1.5, -1.0)),
    language=st.sampled_from((None, "en", "ru")),
    field=st.sampled_from(("any", "title", "lead", "body")),
)


def topics_of(rules: list[list[WeightedQuery]]) -> list[Topic]:
    return [
        Topic(name=f"t{number}", title="T", threshold=0.5, queries=tuple(each)) for number, each in enumerate(rules)
    ]


@settings(deadline=None)
@given(
    st.lists(st.lists(RULES, min_size=1, max_size=3), min_size=1, max_size=3),
    TEXTS,
    TEXTS,
    st.sampled_from((None, "en")),
)
def test_tagging_without_the_prefilter_gives_the_same(
    rules: list[list[WeightedQuery]], title: str, text: str, language: str | None
) -> None:
    topics = topics_of(rules)
    found = Tagger(topics).tag(title, text, language)
    with patch.object(TopicPrefilter, "topics", lambda _self, _document: set(range(len(topics)))):
        assert Tagger(topics).tag(title, text, language) == found


def test_an_article_about_something_else_never_has_its_words_placed() -> None:
    tagger = Tagger(builtin_topics())
    document = Document("Roads and bridges", "The council met the president about a restaurant. " * 30, language="en")
    with patch.object(Document, "part", side_effect=AssertionError("cut into passages")):
        assert tagger.tag("Roads and bridges", "", "en", document) == ()


def test_two_words_side_by_side_are_let_through_wherever_they_stand() -> None:
    prefilter = TopicPrefilter([(7, compile_query(parse('"al tanf"')))])
    assert prefilter.topics(Document("", "tanf and al", language="en")) == {7}
    assert prefilter.topics(Document("", "tanf alone", language="en")) == set()
