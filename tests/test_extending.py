"""The examples of docs/extending.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from core.topics import Tagger, check_topic, load_topic

PAGE = (Path(__file__).parents[1] / "docs/extending.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_topic_passes_its_own_examples() -> None:
    [definition] = blocks("toml")
    topic = load_topic(definition, "docs/extending.md")
    assert check_topic(topic) == []
    tagged = Tagger((topic,)).tag("Train drivers vote for a walkout", "The rail strike begins in May.", "en")
    assert [one.topic for one in tagged] == ["rail-strikes"]
