"""The tutorial of docs/topics.md: its files and commands, as a reader would type them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.topics import builtin_topics, load_topic
from core.topics.fit import START, START_AGAINST
from tests.pages import Reader

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/topics.md").read_text("utf-8")
TUTORIAL = PAGE[PAGE.index("## Your own topic") : PAGE.index("## The file")]


def block(language: str) -> str:
    """The tutorial's only block in this language."""
    [found] = re.findall(rf"^```{language} [^\n]*\n(.*?)^```", TUTORIAL, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_tutorial_ends_with_a_topic_that_holds(tmp_path: Path) -> None:
    assert Reader(tmp_path).follow(TUTORIAL) == 4
    fitted = (tmp_path / "rail-strikes.toml").read_text("utf-8")
    # Only numbers changed.
    numbers = re.compile(r"^(title|lead|body|threshold) = -?[\d.]+\n", re.MULTILINE)
    assert numbers.sub("", block("toml")) == numbers.sub("", fitted)
    assert block("toml") != fitted


def test_the_first_words_of_each_definition_are_those_of_its_file() -> None:
    for topic in builtin_topics():
        assert re.search(rf"^\| `{topic.name}` \|", PAGE, re.MULTILINE), topic.name
        assert "Not " in topic.description


def test_the_starts_that_the_page_names() -> None:
    shown = re.search(r"begins, ([\d., and]+?) \(against: ([-\d., ]+)\)", PAGE)
    assert shown is not None
    numbers = [[float(one) for one in re.findall(r"-?\d\.\d", part)] for part in shown.groups()]
    assert numbers == [list(START.values()), list(START_AGAINST.values())]


@pytest.mark.parametrize("key", ["needs", "list", "rule", "query", "must_match", "must_not_match", "threshold"])
def test_every_key_of_a_file_is_on_the_page(key: str) -> None:
    assert re.search(rf"^\|.*{key}", PAGE, re.MULTILINE)
    assert load_topic(block("toml"), "tutorial").rules
