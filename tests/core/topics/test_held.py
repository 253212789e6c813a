"""Speeches that go through several subjects, without a title, in ten languages: written before the topics were looked at.

Syria leads each of them and is its subject; the talks on Ukraine are one paragraph at the end, which is a mention. What lies
between may be seen either way, and is not judged here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.topics import Tagger, builtin_topics

HELD = Path(__file__).parent / "held"
SPEECHES = tomllib.loads((HELD / "roundups.toml").read_text("utf-8"))["article"]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(builtin_topics())


def test_there_is_one_in_each_language() -> None:
    assert {one["language"] for one in SPEECHES} == {"en", "fr", "de", "es", "ru", "uk", "tr", "ar", "fa", "zh"}


@pytest.mark.parametrize("hinted", [True, False], ids=["language known", "language unknown"])
@pytest.mark.parametrize("article", SPEECHES, ids=lambda one: one["language"])
def test_a_speech_is_filed_under_what_it_is_about(tagger: Tagger, article: dict[str, str], hinted: bool) -> None:
    tagged = tagger.tag("", article["text"], article["language"] if hinted else None)
    topics = {found.topic for found in tagged}
    assert "syria" in topics
    assert "ukraine-talks" not in topics
