"""Whole wire articles, a file a language, filed as a desk editor would. Clear cases must be clear: none near the threshold."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.topics import Tagger, builtin_topics

TOPICS = builtin_topics()
MARGIN = 0.4
FILES = sorted((Path(__file__).parent / "articles").glob("*.toml"))
ARTICLES = [
    pytest.param(file.stem, article, id=f"{file.stem}: {article['title']}")
    for file in FILES
    for article in tomllib.loads(file.read_text("utf-8"))["article"]
]


@pytest.fixture(scope="module")
def scorer() -> Tagger:
    """The topics without their thresholds, so that every score shows."""
    return Tagger(msgspec.structs.replace(topic, threshold=1e-9) for topic in TOPICS)


def test_every_language_has_articles_of_every_topic_and_of_no_topic() -> None:
    assert {file.stem for file in FILES} == {"en", "ar", "fa", "ru", "uk", "tr", "fr", "de", "es", "zh"}
    for file in FILES:
        articles = tomllib.loads(file.read_text("utf-8"))["article"]
        assert {topic for article in articles for topic in article["topics"]} == {topic.name for topic in TOPICS}
        assert any(not article["topics"] for article in articles)


@pytest.mark.parametrize("hinted", [True, False], ids=["language known", "language unknown"])
@pytest.mark.parametrize(("language", "article"), ARTICLES)
def test_articles_are_filed_as_a_desk_would(
    scorer: Tagger, language: str, article: dict[str, Any], hinted: bool
) -> None:
    tagged = scorer.tag(article["title"], article["text"], language if hinted else None)
    scores = {found.topic: found.score for found in tagged}
    for topic in TOPICS:
        over = scores.get(topic.name, 0.0) - topic.threshold
        assert over >= MARGIN if topic.name in article["topics"] else over <= -MARGIN, (topic.name, scores)
