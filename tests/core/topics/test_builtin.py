from __future__ import annotations

import pytest

from core.topics import Topic, builtin_topics, check_topic, tag
from tests.corpora import corpus

TOPICS = {topic.name: topic for topic in builtin_topics()}
LANGUAGES = {"en", "ar", "fa", "ru", "uk", "tr", "fr", "de", "es", "zh", "ja", "ko"}
WITH_TERMS = LANGUAGES | {"it", "pt", "pl", "he", "ur", "nl"}
WHAT = {
    "syria": {"events", "abroad"},
    "ukraine-talks": {"peace", "talks"},
    "iran-saudi": {"contact", "quarrel", "sport"},
}


def test_the_three_are_there() -> None:
    assert list(TOPICS) == ["iran-saudi", "syria", "ukraine-talks"]


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_examples_come_out_right(topic: Topic) -> None:
    assert [str(failure) for failure in check_topic(topic)] == []


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_every_language_has_terms_and_examples(topic: Topic) -> None:
    assert topic.description
    for name in WHAT[topic.name]:
        assert set(topic.lists[name].terms) - {"any"} >= WITH_TERMS, name
    assert {example.language for example in topic.must_match} == LANGUAGES
    assert {example.language for example in topic.must_not_match} == LANGUAGES
    assert len(topic.must_match) >= 15
    assert len(topic.must_not_match) >= 15


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_no_examples_of_one_topic_are_given_to_another(topic: Topic) -> None:
    others = [other for other in TOPICS.values() if other is not topic]
    for example in topic.must_match:
        assert tag(example.title, example.text, example.language, others) == ()


@pytest.mark.corpus
@pytest.mark.parametrize("language", ["en", None])
def test_the_seed_article_has_all_three(language: str | None) -> None:
    for seed in sorted(corpus("seed").glob("*.txt")):
        text = seed.read_text("utf-8")
        found = tag("", text, language, TOPICS.values())
        assert {topic.topic for topic in found} == set(TOPICS)
        assert all(one.score >= 1.5 * TOPICS[one.topic].threshold for one in found)
        assert all(text[match.start : match.end] == match.text for topic in found for match in topic.matches)
